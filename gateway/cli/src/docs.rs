//! `scimgate docs`: the documents of the repository as a site, with a search and the pages of the APIs. `serve --docs` serves it.

mod api;
mod markdown;
mod order;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use askama::Template;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::print;
use markdown::Rendered;
use order::Part;

const STYLE: &str = include_str!("docs/style.css");
const SEARCH: &str = include_str!("docs/search.js");
/// The page that shows what the search finds.
const SEARCH_PAGE: &str = "<h1>Search</h1>\n<p id=\"count\"></p>\n<ul id=\"found\"></ul>";

/// Where from, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder for the site; it is created if it is missing.
    target: PathBuf,
    /// The repository, whose docs/SUMMARY.md has the order of the documents.
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    source: PathBuf,
}

/// A link of the navigation.
struct Link {
    title: String,
    page: String,
}

struct LinkedPart {
    heading: String,
    links: Vec<Link>,
}

#[derive(Template)]
#[template(path = "docs.html")]
struct Page<'a> {
    title: &'a str,
    /// From the page to the root of the site.
    root: String,
    page: &'a str,
    parts: &'a [LinkedPart],
    body: &'a str,
    before: Option<&'a Link>,
    after: Option<&'a Link>,
    is_search: bool,
}

/// The documents with their places.
struct Site {
    source: PathBuf,
    target: PathBuf,
    /// From a path in the repository to one on the site.
    pages: BTreeMap<PathBuf, String>,
    parts: Vec<LinkedPart>,
    /// What the search finds.
    index: Vec<Value>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let summary = read(&arguments.source.join("docs/SUMMARY.md"))?;
    let parts = order::read(&summary).map_err(Failure::new)?;
    complete(&arguments.source, &parts)?;
    let entries = || parts.iter().flat_map(|part| &part.entries);
    let mut site = Site {
        source: arguments.source.clone(),
        target: arguments.target.clone(),
        pages: entries().map(|entry| (entry.source.clone(), entry.page.clone())).collect(),
        parts: linked(&parts),
        index: Vec::new(),
    };
    for entry in entries() {
        let text = read(&site.source.join(&entry.source))?;
        let folder = entry.source.parent().unwrap_or(Path::new("")).to_owned();
        let rendered = markdown::render(&text, |to| site.link((&folder, &entry.page), to));
        site.write_page(&entry.page, &entry.title, &rendered)?;
    }
    for (page, document) in scimgate::http::api_documents() {
        let document: Value = serde_json::from_str(document)?;
        let rendered = markdown::render(&api::markdown(&document), |to| Some(to.to_owned()));
        site.write_page(page, &rendered.title, &rendered)?;
    }
    site.copy_images(Path::new("docs"))?;
    site.write("search.html", &site.page(("search.html", "Search"), SEARCH_PAGE)?)?;
    for (name, text) in [("style.css", STYLE), ("search.js", SEARCH)] {
        site.write(name, text)?;
    }
    let index = Value::Array(std::mem::take(&mut site.index));
    site.write("search.json", &index.to_string())?;
    print(&format!("The site is in {}: {} pages.", arguments.target.display(), site.pages.len() + 3));
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// The navigation, with the pages of the APIs at its end.
fn linked(parts: &[Part]) -> Vec<LinkedPart> {
    let link = |entry: &order::Entry| Link { title: entry.title.clone(), page: entry.page.clone() };
    let mut linked: Vec<LinkedPart> = parts
        .iter()
        .map(|part| LinkedPart { heading: part.heading.clone(), links: part.entries.iter().map(link).collect() })
        .collect();
    let apis = [("Admin API", "api/admin.html"), ("Directory API", "api/directory.html")];
    let links = apis.map(|(title, page)| Link { title: title.to_owned(), page: page.to_owned() });
    linked.push(LinkedPart { heading: "Reference of the APIs".to_owned(), links: links.into() });
    linked
}

/// Every document below docs/ has a place in the order.
fn complete(source: &Path, parts: &[Part]) -> Result<(), Failure> {
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(source.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
                continue;
            }
            let is_document = path.extension().is_some_and(|ending| ending == "md") && !path.ends_with("SUMMARY.md");
            if is_document && !parts.iter().flat_map(|part| &part.entries).any(|known| known.source == path) {
                return Err(Failure::new(format!("docs/SUMMARY.md has no line for {}", path.display())));
            }
        }
    }
    Ok(())
}

impl Site {
    /// The address on the site for one in a document; none for a file that is not on it.
    fn link(&self, (folder, page): (&Path, &str), to: &str) -> Option<String> {
        if to.starts_with('#') || to.contains("://") || to.starts_with("mailto:") {
            return Some(to.to_owned());
        }
        let (path, anchor) = to.split_once('#').map_or((to, None), |(path, anchor)| (path, Some(anchor)));
        let target = order::normal(&folder.join(path));
        let found = self.pages.get(&target).or_else(|| self.pages.get(&target.join("README.md"))).cloned();
        let is_image = || self.source.join(&target).is_file() && target.extension().is_some_and(is_image);
        let found = found.or_else(|| {
            let below = target.strip_prefix("docs").ok()?;
            is_image().then(|| below.to_string_lossy().into_owned())
        })?;
        let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
        Some(format!("{}{found}{anchor}", to_root(page)))
    }

    fn write_page(&mut self, page: &str, title: &str, rendered: &Rendered) -> Result<(), Failure> {
        for section in &rendered.sections {
            let text = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.index.push(json!({
                "page": page, "title": title, "anchor": section.anchor, "heading": section.heading, "text": text,
            }));
        }
        let title = if rendered.title.is_empty() { title } else { &rendered.title };
        self.write(page, &self.page((page, title), &rendered.html)?)
    }

    fn page(&self, (page, title): (&str, &str), body: &str) -> Result<String, Failure> {
        let links: Vec<&Link> = self.parts.iter().flat_map(|part| &part.links).collect();
        let at = links.iter().position(|link| link.page == page);
        let before = at.and_then(|at| at.checked_sub(1)).map(|at| links[at]);
        let after = at.and_then(|at| links.get(at + 1)).copied();
        let is_search = page == "search.html";
        let root = to_root(page);
        Ok(Page { title, root, page, parts: &self.parts, body, before, after, is_search }.render()?)
    }

    fn write(&self, page: &str, text: &str) -> Result<(), Failure> {
        let path = self.target.join(page);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
    }

    /// The images beside the documents.
    fn copy_images(&self, folder: &Path) -> Result<(), Failure> {
        for entry in fs::read_dir(self.source.join(folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.copy_images(&path)?;
            } else if let (Some(true), Ok(below)) = (path.extension().map(is_image), path.strip_prefix("docs")) {
                fs::copy(entry.path(), self.target.join(below))?;
            }
        }
        Ok(())
    }
}

fn is_image(ending: &std::ffi::OsStr) -> bool {
    ending == "svg" || ending == "png"
}

/// From a page to the root of the site.
fn to_root(page: &str) -> String {
    "../".repeat(page.matches('/').count())
}
