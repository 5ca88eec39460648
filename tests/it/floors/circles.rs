//! Circles of imports: no file may import a file that imports it, directly or through others. A module may always import
//! its own parent, whose types it uses.
//!
//! The table of every crate: `make circles`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use insta::assert_snapshot;
use petgraph::algo::tarjan_scc;
use petgraph::prelude::DiGraphMap;

use super::workspace::{Crate, SourceFile, crates};

/// What the files of a crate import of each other.
struct Graph<'a> {
    crate_: &'a Crate,
    imports: DiGraphMap<&'a str, ()>,
}

impl<'a> Graph<'a> {
    fn new(crate_: &'a Crate) -> Self {
        let files: Vec<&SourceFile> = crate_.files.iter().filter(|file| !file.of_tests).collect();
        let of_modules: BTreeMap<&[String], &SourceFile> =
            files.iter().filter_map(|file| Some((file.module.as_deref()?, *file))).collect();
        let mut imports = DiGraphMap::new();
        for file in files {
            imports.add_node(file.path.as_str());
            let Some(module) = file.module.as_deref() else { continue };
            let parent = module.split_last().map(|(_, parent)| parent);
            for path in &file.imports.own {
                // The rest of the path is an item of the file, or a name that it re-exports.
                let target = (0..=path.len()).rev().find_map(|length| of_modules.get(&path[..length]));
                let Some(target) = target.filter(|target| target.path != file.path) else { continue };
                if target.module.as_deref() != parent {
                    imports.add_edge(file.path.as_str(), target.path.as_str(), ());
                }
            }
        }
        Self { crate_, imports }
    }

    /// The files of each circle, sorted.
    fn circles(&self) -> Vec<Vec<&'a str>> {
        let mut found = tarjan_scc(&self.imports);
        found.retain(|files| files.len() > 1);
        for files in &mut found {
            files.sort_unstable();
        }
        found.sort();
        found
    }

    /// A circle for a message: its crate, its files and every import in it.
    fn describe(&self, circle: &[&str]) -> String {
        let mut text = format!("    {}: {}\n", self.crate_.folder, circle.join(", "));
        for (from, to, ()) in self.imports.all_edges() {
            if circle.contains(&from) && circle.contains(&to) {
                writeln!(text, "        {from} imports {to}").unwrap();
            }
        }
        text
    }
}

#[test]
fn no_file_imports_a_file_that_imports_it() {
    let crates = crates();
    let graphs: Vec<Graph> = crates.iter().map(Graph::new).collect();
    let files: usize = graphs.iter().map(|graph| graph.imports.node_count()).sum();
    assert!(files > 250, "only {files} files were read");

    let circles: String =
        graphs.iter().flat_map(|graph| graph.circles().into_iter().map(|circle| graph.describe(&circle))).collect();
    assert!(circles.is_empty(), "circles of imports:\n{circles}");
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what the test is for")]
fn table() {
    println!("{:<24} {:>5} {:>7} {:>7} {:>16}", "crate", "files", "imports", "circles", "files in circles");
    for crate_ in &crates() {
        let graph = Graph::new(crate_);
        let circles = graph.circles();
        let (files, imports) = (graph.imports.node_count(), graph.imports.edge_count());
        let in_circles: usize = circles.iter().map(Vec::len).sum();
        println!("{:<24} {files:>5} {imports:>7} {:>7} {in_circles:>16}", crate_.folder, circles.len());
        for circle in circles {
            print!("{}", graph.describe(&circle));
        }
    }
}

/// The circles of a crate of these files.
fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let crate_ = Crate::new("example", files);
    let circles = Graph::new(&crate_).circles();
    circles.iter().map(|files| files.iter().map(|file| (*file).to_owned()).collect()).collect()
}

#[test]
fn every_kind_of_import_is_found() {
    let imports_a = [
        "use crate::a::f;",
        "use crate::{c, a::{self, f}};",
        "use super::a as other;",
        "use crate::c; fn g() { c::d::f(); super::a::f() }",
        "use crate as root; fn g(_: root::a::T) {}",
        "fn g() { let x: Vec<crate::a::T> = h(); }",
        "fn g() { if x { use crate::a; a::f() } }",
        "fn g() { println!(\"{}\", 1 + crate::a::f()) }",
        "mod inner { use super::super::a::f; }",
        "#[arg(value_parser = crate::a::parse)] struct Arguments;",
    ];
    for text in imports_a {
        let files = [("lib.rs", ""), ("a.rs", "use crate::b::T;"), ("b.rs", text), ("c.rs", "mod d;"), ("c/d.rs", "")];
        assert_eq!(circles_of(&files), [["a.rs", "b.rs"]], "{text}");
    }
}

#[test]
fn what_is_no_circle_is_not_reported() {
    let none = [
        "",
        "/// As in `crate::a`.\npub(in crate::a) fn f() {}",
        "use std::fmt; use a_crate::a::b; use ::a::f;",
        "#[cfg(test)] mod tests { use crate::a::f; }",
        "macro_rules! m { () => { $crate::a::f() } }",
        "use crate::c::a; fn g() { a::f() }",
        "fn crate_(a: u8) { m!(a, a::b) }",
    ];
    for text in none {
        let files =
            [("lib.rs", ""), ("a.rs", "use crate::b::T;"), ("b.rs", text), ("c.rs", "pub mod a;"), ("c/a.rs", "")];
        assert_eq!(circles_of(&files), Vec::<Vec<String>>::new(), "{text}");
    }
    let own_parent = [("lib.rs", "mod a;"), ("a.rs", "mod b; use b::f;"), ("a/b.rs", "use super::T; use crate::a::U;")];
    assert_eq!(circles_of(&own_parent), Vec::<Vec<String>>::new());
    let tests = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::f; #[cfg(test)] mod laws;"),
        ("a/laws.rs", "mod deeper;"),
        ("a/laws/deeper.rs", "use crate::b::f;"),
        ("b.rs", "use crate::a::laws::deeper::f;"),
    ];
    assert_eq!(circles_of(&tests), [["a.rs", "b.rs"]], "a test's file belongs to no circle");
}

#[test]
fn circles_are_found_across_levels() {
    let siblings = [("a.rs", ""), ("a/b.rs", "use super::c::f;"), ("a/c.rs", "use crate::a::b::g;")];
    assert_eq!(circles_of(&siblings), [["a/b.rs", "a/c.rs"]]);
    let crate_ = Crate::new("example", siblings.map(|(path, text)| (path.to_owned(), text.to_owned())).to_vec());
    let graph = Graph::new(&crate_);
    assert_snapshot!(graph.describe(&graph.circles()[0]), @r"
    example: a/b.rs, a/c.rs
        a/b.rs imports a/c.rs
        a/c.rs imports a/b.rs
    ");
    let grandparent = [("a.rs", "use b::f;\nmod b;"), ("a/b.rs", "mod c; use c::g;"), ("a/b/c.rs", "use crate::a::T;")];
    assert_eq!(circles_of(&grandparent), [["a.rs", "a/b.rs", "a/b/c.rs"]]);
    let by_way_of_another =
        [("a.rs", "use b::f;\nmod b;"), ("a/b.rs", "use crate::d::f;"), ("d.rs", "use crate::a::T;")];
    assert_eq!(circles_of(&by_way_of_another), [["a.rs", "a/b.rs", "d.rs"]]);
}
