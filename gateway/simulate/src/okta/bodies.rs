//! The bodies that Okta sends.

use serde_json::{Map, Value, json};

use crate::attribute::LANGUAGE;
use crate::change::Change;
use crate::message::{self, Patch, members_of, patch};
use crate::model::Values;

/// A new user, with a random password and without groups.
pub(super) fn create(values: &Values, password: &str) -> Value {
    let locale = values.get(&LANGUAGE).cloned().unwrap_or_else(|| "en-US".into());
    message::user_with(values, [("locale", locale), ("groups", json!([])), ("password", password.into())])
}

/// The PUT of a catalogue app: the profile as Okta has it.
pub(super) fn profile(values: &Values, id: &str) -> Value {
    let locale = values.get(&LANGUAGE).cloned().unwrap_or_else(|| "en-US".into());
    let meta = json!({ "resourceType": "User" });
    message::user_with(values, [("id", id.into()), ("locale", locale), ("groups", json!([])), ("meta", meta)])
}

/// The PUT of a wizard app: the document that the server returned, including `id` and `meta`, with the changes.
pub(super) fn echo(seen: Value, changes: &[Change]) -> Value {
    let mut body = match seen {
        Value::Object(body) => body,
        _ => Map::new(),
    };
    for change in changes {
        match &change.after {
            Some(value) => change.attribute.write(&mut body, value.clone()),
            None => change.attribute.clear(&mut body),
        }
    }
    // Okta sends attributes without a value as empty ones.
    let name = body.entry("name").or_insert_with(|| json!({}));
    if let Some(name) = name.as_object_mut() {
        name.entry("middleName").or_insert_with(|| "".into());
    }
    body.entry("groups").or_insert_with(|| json!([]));
    // The schema of a written extension must be listed.
    let written: Vec<&str> =
        changes.iter().filter(|change| change.after.is_some()).map(|it| it.attribute.schema()).collect();
    if let Some(schemas) = body.get_mut("schemas").and_then(Value::as_array_mut) {
        for urn in written {
            if !schemas.iter().any(|listed| listed == urn) {
                schemas.push(urn.into());
            }
        }
    }
    Value::Object(body)
}

/// The change of `active` by a catalogue app, without a path.
pub(super) fn activate(active: Option<&Value>) -> Patch {
    Patch { body: patch(vec![json!({ "op": "replace", "value": { "active": active } })]), as_text: false }
}

/// A group's name, without a path and with the id.
pub(super) fn rename(id: &str, name: &str) -> Value {
    patch(vec![json!({ "op": "replace", "value": { "id": id, "displayName": name } })])
}

/// Removed members by path and added ones in a list, in one request.
pub(super) fn change_members(removed: &[String], added: &[String]) -> Value {
    let mut operations = message::remove_by_path(removed);
    if !added.is_empty() {
        operations.push(message::add(added));
    }
    patch(operations)
}

/// All members; the list may be empty.
pub(super) fn replace(ids: &[String]) -> Value {
    patch(vec![json!({ "op": "replace", "path": "members", "value": members_of(ids) })])
}

/// All members, without a path and with the name.
pub(super) fn replace_pathless(id: &str, name: &str, ids: &[String]) -> Value {
    let value = json!({ "members": members_of(ids), "id": id, "displayName": name });
    patch(vec![json!({ "op": "replace", "value": value })])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{DEPARTMENT, ENTERPRISE, GIVEN_NAME, TITLE, USER, USER_NAME};

    #[test]
    fn a_new_user_has_a_password_a_locale_and_no_groups() {
        let body = create(&Values::from([(USER_NAME, json!("ada@corp.test"))]), "secret");
        assert_eq!(
            body,
            json!({ "schemas": [USER], "userName": "ada@corp.test", "locale": "en-US", "groups": [], "password": "secret" })
        );
    }

    #[test]
    fn an_echo_keeps_the_document_and_applies_the_changes() {
        let seen = json!({
            "schemas": [USER], "id": "1", "meta": { "version": "W/\"2\"" }, "name": { "givenName": "Ada" },
            "title": "CFO", "nobody": "knows", "groups": [{ "value": "g" }],
        });
        let change = |attribute, after: Option<&str>| Change { attribute, before: None, after: after.map(Value::from) };
        let changes = [change(GIVEN_NAME, Some("Augusta")), change(TITLE, None), change(DEPARTMENT, Some("R&D"))];
        assert_eq!(
            echo(seen, &changes),
            json!({
                "schemas": [USER, ENTERPRISE], "id": "1", "meta": { "version": "W/\"2\"" },
                "name": { "givenName": "Augusta", "middleName": "" },
                "nobody": "knows", "groups": [{ "value": "g" }], (ENTERPRISE): { "department": "R&D" },
            })
        );
    }

    #[test]
    fn active_and_names_are_sent_without_a_path() {
        let active = activate(Some(&false.into())).body;
        assert_eq!(active["Operations"], json!([{ "op": "replace", "value": { "active": false } }]));
        let name = json!([{ "op": "replace", "value": { "id": "g", "displayName": "All" } }]);
        assert_eq!(rename("g", "All")["Operations"], name);
    }

    #[test]
    fn members_are_removed_and_added_in_one_request() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let both = json!([
            { "op": "remove", "path": "members[value eq \"a\"]" },
            { "op": "add", "path": "members", "value": [{ "value": "b" }] },
        ]);
        assert_eq!(change_members(&ids(&["a"]), &ids(&["b"]))["Operations"], both);
        assert_eq!(replace(&[])["Operations"], json!([{ "op": "replace", "path": "members", "value": [] }]));
    }
}
