//! Converts the scope of an object mapping into configurations of the plugin `scoping`.

use serde_json::{Value as Json, json};

use super::error::ImportError;

/// The operators that the plugin `scoping` has, by Entra's names.
pub const OPERATORS: [&str; 14] = [
    "EQUALS",
    "NOT EQUALS",
    "IS TRUE",
    "IS FALSE",
    "IS NULL",
    "IS NOT NULL",
    "REGEX MATCH",
    "NOT REGEX MATCH",
    "Greater_Than",
    "Greater_Than_OR_EQUALS",
    "Includes",
    "ENDS_WITH",
    "&",
    "!&",
];

/// The operator of this name; blanks and underscores are the same, and case does not count.
#[must_use]
pub fn operator(name: &str) -> Option<&'static str> {
    let plain = |text: &str| text.replace('_', " ").to_ascii_uppercase();
    OPERATORS.iter().find(|own| plain(own) == plain(name)).copied()
}

/// One configuration for each kind of filter that has any: an object must pass all of them.
pub(super) fn configurations(scope: &Json, path: &dyn Fn(&str) -> String) -> Result<Vec<Json>, ImportError> {
    let mut configurations = Vec::new();
    for kind in ["inputFilterGroups", "groups", "categoryFilterGroups"] {
        let groups = scope.get(kind).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        if groups.is_empty() {
            continue;
        }
        if kind == "categoryFilterGroups" {
            return Err(ImportError::Scope("categoryFilterGroups are experimental and not supported".to_owned()));
        }
        let filters: Result<Vec<Json>, ImportError> = groups.iter().map(|group| filter(group, path)).collect();
        configurations.push(json!({ "filters": filters? }));
    }
    Ok(configurations)
}

fn filter(group: &Json, path: &dyn Fn(&str) -> String) -> Result<Json, ImportError> {
    let clauses = group.get("clauses").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let clauses: Result<Vec<Json>, ImportError> = clauses.iter().map(|it| clause(it, path)).collect();
    let mut filter = json!({ "clauses": clauses? });
    if let Some(name) = group.get("name").and_then(Json::as_str).filter(|name| !name.is_empty()) {
        filter["name"] = json!(name);
    }
    Ok(filter)
}

/// A clause that is not understood is an error: leaving it out would bring more users into scope.
fn clause(clause: &Json, path: &dyn Fn(&str) -> String) -> Result<Json, ImportError> {
    let text = |name: &str| clause.get(name).and_then(Json::as_str).unwrap_or_default();
    let (name, attribute) = (text("operatorName"), text("sourceOperandName"));
    let operator = operator(name).ok_or_else(|| ImportError::Scope(format!("there is no operator {name}")))?;
    if attribute.is_empty() {
        return Err(ImportError::Scope(format!("a clause with {operator} has no attribute")));
    }
    let values =
        clause.pointer("/targetOperand/values").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut converted = json!({ "attribute": path(attribute), "operator": operator });
    match values {
        [] => {}
        [value] => converted["value"] = value.clone(),
        _ => return Err(ImportError::Scope(format!("the clause on {attribute} has several values"))),
    }
    Ok(converted)
}
