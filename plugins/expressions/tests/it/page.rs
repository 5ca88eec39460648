//! Every example of docs/attribute-map.md.

use expressions::function_names;
use serde_json::{Value as Json, json};

use crate::row::{Example, result};

/// The page, which is not there where the image is built.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/attribute-map.md");
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The cells of a row of examples: expression, attributes and what it gives.
fn examples() -> Vec<[String; 3]> {
    let cells = |line: &str| {
        let line = line.strip_prefix("| `")?.strip_suffix(" |")?.replace("\\|", "\u{1}");
        let cells: Vec<String> =
            line.split(" | ").map(|cell| cell.replace('\u{1}', "|").trim_matches('`').to_owned()).collect();
        <[String; 3]>::try_from(cells).ok()
    };
    page().lines().filter_map(cells).collect()
}

/// The attributes are written `name: value, name: value`; the surroundings are the same for the whole page.
fn check([expression, attributes, wanted]: &[String; 3]) -> Option<String> {
    let attributes: Json = serde_json::from_str(&format!("{{{attributes}}}"))
        .unwrap_or_else(|error| panic!("{expression}: {attributes}: {error}"));
    let context = json!({ "defaultDomain": "example.org", "parameters": { "Site": "OSL" }, "taken": ["ida"] });
    let given = result(expression, &mut Example { attributes: &attributes, context: &context });
    let agrees = match wanted.as_str() {
        "no value" => given.is_null(),
        "dropped" => given["ignored"] == "attribute",
        "object dropped" => given["ignored"] == "object",
        text => match text.strip_prefix("error: ") {
            Some(message) => given["message"] == message,
            None => serde_json::from_str::<Json>(text).is_ok_and(|wanted| wanted == given),
        },
    };
    (!agrees).then(|| format!("{expression}: {given}, not {wanted}"))
}

#[test]
fn every_example_gives_what_the_page_says() {
    let examples = examples();
    assert!(examples.len() > 100, "the page's examples are found: {}", examples.len());
    let wrong: Vec<String> = examples.iter().filter_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_has_an_example_of_every_function() {
    let examples = examples();
    let missing: Vec<&str> =
        function_names().filter(|name| !examples.iter().any(|row| row[0].contains(&format!("{name}(")))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
