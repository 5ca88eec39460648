//! Bodies as clients send them, and their canonical documents.

use serde_json::json;

use super::*;
use crate::schema::packs::{self, ENTERPRISE_USER};
use crate::schema::registry::Registry;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";

fn run(resource_type: &str, body: Value, leniencies: Leniencies) -> Result<Normalised, ScimError> {
    let registry = Registry::standard().with_extension("User", packs::find("ws1b").unwrap(), false).unwrap();
    normalise(body, registry.resource_type(resource_type).unwrap(), &leniencies)
}

fn auto(resource_type: &str, body: Value) -> Normalised {
    run(resource_type, body, Leniencies::all()).unwrap()
}

fn warned(normalised: &Normalised) -> Vec<String> {
    normalised.warnings.iter().map(|warning| format!("{} {}", warning.leniency, warning.attribute)).collect()
}

#[test]
fn a_user_from_entra_id_needs_no_leniency() {
    let body = json!({
        "schemas": [USER, ENTERPRISE_USER], "externalId": "ada", "userName": "ada@corp.test", "active": true,
        "emails": [{ "primary": true, "type": "work", "value": "ada@corp.test" }], "meta": { "resourceType": "User" },
        "name": { "givenName": "Ada", "familyName": "Byron" }, "roles": [], "addresses": null
    });
    for leniencies in [Leniencies::all(), Leniencies::strict()] {
        let found = run("User", body.clone(), leniencies).unwrap();
        let expected = json!({
            "schemas": [USER], "externalId": "ada", "userName": "ada@corp.test", "active": true,
            "emails": [{ "primary": true, "type": "work", "value": "ada@corp.test" }],
            "name": { "givenName": "Ada", "familyName": "Byron" }
        });
        assert_eq!(Value::Object(found.document.clone()), expected);
        assert!(found.warnings.is_empty() && found.unknown.is_empty());
        assert_eq!(found.document.keys().next().unwrap(), "schemas");
    }
}

#[test]
fn an_extension_may_be_an_object_flat_keys_or_plain_names() {
    let expected = json!({
        "schemas": [USER, ENTERPRISE_USER], "userName": "ada",
        ENTERPRISE_USER: { "department": "R&D", "manager": { "value": "6f1c" } }
    });
    let malformed = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User";
    for extension in [
        json!({ ENTERPRISE_USER: { "department": "R&D", "manager": { "value": "6f1c" } } }),
        json!({ ENTERPRISE_USER.to_uppercase(): { "DEPARTMENT": "R&D", "manager": "6f1c" } }),
        json!({ format!("{ENTERPRISE_USER}:department"): "R&D", format!("{ENTERPRISE_USER}:manager"): "6f1c" }),
        json!({ format!("{ENTERPRISE_USER}:department"): "R&D", ENTERPRISE_USER: { "manager.value": "6f1c" } }),
        json!({ format!("{ENTERPRISE_USER}:department"): "R&D", format!("{ENTERPRISE_USER}:manager.value"): "6f1c" }),
        json!({ "department": "R&D", "manager": [{ "$ref": null, "value": "6f1c" }] }),
        json!({ format!("{malformed}:department"): "R&D", malformed: { "manager": { "value": "6f1c" } } }),
    ] {
        let mut body = json!({ "schemas": [USER], "userName": "ada" });
        body.as_object_mut().unwrap().extend(extension.as_object().unwrap().clone());
        let found = auto("User", body.clone());
        assert_eq!(Value::Object(found.document.clone()), expected, "{body}");
        assert!(warned(&found).contains(&format!("extension-undeclared {ENTERPRISE_USER}")), "{body}");
    }
}

#[test]
fn a_urn_with_a_dotted_version_is_recognised() {
    let found =
        auto("User", json!({ "schemas": [USER, WS1B], "userName": "a", format!("{WS1B}:customAttribute3"): "x" }));
    assert_eq!(found.document[WS1B], json!({ "customAttribute3": "x" }));
    assert_eq!(found.document["schemas"], json!([USER, WS1B]));
    assert!(found.warnings.is_empty());
}

#[test]
fn dotted_keys_are_merged_into_their_attribute() {
    let body = json!({
        "schemas": [USER], "name.givenName": "Ada", "name": { "familyName": "Byron" }, "NAME.FAMILYNAME": "Lovelace"
    });
    let found = auto("User", body);
    assert_eq!(found.document["name"], json!({ "givenName": "Ada", "familyName": "Lovelace" }));
    assert_eq!(warned(&found), ["pathless-dotted-keys name.givenName", "pathless-dotted-keys name.familyName"]);
}

#[test]
fn the_urn_of_the_base_schema_may_prefix_attributes() {
    let body = json!({ "schemas": [USER], USER: { "userName": "ada" }, format!("{USER}:title"): "Countess" });
    let found = auto("User", body);
    assert_eq!(Value::Object(found.document), json!({ "schemas": [USER], "userName": "ada", "title": "Countess" }));
}

#[test]
fn names_are_read_in_any_case() {
    let body =
        json!({ "SCHEMAS": [USER.to_uppercase()], "USERNAME": "ada", "Emails": [{ "Value": "a", "Type": "work" }] });
    let found = run("User", body, Leniencies::strict()).unwrap();
    let expected = json!({ "schemas": [USER], "userName": "ada", "emails": [{ "value": "a", "type": "work" }] });
    assert_eq!(Value::Object(found.document), expected);
}

#[test]
fn attributes_that_clients_may_not_write_are_ignored() {
    let body = json!({
        "schemas": [USER], "id": "1", "meta": {}, "groups": [], "password": "secret", "userName": "ada",
        "meta.version": "W/\"1\""
    });
    for leniencies in [Leniencies::all(), Leniencies::strict()] {
        let found = run("User", body.clone(), leniencies).unwrap();
        assert_eq!(Value::Object(found.document), json!({ "schemas": [USER], "userName": "ada" }));
        assert!(found.unknown.is_empty() && found.warnings.is_empty());
    }
}

#[test]
fn unknown_attributes_are_kept_as_written() {
    let foreign = "urn:scim:schemas:core:1.0";
    let body = json!({
        "schemas": [USER, foreign], "shoeSize": { "EU": 38 }, "name": { "pet": "Ady" }, "emails.value": "a",
        "emails": [{ "value": "a", "verified": true }, { "value": "b", "verified": false }],
        "urn:acme:badge": { "colour": "blue" }, ENTERPRISE_USER: { "desk": 7 }
    });
    let found = auto("User", body.clone());
    let expected = json!({
        "shoeSize": { "EU": 38 }, "name.pet": "Ady", "emails.value": "a", "emails.verified": [true, false],
        "urn:acme:badge": { "colour": "blue" }, format!("{ENTERPRISE_USER}:desk"): 7
    });
    assert_eq!(found.unknown.to_json(), expected);
    assert_eq!(
        Value::Object(found.document.clone()),
        json!({ "schemas": [USER], "emails": [{ "value": "a" }, { "value": "b" }] })
    );
    for warning in [
        "unknown-attribute-set-aside shoeSize",
        "unknown-attribute-set-aside name.pet",
        "unknown-attribute-set-aside emails.value",
        "unknown-attribute-set-aside emails.verified",
        "unknown-schema-urn urn:acme:badge",
        "unknown-schema-urn urn:scim:schemas:core:1.0",
    ] {
        assert!(warned(&found).contains(&warning.to_owned()), "{warning}");
    }
}

#[test]
fn strict_refuses_each_leniency_with_the_attribute_name() {
    let adscim = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let bodies = [
        json!({ "schemas": [USER], "shoeSize": 38 }),
        json!({ "schemas": [USER, adscim] }),
        json!({ "userName": "ada" }),
        json!({ "schemas": [USER], ENTERPRISE_USER: { "department": "R&D" } }),
        json!({ "schemas": [USER], "name.givenName": "Ada" }),
        json!({ "schemas": USER }),
        json!({ "schemas": [USER], "name": { "nope": 1 } }),
    ];
    let errors = bodies.map(|body| {
        let error = run("User", body, Leniencies::strict()).unwrap_err();
        format!("{}: {error}", error.status)
    });
    insta::assert_snapshot!(errors.join("\n"), @r#"
    400: "shoeSize" is not an attribute of User; remove it, or add an extension that defines it.
    400: schemas names "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group", which User does not have.
    400: schemas must name urn:ietf:params:scim:schemas:core:2.0:User.
    400: schemas must name urn:ietf:params:scim:schemas:extension:enterprise:2.0:User, whose attributes follow.
    400: "name.givenName" must be written as an object within its attribute.
    400: schemas must be an array of schema URNs.
    400: name.nope is not an attribute of this resource type.
    "#);
}

#[test]
fn the_extra_group_urn_of_entra_id_is_only_a_warning() {
    let adscim = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let found = auto("Group", json!({ "schemas": [GROUP, adscim], "displayName": "Crew" }));
    assert_eq!(Value::Object(found.document.clone()), json!({ "schemas": [GROUP], "displayName": "Crew" }));
    assert_eq!(warned(&found), [format!("unknown-schema-urn {adscim}")]);
}

#[test]
fn members_are_separated_from_the_document_without_duplicates() {
    let body = json!({
        "schemas": [GROUP], "displayName": "Crew",
        "members": [
            { "value": "u1", "$ref": null, "display": "Ada" }, { "value": "u2", "type": "User" },
            { "value": "u1" }, { "Value": "U1" }
        ]
    });
    let found = run("Group", body, Leniencies::strict()).unwrap();
    let second = Member { value: "u2".into(), kind: Some("User".into()) };
    assert_eq!(found.detached, [Member::new("u1"), second, Member::new("U1")]);
    assert!(!found.document.contains_key("members"));
    assert!(auto("Group", json!({ "displayName": "Crew", "members": [] })).detached.is_empty());
    assert_eq!(auto("Group", json!({ "displayName": "Crew", "members": ["u1"] })).detached, [Member::new("u1")]);
    let error = run("Group", json!({ "members": [{ "type": "User" }] }), Leniencies::all()).unwrap_err();
    assert_eq!(error.detail, "members: each element must have a value, which is an id.");
}

#[test]
fn bodies_that_are_not_a_resource_are_refused() {
    for body in [json!(null), json!([]), json!("ada"), json!(7)] {
        let error = run("User", body, Leniencies::all()).unwrap_err();
        assert_eq!(error.detail, "The body must be a JSON object: the User itself.");
    }
    for body in [
        json!({ "userName": "a\u{0}" }),
        json!({ "shoeSize": ["a\u{0}"] }),
        json!({ "schemas": [7] }),
        json!({ "schemas": {} }),
        json!({ ENTERPRISE_USER: "R&D" }),
        json!({ ENTERPRISE_USER: [] , "userName": {} }),
    ] {
        let error = run("User", body.clone(), Leniencies::all()).unwrap_err();
        assert_eq!((error.status, error.scim_type), (400, Some(crate::error::ScimType::InvalidValue)), "{body}");
    }
}

#[test]
fn texts_are_kept_verbatim() {
    let body = json!({
        "schemas": [USER], "userName": " Ada@Corp.Test ", "externalId": "ÄDA",
        "phoneNumbers": [{ "value": "+44 (0)20-7946 0000", "type": "Untyped" }], "profileUrl": "HTTP://Ada.Test/%7e",
        "name": { "formatted": "Åsa\nÅsa" }, "locale": "xx-nowhere"
    });
    let found = run("User", body.clone(), Leniencies::strict()).unwrap();
    assert_eq!(Value::Object(found.document), body);
}

#[test]
fn normalising_a_canonical_document_changes_nothing() {
    let body = json!({
        "userName": "ada", "active": "True", "name.givenName": "Ada", "manager": "6f1c",
        "emails": { "value": "a", "primary": "true" }, "roles": ["{\"value\":\"Admin\"}"]
    });
    let first = auto("User", body).document;
    let second = run("User", Value::Object(first.clone()), Leniencies::strict()).unwrap();
    assert_eq!(second.document, first);
    assert!(second.warnings.is_empty());
}
