//! The bodies that Entra sends, with and without its feature flag.

use serde_json::{Map, Value, json};

use crate::attribute::{ACTIVE, GROUP, MANAGER};
use crate::change::Change;
use crate::message::{Patch, members_of, patch, remove_by_path, user};
use crate::model::{Group, Values};

/// Entra lists this besides the schema of groups, and no server has it.
const ADSCIM: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
/// Members in one PATCH that adds.
pub(super) const MAX_ADDED_MEMBERS: usize = 100;
/// Operations in one PATCH that removes each member by its path.
pub(super) const MAX_REMOVE_OPERATIONS: usize = 20;
/// The number of shapes in which Entra sends a reference to a manager.
pub(super) const MANAGER_SHAPES: usize = 5;

/// How one request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without a feature flag.
    Default,
    /// With `aadOptscim062020`.
    Flag,
}

pub(super) fn create_user(values: &Values) -> Value {
    let mut body = user(values);
    body.insert("meta".to_owned(), json!({ "resourceType": "User" }));
    body.insert("roles".to_owned(), json!([]));
    body.entry("addresses").or_insert(Value::Null);
    Value::Object(body)
}

/// Groups are created empty.
pub(super) fn create_group(group: &Group) -> Value {
    json!({
        "schemas": [GROUP, ADSCIM],
        "externalId": group.external_id,
        "displayName": group.display_name,
        "meta": { "resourceType": "Group" },
    })
}

pub(super) fn change_user(style: Style, changes: &[Change]) -> Patch {
    match style {
        Style::Default => {
            let as_text = changes.iter().any(|change| change.attribute == ACTIVE);
            Patch { body: patch(changes.iter().map(by_attribute).collect::<Vec<_>>()), as_text }
        }
        Style::Flag => Patch { body: patch(by_value_path(changes)), as_text: false },
    }
}

/// One operation per attribute, with booleans as text; `Add` for values that were missing.
fn by_attribute(change: &Change) -> Value {
    let op = if change.before.is_some() { "Replace" } else { "Add" };
    let value = match &change.after {
        Some(Value::Bool(true)) => "True".into(),
        Some(Value::Bool(false)) => "False".into(),
        other => json!(other),
    };
    json!({ "op": op, "path": change.attribute.path(), "value": value })
}

/// Value paths first, then one replace without a path for all the rest.
fn by_value_path(changes: &[Change]) -> Vec<Value> {
    let (in_elements, rest): (Vec<&Change>, Vec<&Change>) =
        changes.iter().partition(|change| change.attribute.is_in_element());
    let by_path = |change: &Change| json!({ "op": "replace", "path": change.attribute.path(), "value": change.after });
    let mut operations: Vec<Value> = in_elements.into_iter().map(by_path).collect();
    if !rest.is_empty() {
        let value: Map<String, Value> =
            rest.into_iter().map(|change| (change.attribute.path(), json!(change.after))).collect();
        operations.push(json!({ "op": "replace", "value": value }));
    }
    operations
}

/// A reference to a manager, in one of the shapes that Entra uses.
pub(super) fn change_manager(style: Style, shape: usize, change: &Change) -> Value {
    let (bare, urn) = (MANAGER.name().to_owned(), MANAGER.path());
    let op = match (style, change.before.is_some()) {
        (Style::Default, true) => "Replace",
        (Style::Default, false) => "Add",
        (Style::Flag, true) => "replace",
        (Style::Flag, false) => "add",
    };
    let operation = match (&change.after, shape % MANAGER_SHAPES) {
        (Some(id), 0) => json!({ "op": op, "path": urn, "value": id }),
        (Some(id), 1) => json!({ "op": op, "path": bare, "value": id }),
        (Some(id), 2) => json!({ "op": op, "path": urn, "value": { "value": id } }),
        (Some(id), 3) => json!({ "op": op, "path": urn, "value": [{ "$ref": null, "value": id }] }),
        (Some(id), _) if style == Style::Flag => json!({ "op": op, "value": { (urn): id } }),
        (Some(id), _) => json!({ "op": op, "path": bare, "value": { "value": id } }),
        (None, 0 | 3) => json!({ "op": op, "path": urn, "value": "" }),
        (None, 1) => json!({ "op": op, "path": urn, "value": null }),
        (None, _) => json!({ "op": if style == Style::Flag { "remove" } else { "Remove" }, "path": urn }),
    };
    patch(vec![operation])
}

pub(super) fn rename_group(style: Style, name: &str) -> Value {
    patch(vec![match style {
        Style::Default => json!({ "op": "Replace", "path": "displayName", "value": name }),
        Style::Flag => json!({ "op": "replace", "value": { "displayName": name } }),
    }])
}

pub(super) fn add_members(style: Style, ids: &[String]) -> Value {
    let op = if style == Style::Default { "Add" } else { "add" };
    patch(vec![json!({ "op": op, "path": "members", "value": members_of(ids) })])
}

/// Removes members by a list or by path. Under the RFC alone, the list means all members.
pub(super) fn remove_members(style: Style, ids: &[String]) -> Value {
    match style {
        Style::Default => {
            let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id, "$ref": null })).collect();
            patch(vec![json!({ "op": "Remove", "path": "members", "value": members })])
        }
        Style::Flag => patch(remove_by_path(ids)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::attribute::{DEPARTMENT, ENTERPRISE, GIVEN_NAME, MAIL, NICK_NAME, USER};

    fn changes() -> Vec<Change> {
        let change = |attribute, before: Option<&str>, after: Value| Change {
            attribute,
            before: before.map(Value::from),
            after: Some(after),
        };
        vec![
            Change { attribute: ACTIVE, before: Some(true.into()), after: Some(false.into()) },
            change(NICK_NAME, None, "Countess".into()),
            change(MAIL, Some("a@corp.test"), "b@corp.test".into()),
            change(GIVEN_NAME, Some("Ada"), "Augusta".into()),
            change(DEPARTMENT, Some("IT"), "R&D".into()),
        ]
    }

    #[test]
    fn without_the_flag_operations_are_capitalised_and_booleans_are_text() {
        let sent = change_user(Style::Default, &changes());
        assert!(sent.as_text);
        assert_eq!(
            sent.body["Operations"],
            json!([
                { "op": "Replace", "path": "active", "value": "False" },
                { "op": "Add", "path": "nickName", "value": "Countess" },
                { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "b@corp.test" },
                { "op": "Replace", "path": "name.givenName", "value": "Augusta" },
                { "op": "Replace", "path": format!("{ENTERPRISE}:department"), "value": "R&D" },
            ])
        );
    }

    #[test]
    fn with_the_flag_value_paths_come_first_and_the_rest_is_one_operation() {
        let sent = change_user(Style::Flag, &changes());
        assert!(!sent.as_text);
        let rest = json!({
            "active": false, "nickName": "Countess", "name.givenName": "Augusta", (format!("{ENTERPRISE}:department")): "R&D",
        });
        assert_eq!(
            sent.body["Operations"],
            json!([
                { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@corp.test" },
                { "op": "replace", "value": rest },
            ])
        );
    }

    #[test]
    fn members_are_removed_by_list_or_by_path() {
        let ids = ["u1".to_owned(), "u2".to_owned()];
        let list = json!([{ "value": "u1", "$ref": null }, { "value": "u2", "$ref": null }]);
        let by_list = json!([{ "op": "Remove", "path": "members", "value": list }]);
        assert_eq!(remove_members(Style::Default, &ids)["Operations"], by_list);
        let by_path = json!([
            { "op": "remove", "path": "members[value eq \"u1\"]" },
            { "op": "remove", "path": "members[value eq \"u2\"]" },
        ]);
        assert_eq!(remove_members(Style::Flag, &ids)["Operations"], by_path);
    }

    #[test]
    fn a_manager_is_set_in_five_shapes_and_cleared_in_three() {
        let set = Change { attribute: MANAGER, before: None, after: Some("m1".into()) };
        let clear = Change { attribute: MANAGER, before: Some("m1".into()), after: None };
        for style in [Style::Default, Style::Flag] {
            let shapes = |change| {
                let bodies = (0..5).map(|shape| change_manager(style, shape, change).to_string());
                bodies.collect::<BTreeSet<_>>().len()
            };
            assert_eq!((shapes(&set), shapes(&clear)), (5, 3));
        }
    }

    #[test]
    fn a_new_user_has_the_attributes_that_entra_adds() {
        let values = Values::from([(MAIL, json!("A@Corp.Test")), (DEPARTMENT, json!("IT"))]);
        let body = create_user(&values);
        assert_eq!(body["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!((&body["addresses"], &body["roles"]), (&Value::Null, &json!([])));
    }
}
