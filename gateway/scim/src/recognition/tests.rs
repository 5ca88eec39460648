use serde_json::json;

use super::*;

fn head<'a>(method: &'a str, path: &'a str, query: &'a str) -> Head<'a> {
    Head { method, path, query, ..Head::default() }
}

fn by_head(head: &Head<'_>) -> Option<&'static str> {
    in_head(head).map(|signal| signal.name)
}

fn by_body(method: &str, body: &Value) -> Option<&'static str> {
    in_body(method, body).map(|signal| signal.name)
}

#[test]
fn signal_names_are_unique_and_name_a_client() {
    for signal in &SIGNALS {
        assert_eq!(SIGNALS.iter().filter(|it| it.name == signal.name).count(), 1, "{}", signal.name);
        assert!(!matches!(signal.profile, Profile::Auto | Profile::Strict | Profile::Interop2026), "{}", signal.name);
        assert_eq!(find(signal.name).map(|found| found.profile), Some(signal.profile));
    }
    for strength in [Strength::Likely, Strength::Certain] {
        assert_eq!(Strength::from_word(strength.word()), Some(strength));
    }
}

#[test]
fn the_user_agent_identifies_the_client() {
    for (agent, profile) in [
        ("Okta SCIM Client 1.0.0", Profile::Okta),
        ("Microsoft Azure AD SCIM provisioning 1.0.0", Profile::Entra),
        ("Microsoft Entra provisioning", Profile::Entra),
        ("OneLogin", Profile::OneLogin),
        ("JumpCloud/1.0", Profile::JumpCloud),
        ("PingFederate/12.1", Profile::Ping),
        ("PingOne", Profile::Ping),
        ("Google-Workspace-SCIM", Profile::Google),
        ("Google-Apps", Profile::Google),
        ("Rippling SCIM", Profile::Rippling),
        ("SailPoint Connector", Profile::SailPoint),
        ("IdentityNow", Profile::SailPoint),
    ] {
        let found = in_head(&Head { user_agent: agent, ..head("GET", "/Users", "") });
        assert_eq!(found.map(|it| (it.profile, it.strength)), Some((profile, Strength::Certain)), "{agent}");
    }
    for agent in ["", "curl/8.5", "python-requests/2.31", "Google-HTTP-Java-Client/1.41", "Apache-HttpClient/4.5"] {
        assert_eq!(by_head(&Head { user_agent: agent, ..head("GET", "/Users", "") }), None, "{agent}");
    }
}

#[test]
fn the_head_of_a_request_identifies_the_client() {
    for (head, expected) in [
        (head("GET", "/Users", "startIndex=1&count=2"), Some("page-of-two")),
        (head("GET", "/Users", "startIndex=1&count=100"), None),
        (head("GET", "/Groups", "startIndex=1&count=2"), None),
        (head("GET", "/Users", "filter=userName+eq+%22a%22"), None),
        (head("GET", "/Users", "aadOptscim062020/Users?filter=x"), Some("entra-feature-flag")),
        (head("PATCH", "/Users/7", "AzureAdScimPatch2017"), Some("entra-feature-flag")),
        (head("GET", "/Users", "filter=id+eq+%227%22+and+manager+eq+%228%22"), Some("reference-check")),
        (head("GET", "/Groups", "filter=id%20eq%20%227%22%20and%20members%20eq%20%228%22"), Some("reference-check")),
        (head("GET", "/Groups", "filter=displayName eq \"a\" and members eq \"8\""), None),
        (Head { bare_token: true, ..head("GET", "/Users", "aadOptscim062020") }, Some("entra-feature-flag")),
    ] {
        assert_eq!(by_head(&head), expected, "{head:?}");
    }
}

#[test]
fn the_body_of_a_post_identifies_the_client() {
    let adscim = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    for (body, expected) in [
        (json!({ "schemas": [adscim], "displayName": "crew" }), Some("adscim-schema")),
        (json!({ "roles": [{ "type": "WindowsAzureActiveDirectoryRole" }] }), Some("azure-role")),
        (json!({ "userName": "ada", "meta": { "resourceType": "User" } }), Some("created-with-meta")),
        (json!({ "userName": "ada", "meta": { "resourceType": "User", "version": "1" } }), None),
        (json!({ "userName": "ada", "groups": [], "password": "x" }), Some("created-with-empty-groups")),
        (json!({ "userName": "ada", "groups": [] }), None),
        (json!({ "userName": "ada", "groups": [{ "value": "7" }], "locale": "en" }), None),
        (json!({ "schemas": ["urn:scim:schemas:core:1.0"], "userName": "ada" }), Some("schema-of-1.0")),
        (json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada" }), None),
        (json!(["ada"]), None),
        (json!(null), None),
    ] {
        assert_eq!(by_body("POST", &body), expected, "{body}");
        assert_eq!(by_body("PUT", &body), None, "a PUT may repeat a body that was read: {body}");
    }
}

#[test]
fn patch_operations_identify_the_client() {
    for (operation, expected) in [
        (json!({ "op": "Replace", "path": "active", "value": "False" }), Some("capitalised-operation")),
        (json!({ "op": "REPLACE", "path": "active", "value": false }), None),
        (json!({ "op": "replace", "value": { "active": false } }), None),
        (json!({ "op": "replace", "value": { "name.givenName": "Ada" } }), Some("dotted-keys-without-path")),
        (json!({ "op": "replace", "value": { "urn:x:2.0:User:a": "Ada" } }), None),
        (json!({ "op": "replace", "path": "name", "value": { "a.b": "Ada" } }), None),
        (
            json!({ "op": "replace", "value": { "id": "7", "displayName": "crew" } }),
            Some("replace-without-path-with-id"),
        ),
        (json!({ "op": "replace", "path": "manager", "value": { "id": "7" } }), None),
        (json!({ "op": "remove", "path": "members", "value": [{ "value": "7" }] }), Some("removal-by-value")),
        (json!({ "op": "Remove", "path": "members", "value": [{ "value": "7" }] }), Some("capitalised-operation")),
        (json!({ "op": "remove", "path": "members", "value": [] }), None),
        (json!({ "op": "remove", "path": "members" }), None),
        (json!("remove"), None),
    ] {
        let body = json!({ "Operations": [operation] });
        assert_eq!(by_body("PATCH", &body), expected, "{body}");
        assert_eq!(by_body("POST", &body), None, "{body}");
    }
}

#[test]
fn a_certain_signal_outranks_a_likely_one() {
    use Profile::{Entra, JumpCloud, Okta};
    use Strength::{Certain, Likely};
    for (new, known, old, expected) in [
        ((Entra, Likely), None, false, true),
        ((Entra, Certain), None, false, true),
        ((Entra, Certain), Some((Entra, Likely)), false, true),
        ((Okta, Certain), Some((Entra, Likely)), false, true),
        ((Entra, Certain), Some((Entra, Certain)), true, false),
        ((Okta, Certain), Some((Entra, Certain)), false, false),
        ((Okta, Certain), Some((Entra, Certain)), true, true),
        // A signal of the other Entra dialect does not replace a known client.
        ((JumpCloud, Likely), Some((Entra, Likely)), true, false),
        ((Okta, Likely), Some((Entra, Certain)), true, false),
        ((Entra, Likely), Some((Entra, Likely)), true, false),
    ] {
        assert_eq!(outranks(new, known, old), expected, "{new:?} over {known:?}");
    }
}
