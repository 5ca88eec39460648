//! How long a function may be.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, ItemMod, Signature, TraitItemFn};

use super::imports::is_cfg_test;
use super::workspace::crates;

/// From the signature to the closing brace.
const MAX_FUNCTION_LINES: usize = 60;
/// Known longer functions, as the test prints them. One that is short enough must be removed from this list.
const KNOWN: &[&str] = &[];

#[derive(Default)]
struct Functions {
    /// The name and the number of lines of each.
    found: Vec<(String, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &Signature, body: &Block) {
        let first = signature.fn_token.span.start().line;
        let last = body.brace_token.span.close().end().line;
        self.found.push((signature.ident.to_string(), last - first + 1));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !module.attrs.iter().any(is_cfg_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[test]
fn no_function_is_longer_than_sixty_lines() {
    let mut known: BTreeSet<&str> = KNOWN.iter().copied().collect();
    let (mut number, mut complaints) = (0, Vec::new());
    for crate_ in crates() {
        for file in crate_.files.iter().filter(|file| !file.of_tests) {
            let mut functions = Functions::default();
            functions.visit_file(&file.syntax);
            number += functions.found.len();
            for (name, lines) in functions.found.into_iter().filter(|(_, lines)| *lines > MAX_FUNCTION_LINES) {
                let place = format!("{}/src/{}: {name}", crate_.folder, file.path);
                if !known.remove(place.as_str()) {
                    complaints.push(format!("{place:?} has {lines} lines"));
                }
            }
        }
    }
    assert!(number > 1000, "only {number} functions were read");
    complaints.extend(known.iter().map(|place| format!("{place:?} is short enough now: remove it from KNOWN")));
    assert!(complaints.is_empty(), "at most {MAX_FUNCTION_LINES} lines\n{}", complaints.join("\n"));
}
