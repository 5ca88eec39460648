//! An exported schema becomes a mapping.

use expressions::entra::{ImportError, import};
use serde_json::{Value as Json, json};

fn schema() -> Json {
    serde_json::from_str(include_str!("../../testdata/entra-schema.json")).unwrap()
}

/// The configurations of the steps of one plugin for one resource type.
fn configs(mapping: &Json, plugin: &str, resource_type: &str) -> Vec<Json> {
    let steps = mapping["steps"].as_array().unwrap();
    let wanted =
        steps.iter().filter(|step| step["plugin"] == plugin && step["resourceTypes"] == json!([resource_type]));
    wanted.map(|step| step["config"].clone()).collect()
}

#[test]
fn expressions_constants_and_defaults_become_rules() {
    let imported = import(&schema()).unwrap();
    let [users] = configs(&imported.mapping, "attribute-map", "User").try_into().unwrap();
    let ws1b = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";
    assert_eq!(
        users["rules"],
        json!([
            { "target": "title", "expression": "[jobTitle]", "default": "Employee" },
            { "target": "active", "expression": "Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\")" },
            { "target": "displayName", "expression": "Join(\" \", [givenName], [surname])" },
            { "target": "nickName", "expression": "Replace([mail], , \"@.*$\", , \"\", , )" },
            { "target": "locale", "expression": "Switch([country], , \"NO\", \"say \\\"hei\\\"\")" },
            { "target": "userType", "expression": "\"Staff\"" },
            { "target": "timezone", "default": "Europe/Oslo" },
            { "target": format!("{ws1b}:customAttribute1"), "expression": "Append(\"E\", [extensionAttribute1])" },
            { "target": format!("{ws1b}:customAttribute2"), "expression": "ToUpper([extensionAttribute9])" },
            { "target": format!("{ws1b}:customAttribute5"), "expression": "Trim([mail])" },
        ])
    );
    let groups = configs(&imported.mapping, "attribute-map", "Group");
    assert_eq!(
        groups,
        [json!({ "rules": [{ "target": "displayName", "expression": "Append(\"App \", [displayName])" }] })]
    );
}

#[test]
fn direct_mappings_say_where_an_attribute_is() {
    let imported = import(&schema()).unwrap();
    let users = &configs(&imported.mapping, "attribute-map", "User")[0];
    let employee_number = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber";
    assert_eq!(users["attributes"], json!({ "extensionAttribute1": employee_number }));
}

#[test]
fn filters_become_steps_before_the_rules() {
    let imported = import(&schema()).unwrap();
    let names: Vec<&Json> = imported.mapping["steps"].as_array().unwrap().iter().map(|step| &step["plugin"]).collect();
    assert_eq!(names, ["attribute-map", "scoping", "scoping", "attribute-map"]);
    let filters = configs(&imported.mapping, "scoping", "User");
    assert_eq!(
        filters[0],
        json!({ "filters": [{ "name": "input", "clauses": [{ "attribute": "active", "operator": "IS TRUE" }] }] })
    );
    assert_eq!(
        filters[1],
        json!({ "filters": [
            { "name": "Employees", "clauses": [
                { "attribute": "userType", "operator": "NOT EQUALS", "value": "Guest" },
                { "attribute": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "operator": "IS NOT NULL" },
            ] },
            { "clauses": [{ "attribute": "emails[type eq \"work\"].value", "operator": "ENDS_WITH", "value": "@example.org" }] },
        ] })
    );
}

#[test]
fn what_was_left_out_is_said() {
    let notes = import(&schema()).unwrap().notes;
    let has = |text: &str| assert!(notes.iter().any(|note| note.contains(text)), "{text} is not in {notes:#?}");
    has("customAttribute2: no direct mapping sends [extensionAttribute9]");
    has("customAttribute3: SelectUniqueValue was left out");
    has("customAttribute4: the mapping applies only during object creation and was left out");
    has("customAttribute5: AttributeAddOnly is not supported");
    has("domain: the expression was left out: column 1: there is no function Trimm; did you mean Trim?");
    has("The mapping to urn:example:2.0:Device was left out");
    assert_eq!(notes.len(), 6, "{notes:#?}");
}

#[test]
fn what_cannot_be_converted_is_an_error() {
    assert_eq!(import(&json!({ "rules": [] })), Err(ImportError::NotASchema));
    assert_eq!(import(&json!({ "synchronizationRules": [] })), Err(ImportError::Empty));
    let mut schema = schema();
    let scope = schema.pointer_mut("/synchronizationRules/0/objectMappings/1/scope").unwrap();
    scope["groups"][0]["clauses"][0]["operatorName"] = json!("STARTS_WITH");
    let error = import(&schema).unwrap_err();
    assert_eq!(error.to_string(), "a scoping filter cannot be converted: there is no operator STARTS_WITH");
}
