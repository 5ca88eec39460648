use serde_json::json;

use super::*;

fn read(rules: &Value) -> Result<DirectorySchema, ScimError> {
    let text = |rule: &Value, name: &str| rule[name].as_str().map(str::to_owned);
    let statement = |rule: &Value| Statement {
        resource_type: text(rule, "resourceType").unwrap_or("User".to_owned()),
        path: text(rule, "path").unwrap_or_default(),
        kind: text(rule, "type"),
        required: rule["required"] == true,
        allowed: rule["allowed"].as_array().cloned().unwrap_or_default(),
        unique: rule["unique"] == true,
        generation: 7,
        subject: (rule["subject"] == true).then(Besides::default),
    };
    let statements: Vec<Statement> = rules.as_array().unwrap().iter().map(statement).collect();
    DirectorySchema::read(&statements, &Registry::standard())
}

/// The sentence about a document, or nothing.
fn broken(rule: &Value, document: &Value) -> Option<String> {
    let schema = read(&json!([rule])).unwrap();
    let rules = schema.of("User").unwrap();
    rules.broken(document.as_object().unwrap()).map(|(_, sentence)| sentence)
}

#[test]
fn a_broken_rule_is_named_with_the_value() {
    let mail = r#"emails[type eq "work"].value"#;
    let cases = [
        (json!({ "path": "nickName", "required": true }), json!({}), "nickName is required."),
        (json!({ "path": "nickName", "required": true }), json!({ "nickName": "" }), "nickName is required."),
        (json!({ "path": "nickName", "required": true }), json!({ "nickName": "a" }), ""),
        (
            json!({ "path": mail, "required": true }),
            json!({ "emails": [{ "type": "home", "value": "a@x" }] }),
            "emails[type eq \"work\"].value is required.",
        ),
        (json!({ "path": mail, "required": true }), json!({ "emails": [{ "type": "work", "value": "a@x" }] }), ""),
        (json!({ "path": "emails", "required": true }), json!({ "emails": [] }), "emails is required."),
        (
            json!({ "path": "title", "type": "dateTime" }),
            json!({ "title": "soon" }),
            "title must be a date and time such as 2026-05-01T09:30:00Z, and is \"soon\".",
        ),
        (json!({ "path": "title", "type": "dateTime" }), json!({}), ""),
        (json!({ "path": "userType", "allowed": ["Employee", "Guest"] }), json!({ "userType": "EMPLOYEE" }), ""),
        (
            json!({ "path": "userType", "allowed": ["Employee", "Guest"] }),
            json!({ "userType": "Robot" }),
            "userType must be one of \"Employee\", \"Guest\", and is \"Robot\".",
        ),
        (
            json!({ "path": "roles.value", "allowed": ["a"] }),
            json!({ "roles": [{ "value": "a" }, { "value": "b" }] }),
            "roles.value must be \"a\", and is \"b\".",
        ),
        (
            json!({ "path": "active", "allowed": [true] }),
            json!({ "active": false }),
            "active must be true, and is false.",
        ),
        (
            json!({ "path": "userType", "allowed": ["1", "2", "3", "4", "5", "6", "7"] }),
            json!({ "userType": "x" }),
            "userType must be one of \"1\", \"2\", \"3\", \"4\", \"5\" or 2 others, and is \"x\".",
        ),
    ];
    for (rule, document, expected) in cases {
        assert_eq!(broken(&rule, &document).unwrap_or_default(), expected, "{rule} {document}");
    }
}

#[test]
fn a_rule_that_cannot_hold_is_refused() {
    let cases = [
        (
            json!([{ "path": "badge", "required": true }]),
            "Rule 1: badge is not an attribute of User; see /Schemas for those there are.",
        ),
        (
            json!([{ "path": "nickName" }]),
            "Rule 1: it says nothing of nickName: give type, required, allowed or unique.",
        ),
        (json!([{ "path": "name", "unique": true }]), "Rule 1: name is complex; name one of its sub-attributes."),
        (json!([{ "path": "active", "unique": true }]), "Rule 1: active has two values, so it cannot be unique."),
        (
            json!([{ "path": "title", "type": "integer" }]),
            "Rule 1: title has the type string, so no value of it can be integer.",
        ),
        (
            json!([{ "path": "title", "type": "list" }]),
            "Rule 1: list is not a type: string, boolean, decimal, integer, dateTime, binary or reference is one.",
        ),
        (json!([{ "path": "title", "allowed": [1] }]), "Rule 1: title must be a text, so 1 cannot be allowed."),
        (json!([{ "path": "groups.value", "required": true }]), "Rule 1: mapped documents do not have groups.value."),
        (
            json!([{ "path": "members", "required": true, "resourceType": "Group" }]),
            "Rule 1: mapped documents do not have members.",
        ),
        (
            json!([{ "path": "title", "required": true }, { "path": "TITLE", "unique": true }]),
            "Rule 2: title has a rule already; state all of it in one.",
        ),
        (
            json!([{ "path": "title", "required": true, "resourceType": "Robot" }]),
            "Rule 1: there is no resource type Robot.",
        ),
    ];
    for (rules, expected) in cases {
        assert_eq!(read(&rules).unwrap_err().detail, expected, "{rules}");
    }
    let many: Vec<Value> = (0..=MAX_RULES).map(|_| json!({ "path": "title", "required": true })).collect();
    assert_eq!(read(&many.into()).unwrap_err().detail, "A directory schema has at most 100 rules.");
}

#[test]
fn unique_values_are_those_of_the_path_without_blanks() {
    let schema =
        read(&json!([{ "path": "emails.value", "unique": true }, { "path": "title", "required": true }])).unwrap();
    let rules = schema.of("User").unwrap();
    assert!(rules.has_unique() && schema.of("Group").is_none());
    let document = json!({ "title": "x", "emails": [{ "value": "a@x" }, { "value": "" }, { "type": "work" }, { "value": "b@x" }] });
    let document = document.as_object().unwrap();
    let values = rules.unique_values(document);
    assert_eq!(path_of("7 emails[type eq \"work\"].value"), "emails[type eq \"work\"].value");
    let shown: Vec<(&str, &Value)> = values.iter().map(|it| (&**it.entry, it.value)).collect();
    assert_eq!(shown, [("7 emails.value", &json!("a@x")), ("7 emails.value", &json!("b@x"))]);
}

#[test]
fn a_single_sign_on_subject_is_one_text() {
    let rule = |path: &str| json!([{ "path": path, "required": true, "unique": true, "subject": true }]);
    for path in ["externalId", "userName", r#"emails[type eq "work"].value"#, "profileUrl"] {
        assert!(read(&rule(path)).is_ok(), "{path}");
    }
    for (path, why) in [
        ("active", "has two values"),
        ("emails.value", "select one"),
        ("emails", "is complex"),
        ("name", "is complex"),
        ("x509Certificates[primary eq true].value", "has the type binary"),
    ] {
        let refusal = read(&rule(path)).unwrap_err();
        assert!(refusal.detail.contains(why), "{path}: {}", refusal.detail);
    }
    let mail = r#"emails[type eq "work"].value"#;
    let schema = read(&rule(mail)).unwrap();
    let rules = schema.of("User").unwrap();
    assert_eq!(rules.subject_path(), Some(mail));
    let document = |emails: Value| json!({ "emails": emails });
    for (emails, subject, complaint) in [
        (json!([]), None, "is required: it is the single sign-on subject."),
        (json!([{ "type": "work", "value": "" }]), None, "is required"),
        (json!([{ "type": "home", "value": "b" }, { "type": "work", "value": "A" }]), Some("A"), ""),
        (json!([{ "type": "work", "value": "a" }, { "type": "work", "value": "b" }]), Some("a"), "has 2 values"),
    ] {
        let document = document(emails);
        let document = document.as_object().unwrap();
        assert_eq!(rules.subject_of(document), subject);
        let found = rules.broken(document).map(|(_, sentence)| sentence).unwrap_or_default();
        assert!(found.contains(complaint) && found.is_empty() == complaint.is_empty(), "{found}");
    }
    assert_eq!(read(&json!([{ "path": "title", "unique": true }])).unwrap().of("User").unwrap().subject_path(), None);
}
