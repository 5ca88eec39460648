//! The SQL in the source of the store.

use std::collections::BTreeMap;
use std::fs;

use proc_macro2::{TokenStream, TokenTree};
use scimgate_tests::root;
use syn::visit::{self, Visit};
use syn::{ItemMod, Lit, LitStr, Macro};

use crate::floors::files;

/// Files with SQL that is not sent as a statement of the pool.
const OTHER: [&str; 6] = [
    "postgres/diagnosis.rs",
    "postgres/migrate.rs",
    "postgres/migrate/",
    "postgres/session.rs",
    "postgres/pool/",
    "postgres/statistics.rs",
];
/// Shorter pieces are parts of many statements.
const MIN_PIECE: usize = 24;

#[derive(Default)]
struct Literals(Vec<String>);

impl<'ast> Visit<'ast> for Literals {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        self.0.push(literal.value());
    }

    fn visit_macro(&mut self, found: &'ast Macro) {
        self.tokens(found.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

impl Literals {
    /// Macros are not parsed: `format!`, `concat!`, and the patterns of `macro_rules!`.
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Lit::Str(text) = Lit::new(literal) {
                        self.0.push(text.value());
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_sql(text: &str) -> bool {
    ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", " WHERE ", "JOIN ", "WITH "]
        .iter()
        .any(|word| text.contains(word))
}

/// The pieces of a format string between its arguments.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut depth = 0_u32;
    for letter in text.chars() {
        match letter {
            '{' if depth == 0 => {
                depth = 1;
                pieces.push(String::new());
            }
            '}' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            letter => pieces.last_mut().unwrap().push(letter),
        }
    }
    pieces
}

/// Every piece of SQL in the store, with its file.
pub(super) fn sql() -> BTreeMap<String, String> {
    let store = root().join("gateway/src/store");
    let mut found = BTreeMap::new();
    for file in files(&store, &[".rs"]) {
        let path = file.strip_prefix(&store).unwrap().to_str().unwrap().to_owned();
        if OTHER.iter().any(|other| path.starts_with(other)) {
            continue;
        }
        let mut literals = Literals::default();
        literals.visit_file(&syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap());
        for piece in literals.0.iter().filter(|text| is_sql(text)).flat_map(|text| pieces(text)) {
            if piece.trim().len() >= MIN_PIECE {
                found.insert(piece.trim().to_owned(), path.clone());
            }
        }
    }
    found
}

#[test]
fn sql_is_found_in_every_form_of_the_source() {
    let mut literals = Literals::default();
    literals.visit_file(
        &syn::parse_file(
            "/// SELECT 0\nconst A: &str = \"SELECT 1\"; macro_rules! m { () => { concat!(\"SELECT 2\", $a) } }
             fn f() { g(\"doing\", &format!(\"SELECT {x} FROM {y:?} WHERE\"), \"SELECT \\\n   3\"); }
             #[cfg(test)] mod tests { const B: &str = \"SELECT 4\"; }",
        )
        .unwrap(),
    );
    let sql: Vec<String> = literals.0.iter().filter(|text| is_sql(text)).flat_map(|text| pieces(text)).collect();
    assert_eq!(sql, ["SELECT 1", "SELECT 2", "SELECT ", " FROM ", " WHERE", "SELECT 3"]);
    assert!(self::sql().len() > 80);
}
