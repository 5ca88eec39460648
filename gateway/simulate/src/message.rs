//! The request bodies of most providers, as the RFCs have them, with lower-case operations.

use serde_json::{Map, Value, json};

use crate::attribute::{ENTERPRISE, GROUP, USER, WS1B};
use crate::change::Change;
use crate::model::{Group, Values};
use crate::requests::quote;

const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A PATCH of a user.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    pub(crate) body: Value,
    /// Whether a boolean is written as text.
    pub(crate) as_text: bool,
}

/// The body of a PATCH.
pub(crate) fn patch(operations: impl Into<Value>) -> Value {
    json!({ "schemas": [PATCH_URN], "Operations": operations.into() })
}

/// The schemas of a user with these values.
pub(crate) fn schemas(values: &Values) -> Vec<&'static str> {
    let extensions = [ENTERPRISE, WS1B].into_iter().filter(|urn| values.keys().any(|it| it.schema() == *urn));
    std::iter::once(USER).chain(extensions).collect()
}

/// A user with these values; the first mail address is the primary one.
pub(crate) fn user(values: &Values) -> Map<String, Value> {
    let mut body = Map::from_iter([("schemas".to_owned(), json!(schemas(values)))]);
    for (attribute, value) in values {
        attribute.write(&mut body, value.clone());
    }
    if let Some(mail) = body.get_mut("emails").and_then(|mails| mails.get_mut(0)) {
        mail["primary"] = true.into();
    }
    body
}

/// The same, with further attributes.
pub(crate) fn user_with(values: &Values, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut body = user(values);
    body.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(body)
}

/// A PATCH with one operation per change, each with a path.
pub(crate) fn changes(changes: &[Change]) -> Patch {
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

/// A group, with or without members.
pub(crate) fn group(group: &Group, members: Option<&[String]>) -> Value {
    let mut body = json!({ "schemas": [GROUP], "displayName": group.display_name });
    if !group.external_id.is_empty() {
        body["externalId"] = group.external_id.as_str().into();
    }
    if let Some(ids) = members {
        body["members"] = members_of(ids).into();
    }
    body
}

/// The values of members.
pub(crate) fn members_of(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

/// An operation that adds members.
pub(crate) fn add(ids: &[String]) -> Value {
    json!({ "op": "add", "path": "members", "value": members_of(ids) })
}

/// An operation that removes a member by its path.
pub(crate) fn remove_one(id: &str) -> Value {
    json!({ "op": "remove", "path": format!("members[value eq {}]", quote(id)) })
}

/// Operations that remove each member by its path.
pub(crate) fn remove_by_path(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| remove_one(id)).collect()
}

/// An operation that removes a member by a list of values, a form that is not in the RFC.
pub(crate) fn remove_by_value(id: &str) -> Value {
    json!({ "op": "remove", "path": "members", "value": [{ "value": id }] })
}

/// A PATCH that renames a group.
pub(crate) fn rename(name: &str) -> Value {
    patch(vec![json!({ "op": "replace", "path": "displayName", "value": name })])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{ACTIVE, DEPARTMENT, MAIL, TITLE};

    #[test]
    fn a_user_lists_the_schemas_of_its_values() {
        let values = Values::from([(MAIL, json!("A@Corp.Test")), (DEPARTMENT, json!("IT"))]);
        let body = user_with(&values, [("groups", json!([]))]);
        assert_eq!(body["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!(body["emails"], json!([{ "type": "work", "value": "A@Corp.Test", "primary": true }]));
        assert_eq!(body["groups"], json!([]));
        assert_eq!(schemas(&Values::from([(MAIL, json!("a"))])), [USER]);
    }

    #[test]
    fn a_change_is_an_add_a_replace_or_a_remove() {
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
    fn members_are_removed_by_path_or_by_value() {
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
