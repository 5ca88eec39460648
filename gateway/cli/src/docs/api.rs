//! The OpenAPI documents as Markdown, so that they become pages like the others.

use std::fmt::Write as _;

use serde_json::{Map, Value};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// A page of an API: its routes, and the types of their bodies.
pub(super) fn markdown(document: &Value) -> String {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut page = format!("# {}\n\n{}\n\n", text("/info/title"), text("/info/description"));
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                route(&mut page, (method, path), operation);
            }
        }
    }
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    if let Some(schemas) = schemas {
        page.push_str("## Types\n\n");
        schemas.iter().for_each(|(name, schema)| kind(&mut page, name, schema));
    }
    page
}

fn route(page: &mut String, (method, path): (&str, &str), operation: &Value) {
    // Writing to a text does not fail.
    let _ = writeln!(page, "## {} {path}\n", method.to_uppercase());
    for member in ["summary", "description"] {
        if let Some(sentence) = operation[member].as_str() {
            let _ = writeln!(page, "{sentence}\n");
        }
    }
    if let Some(parameters) = operation["parameters"].as_array().filter(|all| !all.is_empty()) {
        page.push_str("| parameter | in | type | meaning |\n|---|---|---|---|\n");
        for parameter in parameters {
            let word = |member: &str| cell(parameter[member].as_str().unwrap_or_default());
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} |",
                word("name"),
                word("in"),
                cell(&name_of(&parameter["schema"])),
                word("description")
            );
        }
        page.push('\n');
    }
    if let Some(body) = content(&operation["requestBody"]) {
        let _ = writeln!(page, "Body: {body}\n");
    }
    page.push_str("| status | meaning | body |\n|---|---|---|\n");
    for (status, reply) in operation["responses"].as_object().into_iter().flatten() {
        let meaning = reply["description"].as_str().or_else(|| reply["$ref"].as_str()?.rsplit('/').next());
        let body = content(reply).unwrap_or_default();
        let _ = writeln!(page, "| {status} | {} | {body} |", cell(meaning.unwrap_or_default()));
    }
    page.push('\n');
}

/// The type of a body, if it has one.
fn content(of: &Value) -> Option<String> {
    let (media_type, body) = of["content"].as_object()?.iter().next()?;
    Some(format!("{} (`{media_type}`)", cell(&name_of(&body["schema"]))))
}

fn kind(page: &mut String, name: &str, schema: &Value) {
    let _ = writeln!(page, "### {name}\n\n{}\n", schema["description"].as_str().unwrap_or_default());
    let Some(properties) = schema["properties"].as_object().filter(|all| !all.is_empty()) else { return };
    page.push_str("| member | type | meaning |\n|---|---|---|\n");
    for (member, of) in properties {
        let meaning = of["description"].as_str().unwrap_or_default();
        let _ = writeln!(page, "| `{member}` | {} | {} |", cell(&name_of(of)), cell(meaning));
    }
    page.push('\n');
}

/// What a schema is called: its type, or the name of another.
fn name_of(schema: &Value) -> String {
    let choices = |all: &Value| all.as_array().map(|all| all.iter().map(name_of).collect::<Vec<_>>().join(" or "));
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(names) = choices(&schema["oneOf"]).or_else(|| choices(&schema["anyOf"])) {
        return names;
    }
    let item = || name_of(schema.get("items").unwrap_or(&Value::Object(Map::new())));
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", item()),
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

/// A text in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
