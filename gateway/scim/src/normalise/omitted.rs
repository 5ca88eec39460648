//! PUT for clients that omit attributes they do not mean to change. RFC 7644 §3.5.1: omitted attributes "MAY" be cleared.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::rebuild_schemas;
use crate::schema::ResourceType;

/// Copies into `document` the attributes of `before` that the body did not mention. `cleared` lists those it mentioned
/// without a value: full names of attributes, and URNs of extensions.
pub fn keep(before: &Map<String, Value>, document: &mut Map<String, Value>, cleared: &[String], rt: &ResourceType) {
    let cleared: HashSet<String> = cleared.iter().map(|name| name.to_ascii_lowercase()).collect();
    let is_cleared = |name: &str| cleared.contains(&name.to_ascii_lowercase());
    for (name, value) in before {
        if name == "schemas" || is_cleared(name) {
            continue;
        }
        match value {
            Value::Object(data) if rt.extension(name).is_some() => {
                let entry = document.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(now) = entry else { continue };
                for (own, value) in data.iter().filter(|(own, _)| !is_cleared(&format!("{name}:{own}"))) {
                    now.entry(own.clone()).or_insert_with(|| value.clone());
                }
            }
            value => {
                document.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    rebuild_schemas(document, rt);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::leniency::Leniencies;
    use crate::normalise::normalise;
    use crate::schema::packs::ENTERPRISE_USER;
    use crate::schema::registry::Registry;

    #[test]
    fn omitted_attributes_stay_and_cleared_ones_are_removed() {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
        let read = |body: Value| normalise(body, user, &Leniencies::all()).unwrap();
        let before = read(json!({
            "schemas": [urn, ENTERPRISE_USER], "userName": "ada", "title": "Countess", "nickName": "A",
            "emails": [{ "value": "a@b" }], "name": { "givenName": "Ada", "familyName": "Byron" },
            (ENTERPRISE_USER): { "department": "R&D", "costCenter": "7" },
        }));
        for (body, expected) in [
            (json!({ "userName": "ada" }), json!(["title", "nickName", "emails", "name", ENTERPRISE_USER])),
            (json!({ "userName": "ada", "title": null, "emails": [] }), json!(["nickName", "name", ENTERPRISE_USER])),
            (json!({ "userName": "ada", (ENTERPRISE_USER): null, "nickName": "" }), json!(["title", "emails", "name"])),
        ] {
            let found = read(body.clone());
            let mut document = found.document;
            keep(&before.document, &mut document, &found.cleared, user);
            let kept: Vec<&String> =
                document.keys().filter(|key| !matches!(key.as_str(), "schemas" | "userName")).collect();
            let mut expected: Vec<&str> = expected.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
            let mut kept: Vec<&str> = kept.into_iter().map(String::as_str).collect();
            kept.sort_unstable();
            expected.sort_unstable();
            assert_eq!(kept, expected, "{body}");
        }
        let found =
            read(json!({ "userName": "ada", "name": { "givenName": "A" }, (ENTERPRISE_USER): { "department": null } }));
        let mut document = found.document;
        keep(&before.document, &mut document, &found.cleared, user);
        assert_eq!(
            document["name"],
            json!({ "givenName": "A" }),
            "a mentioned complex attribute is replaced as a whole"
        );
        assert_eq!(document[ENTERPRISE_USER], json!({ "costCenter": "7" }));
        assert_eq!(document["schemas"], json!([urn, ENTERPRISE_USER]));
    }
}
