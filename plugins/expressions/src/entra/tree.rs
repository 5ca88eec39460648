//! The text of an expression from its parsed tree, for hand-written schemas that have no text.

use serde_json::Value as Json;

/// Functions whose empty arguments are missing in the tree, with the keys in the order of the text.
const POSITIONS: [(&str, &[&str]); 3] = [
    ("Switch", &["source", "defaultValue", "switchValue"]),
    ("FormatDateTime", &["source", "dateTimeStyles", "inputFormat", "outputFormat"]),
    (
        "Replace",
        &[
            "source",
            "Find",
            "RegularExpression",
            "RegularExpressionGroupName",
            "Replacement",
            "ReplacementPropertyName",
            "Template",
        ],
    ),
];
/// Deepest nesting of a tree.
const MAX_DEPTH: usize = 64;

/// The text of a source node: as the schema has it, otherwise made from name, type and parameters.
pub(super) fn text(source: &Json) -> Option<String> {
    within(source, 0)
}

fn within(source: &Json, depth: usize) -> Option<String> {
    if let Some(text) = source.get("expression").and_then(Json::as_str).filter(|text| !text.trim().is_empty()) {
        return Some(text.to_owned());
    }
    if depth > MAX_DEPTH {
        return None;
    }
    let name = source.get("name")?.as_str()?;
    match source.get("type").and_then(Json::as_str).unwrap_or("Attribute") {
        "Attribute" => Some(format!("[{name}]")),
        "Constant" => Some(format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))),
        "Function" => call(name, source.get("parameters")?.as_array()?, depth),
        _ => None,
    }
}

fn call(name: &str, parameters: &[Json], depth: usize) -> Option<String> {
    let value = |parameter: &Json| within(parameter.get("value")?, depth + 1);
    let has_key = |parameter: &Json, key: &str| {
        parameter.get("key").and_then(Json::as_str).is_some_and(|own| own.eq_ignore_ascii_case(key))
    };
    let Some((_, keys)) = POSITIONS.iter().find(|(function, _)| function.eq_ignore_ascii_case(name)) else {
        let arguments: Option<Vec<String>> = parameters.iter().map(value).collect();
        return Some(format!("{name}({})", arguments?.join(", ")));
    };
    let mut arguments = Vec::new();
    for key in *keys {
        let before = arguments.len();
        for parameter in parameters.iter().filter(|parameter| has_key(parameter, key)) {
            arguments.push(value(parameter)?);
        }
        if arguments.len() == before {
            arguments.push(String::new());
        }
    }
    Some(format!("{name}({})", arguments.join(", ")))
}
