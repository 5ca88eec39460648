use serde_json::{Map, Value, json};

use super::shown::{add, shown};
use super::*;

fn role(value: &str) -> Grant {
    Grant { attribute: GrantedAttribute::Roles, value: value.into(), display: None, kind: None, primary: false }
}

fn of_group(name: &str, grant: Grant) -> Rule {
    Rule { group: GroupName::DisplayName(name.into()), grant }
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
fn document(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn a_rule_that_cannot_hold_is_refused_by_its_number() {
    let entitlement = Grant { attribute: GrantedAttribute::Entitlements, ..role("admin") };
    let described = Grant { display: Some("Administrator".into()), ..role("admin") };
    let primary = |value: &str| Grant { primary: true, ..role(value) };
    let cases: Vec<(Vec<Rule>, &str)> = vec![
        (vec![of_group(" ", role("admin"))], "Rule 1: group.displayName is empty."),
        (vec![of_group("A", role(""))], "Rule 1: role.value is empty."),
        (vec![of_group("A", role("a\0b"))], "Rule 1: role.value has a control character."),
        (
            vec![of_group("A", Grant { display: Some("x".repeat(1025)), ..entitlement.clone() })],
            "Rule 1: entitlement.display is longer than 1024 bytes.",
        ),
        (
            vec![of_group("A", role("admin")), of_group("a", role("ADMIN"))],
            "Rule 2: an earlier rule gives the role ADMIN to the same group.",
        ),
        (
            vec![of_group("A", role("admin")), of_group("B", described)],
            "Rule 2: rule 1 describes the role admin differently; value, display, type and primary must be the same wherever it is given.",
        ),
        (
            vec![of_group("A", primary("admin")), of_group("B", primary("owner"))],
            "Rule 2: rule 1 gives another primary role; a member of both groups would have two.",
        ),
        (
            (0..=MAX_RULES).map(|index| of_group(&format!("G{index}"), role("admin"))).collect(),
            "There are 201 group rules; a tenant has at most 200.",
        ),
    ];
    for (rules, detail) in cases {
        assert_eq!(GroupRules::read(rules).unwrap_err().detail, detail);
    }
    let fine = vec![of_group("A", role("admin")), of_group("B", role("admin")), of_group("A", entitlement)];
    assert_eq!(GroupRules::read(fine.clone()).unwrap().rules(), fine);
}

#[test]
fn a_group_is_named_by_its_id_its_external_id_or_its_display_name() {
    let id = Uuid::from_u128(7);
    let rules = vec![
        Rule { group: GroupName::Id(id), grant: role("one") },
        Rule { group: GroupName::ExternalId("X-1".into()), grant: role("two") },
        of_group("Crew", role("three")),
        of_group("Crew", role("one")),
    ];
    let rules = GroupRules::stored(&GroupRules::read(rules).unwrap().text().unwrap()).unwrap();
    let names = |id, external_id: Option<&str>, name: Option<&str>| GroupNames {
        id,
        version: 1,
        external_id: external_id.map(str::to_owned),
        name: name.map(str::to_owned),
    };
    let values = |group: GroupNames| -> Vec<String> {
        rules.grants(&group).into_iter().map(|grant| grant.value.clone()).collect()
    };
    assert_eq!(values(names(id, Some("X-1"), Some("crew"))), ["one", "two", "three"]);
    assert_eq!(values(names(Uuid::nil(), Some("x-1"), None)), Vec::<String>::new());
    assert_eq!(values(names(Uuid::nil(), None, Some("crew"))), ["three", "one"]);
}

#[test]
fn a_value_that_the_document_has_is_shown_once() {
    let primary = Grant { primary: true, display: Some("Administrator".into()), ..role("admin") };
    let entitlement = Grant { attribute: GrantedAttribute::Entitlements, kind: Some("seat".into()), ..role("pro") };
    let mut plain = document(json!({ "userName": "ada" }));
    add(&mut plain, [&primary, &entitlement, &primary]);
    let expected = json!({
        "userName": "ada",
        "roles": [{ "value": "admin", "display": "Administrator", "primary": true, "byGroup": true }],
        "entitlements": [{ "value": "pro", "type": "seat", "byGroup": true }],
    });
    assert_eq!(Value::Object(plain), expected);
    let mut with = document(json!({ "roles": [{ "value": "ADMIN" }, { "value": "owner", "primary": true }] }));
    assert_eq!(shown(&with, [&primary]), []);
    add(&mut with, [&primary, &role("auditor"), &Grant { primary: true, ..role("chief") }]);
    let values: Vec<_> = with["roles"].as_array().unwrap().iter().map(|it| (&it["value"], &it["primary"])).collect();
    let chief = (&json!("chief"), &Value::Null);
    assert_eq!((values.len(), values[3]), (4, chief));
}
