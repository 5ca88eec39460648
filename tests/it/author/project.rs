//! `scimgate plugin new`, `build`, `test`, `run`, `bench` and `inspect`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Author;

#[track_caller]
fn contains(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

fn replace(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{}: {old}", file.display());
    fs::write(file, text.replace(old, new)).unwrap();
}

#[test]
fn a_new_project_builds_tests_and_runs() {
    let author = Author::new();
    let home = author.path("");
    author.says(&home, "scimgate plugin new capitals");
    let project = author.path("capitals");
    let said = author.says(&project, "scimgate plugin test");
    contains(&said, &["capitals.wasm  capitals@0.1.0", "a contractor is excluded", "All 4 examples passed."]);

    let run = |options: &str| format!("scimgate plugin run capitals.wasm --config config.json {options} < user.json");
    let said = author.says(&project, &run(""));
    contains(
        &said,
        &["- name.familyName  \"Byron\"", "+ name.familyName  \"BYRON\"", "debug: name.familyName: 1 changed"],
    );
    let shown: Value = serde_json::from_str(&author.says(&project, &run("-o json"))).unwrap();
    assert_eq!((&shown["outcome"], &shown["mapped"]["name"]["familyName"]), (&"mapped".into(), &"BYRON".into()));
    assert_eq!(shown["steps"][0]["hostCalls"], 4, "get, set, log, and get of userType: {shown}");

    let said = author.says(&project, "scimgate plugin inspect capitals.wasm");
    contains(
        &said,
        &[
            "a component",
            "scimgate:mapping/mapping@1.0.0",
            "scimgate:mapping/documents@1.0.0",
            "accepted",
            "\"format\": \"scim-path\"",
        ],
    );
    contains(
        &author.says(&project, "scimgate plugin bench --calls 20"),
        &["(the empty plugin)", "a family name in capitals"],
    );
    mistakes(&author, &project);
}

#[test]
fn a_new_project_in_typescript_builds_tests_and_runs() {
    let (author, _) = check_language("typescript", "capitals-ts");
    // npm has installed the former copy.
    let said = author.says(&author.path("capitals-ts"), "scimgate plugin new --update-sdk && scimgate plugin test");
    contains(&said, &[".scimgate/sdk is the SDK of scimgate", "All 4 examples passed."]);
}

#[test]
fn a_new_project_in_python_builds_tests_and_runs() {
    let (_, inspected) = check_language("python", "capitals-py");
    contains(&inspected, &["accepted by a gateway with --large-plugins"]);
}

/// Returns the author, and what is said of the built plugin.
fn check_language(language: &str, name: &str) -> (Author, String) {
    let author = Author::new();
    author.says(&author.path(""), &format!("scimgate plugin new {name} --language {language}"));
    let project = author.path(name);
    // An interpreter takes milliseconds on a machine that does nothing else.
    let said = author.says(&project, "scimgate plugin test --budget-us 20000");
    contains(&said, &[&format!("{name}.wasm  {name}@0.1.0"), "a contractor is excluded", "All 4 examples passed."]);
    let said = author.says(&project, &format!("scimgate plugin run {name}.wasm --config config.json < user.json"));
    contains(&said, &["- name.familyName  \"Byron\"", "+ name.familyName  \"BYRON\""]);
    let said = author.says(&project, &format!("scimgate plugin inspect {name}.wasm"));
    contains(&said, &["scimgate:mapping/mapping@1.0.0", "wasi:io/streams@0.2."]);
    (author, said)
}

/// Each is told with file, field and remedy.
fn mistakes(author: &Author, project: &Path) {
    let said = author.fails(project, "scimgate plugin test --no-native --budget-host-calls 1");
    contains(&said, &["host calls: ", "over the budget of 1 (--budget-host-calls)", "examples failed"]);

    fs::write(project.join("wrong.json"), r#"{ "attributes": ["name.surname"] }"#).unwrap();
    let said = author.fails(project, "scimgate plugin run capitals.wasm --config wrong.json < user.json");
    contains(&said, &["wrong.json: the configuration at /attributes/0: name.surname is not an attribute of User"]);
    fs::write(project.join("wrong.json"), r#"{ "atributes": [] }"#).unwrap();
    let said = author.fails(project, "scimgate plugin run capitals.wasm --config wrong.json < user.json");
    contains(
        &said,
        &["wrong.json: the configuration: Additional properties are not allowed ('atributes' was unexpected)"],
    );

    replace(&project.join("fixtures/examples.json"), "\"familyName\": \"BYRON\"", "\"familyName\": \"Byron\"");
    let said = author.fails(project, "scimgate plugin test --no-native");
    contains(
        &said,
        &["FAIL", "name.familyName", "- expected  \"Byron\"", "+ found     \"BYRON\"", "1 of 4 examples failed"],
    );

    replace(
        &project.join("src/lib.rs"),
        "let user_type",
        "assert!(document.has(\"title\")?, \"no title\");\n        let user_type",
    );
    let said = author
        .fails(project, "scimgate plugin build && scimgate plugin run capitals.wasm --config config.json < user.json");
    contains(&said, &["failed", "The plugin panicked", "error: panicked at src/lib.rs:", "no title"]);

    assert!(author.fails(project, "scimgate plugin run README.md < user.json").contains("README.md: "));
    assert!(author.fails(&author.path(""), "scimgate plugin build").contains("`scimgate plugin new NAME` makes one"));
    assert!(author.fails(&author.path(""), "scimgate plugin new capitals").contains("choose another name"));
    contains(&author.says(project, "scimgate plugin new --update-sdk"), &[".scimgate/sdk is the SDK of scimgate"]);
}
