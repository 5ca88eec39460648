//! What a file imports: by `use`, and by paths in its code and in the arguments of its macros.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility};

/// Paths, each by its segments.
pub(super) type Paths = BTreeSet<Vec<String>>;

/// What a file imports.
#[derive(Default)]
pub(super) struct Imports {
    /// Paths from the root of the file's crate, outside of tests.
    pub own: Paths,
    /// The same of `#[cfg(test)]` items.
    pub own_in_tests: Paths,
    /// The first segments of all other paths: names of other crates, and of what needs no import.
    pub foreign: BTreeSet<String>,
    /// The modules that are declared under `#[cfg(test)]`.
    pub test_modules: Paths,
}

impl Imports {
    /// Reads a file, given the module that it is.
    pub(super) fn read(file: &File, module: &[String]) -> Self {
        let mut imports = Self::default();
        ModuleReader::new(module.to_vec(), false, &file.items, &mut imports).read(&file.items);
        imports
    }
}

/// A path as it is written, and the name that it has from then on; none for `*`.
type Use = (Vec<String>, Option<String>);

/// Reads one module, and each module that is written inside of it by a reader of its own.
struct ModuleReader<'a> {
    module: Vec<String>,
    in_tests: bool,
    /// Names that `use` gives to paths anywhere in the module.
    names: BTreeMap<String, Vec<String>>,
    /// The modules that this one declares.
    children: BTreeSet<String>,
    imports: &'a mut Imports,
}

impl<'a> ModuleReader<'a> {
    fn new(module: Vec<String>, in_tests: bool, items: &[Item], imports: &'a mut Imports) -> Self {
        let mut names = NameReader::default();
        for item in items {
            names.visit_item(item);
        }
        let children = items.iter().filter_map(|item| match item {
            Item::Mod(child) => Some(child.ident.to_string()),
            _ => None,
        });
        Self { module, in_tests, names: names.0, children: children.collect(), imports }
    }

    fn read(&mut self, items: &[Item]) {
        for item in items {
            self.visit_item(item);
        }
    }

    /// Notes a path that the module names.
    fn note(&mut self, path: &[String]) {
        match self.resolve(path, 0) {
            Some(own) if self.in_tests => _ = self.imports.own_in_tests.insert(own),
            Some(own) => _ = self.imports.own.insert(own),
            None => _ = self.imports.foreign.insert(path[0].clone()),
        }
    }

    /// A path from the crate's root; none if it leads elsewhere.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => {
                let levels = path.iter().take_while(|segment| *segment == "super").count();
                let above = &self.module[..self.module.len().checked_sub(levels)?];
                return Some([above, &path[levels..]].concat());
            }
            child if self.children.contains(child) => [self.module.clone(), vec![child.to_owned()]].concat(),
            // The depth ends the recursion on `use a::b; use b::a;`.
            name if depth < 8 && self.names.get(name).is_some_and(|named| named[0] != name) => {
                self.resolve(&self.names[name], depth + 1)?
            }
            _ => return None,
        };
        Some([base, rest.to_vec()].concat())
    }

    /// The paths in the arguments of a macro, which are unparsed tokens. `$crate` is the crate of the macro's definition.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut after_dollar = false;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.note_tokens(&path);
                    path = vec![if after_dollar { format!("${ident}") } else { ident.to_string() }];
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.note_tokens(&std::mem::take(&mut path));
                    self.read_tokens(group.stream());
                }
                TokenTree::Punct(punct) => {
                    self.note_tokens(&std::mem::take(&mut path));
                    after_dollar = punct.as_char() == '$';
                    colons = 0;
                    continue;
                }
                TokenTree::Literal(_) => self.note_tokens(&std::mem::take(&mut path)),
            }
            (colons, after_dollar) = (0, false);
        }
        self.note_tokens(&path);
    }

    fn note_tokens(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.note(path);
        }
    }
}

impl<'ast> Visit<'ast> for ModuleReader<'_> {
    fn visit_item_mod(&mut self, child: &'ast ItemMod) {
        let module = [self.module.clone(), vec![child.ident.to_string()]].concat();
        let in_tests = self.in_tests || child.attrs.iter().any(is_cfg_test);
        if in_tests {
            self.imports.test_modules.insert(module.clone());
        }
        if let Some((_, items)) = &child.content {
            ModuleReader::new(module, in_tests, items, self.imports).read(items);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for (path, _) in uses(item) {
            self.note(&path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 && path.leading_colon.is_none() {
            self.note(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.read_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::List(list) => self.read_tokens(list.tokens.clone()),
            meta => self.visit_meta(meta),
        }
    }

    /// `pub(in crate::a)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// Collects the names that `use` binds in a module and its functions, without the modules inside of it.
#[derive(Default)]
struct NameReader(BTreeMap<String, Vec<String>>);

impl<'ast> Visit<'ast> for NameReader {
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.0.extend(uses(item).into_iter().filter_map(|(path, name)| Some((name?, path))));
    }
}

/// Every path of a `use`.
fn uses(item: &ItemUse) -> Vec<Use> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        gather(&item.tree, &[], &mut found);
    }
    found
}

fn gather(tree: &UseTree, prefix: &[String], found: &mut Vec<Use>) {
    let path_to = |ident: &syn::Ident| -> Vec<String> {
        // `a::{self}` is `a`.
        let own = (ident != "self" || prefix.is_empty()).then(|| ident.to_string());
        prefix.iter().cloned().chain(own).collect()
    };
    match tree {
        UseTree::Path(path) => gather(&path.tree, &path_to(&path.ident), found),
        UseTree::Name(name) => {
            let path = path_to(&name.ident);
            found.push((path.clone(), path.last().cloned()));
        }
        UseTree::Rename(rename) => found.push((path_to(&rename.ident), Some(rename.rename.to_string()))),
        UseTree::Glob(_) => found.push((prefix.to_vec(), None)),
        UseTree::Group(group) => group.items.iter().for_each(|tree| gather(tree, prefix, found)),
    }
}

/// Whether an attribute is `#[cfg(test)]`.
pub(super) fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
}
