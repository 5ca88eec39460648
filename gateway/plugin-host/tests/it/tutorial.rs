//! The tutorial's plugin, from WASM, on the tutorial's customer.

use scimgate_plugin_host::Outcome;
use scimgate_plugin_sdk::serde_json::{Value, json};

use crate::support::{HOST, TUTORIAL, TestDocument, context, patient};

fn run(config: &Value, before: Value) -> (Outcome, Value) {
    let result = HOST.run(&TUTORIAL, &context(), &config.to_string(), TestDocument::new(before), &patient());
    (result.outcome.unwrap(), result.document.into_value())
}

#[test]
fn maps_a_user() {
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
    let (outcome, after) = run(&config, user);
    assert_eq!(outcome, Outcome::Mapped);
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
fn leaves_out_and_refuses() {
    let config = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    let (outcome, _) = run(&config, json!({ "userType": "Contractor" }));
    assert_eq!(outcome, Outcome::Excluded("userType is \"Contractor\".".to_owned()));
    let config = json!({ "rejectWhere": { "path": "userType", "equals": "Robot" } });
    let (outcome, _) = run(&config, json!({ "userType": "robot" }));
    assert_eq!(
        outcome,
        Outcome::Rejected {
            scim_type: Some("invalidValue".to_owned()),
            detail: "userType must not be \"Robot\".".to_owned()
        }
    );
}
