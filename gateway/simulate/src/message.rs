//! The bodies that clients write alike: by the RFCs, with lower-case operations.

use serde_json::{Map, Value, json};

use crate::attribute::{ENTERPRISE, GROUP, USER, WS1B};
use crate::change::Change;
use crate::exchange::quoted;
use crate::model::{Group, Values};
use crate::users::Patch;

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A PATCH of these operations.
#[must_use]
pub fn patch(operations: impl Into<Value>) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations.into() })
}

/// The schemas of a user with these values.
#[must_use]
pub fn schemas(values: &Values) -> Vec<&'static str> {
    let extensions = [ENTERPRISE, WS1B].into_iter().filter(|urn| values.keys().any(|it| it.schema() == *urn));
    std::iter::once(USER).chain(extensions).collect()
}

/// A user with these values; the first address is the primary one.
#[must_use]
pub fn user(values: &Values) -> Map<String, Value> {
    let mut body = Map::from_iter([("schemas".to_owned(), json!(schemas(values)))]);
    for (attribute, value) in values {
        attribute.write(&mut body, value.clone());
    }
    if let Some(mail) = body.get_mut("emails").and_then(|mails| mails.get_mut(0)) {
        mail["primary"] = true.into();
    }
    body
}

/// The same as a whole, with what a client knows of it besides.
#[must_use]
pub fn user_with(values: &Values, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut body = user(values);
    body.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(body)
}

/// An operation with a path for each change.
#[must_use]
pub fn changes(changes: &[Change]) -> Patch {
    let operation = |change: &Change| {
        let path = change.attribute.path();
        match (&change.before, &change.after) {
            (_, None) => json!({ "op": "remove", "path": path }),
            (None, Some(value)) => json!({ "op": "add", "path": path, "value": value }),
            (Some(_), Some(value)) => json!({ "op": "replace", "path": path, "value": value }),
        }
    };
    Patch { body: patch(changes.iter().map(operation).collect::<Vec<_>>()), as_text: false }
}

/// A group as it is made, with members or without.
#[must_use]
pub fn group(group: &Group, members: Option<&[String]>) -> Value {
    let mut body = json!({ "schemas": [GROUP], "displayName": group.display_name });
    if !group.external_id.is_empty() {
        body["externalId"] = group.external_id.as_str().into();
    }
    if let Some(ids) = members {
        body["members"] = members_of(ids).into();
    }
    body
}

/// Members by their ids.
#[must_use]
pub fn members_of(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

/// Adds members.
#[must_use]
pub fn add(ids: &[String]) -> Value {
    json!({ "op": "add", "path": "members", "value": members_of(ids) })
}

/// Removes one by its path.
#[must_use]
pub fn remove_one(id: &str) -> Value {
    json!({ "op": "remove", "path": format!("members[value eq {}]", quoted(id)) })
}

/// Removes each by its path.
#[must_use]
pub fn remove_by_path(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| remove_one(id)).collect()
}

/// Removes one by a list of values, which the RFC does not know.
#[must_use]
pub fn remove_by_value(id: &str) -> Value {
    json!({ "op": "remove", "path": "members", "value": [{ "value": id }] })
}

/// Renames.
#[must_use]
pub fn rename(name: &str) -> Value {
    patch(vec![json!({ "op": "replace", "path": "displayName", "value": name })])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{ACTIVE, DEPARTMENT, MAIL, TITLE};

    #[test]
    fn a_user_names_the_schemas_that_it_uses() {
        let values = Values::from([(MAIL, json!("A@Corp.Test")), (DEPARTMENT, json!("IT"))]);
        let body = user_with(&values, [("groups", json!([]))]);
        assert_eq!(body["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!(body["emails"], json!([{ "type": "work", "value": "A@Corp.Test", "primary": true }]));
        assert_eq!(body["groups"], json!([]));
        assert_eq!(schemas(&Values::from([(MAIL, json!("a"))])), [USER]);
    }

    #[test]
    fn a_change_is_added_replaced_or_removed() {
        let changed = changes(&[
            Change { attribute: ACTIVE, before: Some(true.into()), after: Some(false.into()) },
            Change { attribute: MAIL, before: None, after: Some("a".into()) },
            Change { attribute: TITLE, before: Some("b".into()), after: None },
        ]);
        assert_eq!(
            changed.body["Operations"],
            json!([
                { "op": "replace", "path": "active", "value": false },
                { "op": "add", "path": "emails[type eq \"work\"].value", "value": "a" },
                { "op": "remove", "path": "title" },
            ])
        );
    }

    #[test]
    fn members_leave_by_their_paths_or_by_a_list() {
        let ids = ["u1".to_owned(), "u\"2".to_owned()];
        let by_path = json!([
            { "op": "remove", "path": "members[value eq \"u1\"]" },
            { "op": "remove", "path": "members[value eq \"u\\\"2\"]" },
        ]);
        assert_eq!(Value::from(remove_by_path(&ids)), by_path);
        let list = json!([{ "value": "u1" }]);
        assert_eq!(remove_by_value(&ids[0]), json!({ "op": "remove", "path": "members", "value": list }));
    }
}
