//! Projects in TypeScript and Python, from nothing to a document that is mapped.

use super::Author;

/// Makes a project, runs its tests, and maps a document.
fn check(language: &str) {
    let author = Author::new();
    author.says(&author.path(""), &format!("scimgate plugin new shout --language {language}"));
    let folder = author.path("shout");
    let said = author.says(&folder, "scimgate plugin test");
    assert!(said.contains("All 4 examples passed."), "{said}");
    let said = author.says(&folder, "scimgate plugin run shout.wasm --config config.json < user.json");
    assert!(said.contains("BYRON"), "{said}");
    let said = author.says(&folder, "scimgate plugin inspect shout.wasm");
    assert!(said.contains("scimgate:mapping/mapping@0.1.0") && said.contains("wasi:io/streams"), "{said}");
    assert_eq!(said.contains("--large-plugins"), language == "python", "{said}");
}

#[test]
fn a_project_in_typescript_is_green_at_once() {
    check("typescript");
}

#[test]
fn a_project_in_python_is_green_at_once() {
    check("python");
}
