//! The tutorial plugin, run from WASM with the tutorial's configuration.

use scimgate_plugin_host::Decision;
use scimgate_plugin_sdk::serde_json::{Value, json};

use crate::support::{HOST, TUTORIAL, TestDocument, context, generous};

fn run(config: &Value, before: Value) -> (Decision, Value) {
    let result = HOST.run(&TUTORIAL, &context(), &config.to_string(), TestDocument::new(before), &generous());
    (result.decision.unwrap(), result.document.into_value())
}

#[test]
fn a_user_is_mapped() {
    let config = json!({
        "lowerCaseMail": true,
        "buildDisplayName": true,
        "lift": {
            "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User:customAttribute1": "urn:example:product:2.0:User:badgeNumber"
        },
        "excludeWhere": { "path": "userType", "equals": "Contractor" }
    });
    let user = json!({
        "id": "1",
        "userName": "Ada@Example.COM",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "Ada@Example.COM", "type": "work" }, { "value": "ADA@home.example" }],
        "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User": { "customAttribute1": "B-7", "customAttribute2": "x" }
    });
    let (decision, after) = run(&config, user);
    assert_eq!(decision, Decision::Mapped);
    assert_eq!(
        after,
        json!({
            "id": "1",
            "userName": "Ada@Example.COM",
            "name": { "givenName": "Ada", "familyName": "Lovelace" },
            "emails": [{ "value": "ada@example.com", "type": "work" }, { "value": "ada@home.example" }],
            "displayName": "Ada Lovelace",
            "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User": { "customAttribute2": "x" },
            "urn:example:product:2.0:User": { "badgeNumber": "B-7" }
        })
    );
}

#[test]
fn a_user_is_excluded_or_rejected() {
    let config = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    let (decision, _) = run(&config, json!({ "userType": "Contractor" }));
    assert_eq!(decision, Decision::Excluded("userType is \"Contractor\".".to_owned()));
    let config = json!({ "rejectWhere": { "path": "userType", "equals": "Robot" } });
    let (decision, _) = run(&config, json!({ "userType": "robot" }));
    assert_eq!(
        decision,
        Decision::Rejected {
            scim_type: Some("invalidValue".to_owned()),
            detail: "userType must not be \"Robot\".".to_owned()
        }
    );
}
