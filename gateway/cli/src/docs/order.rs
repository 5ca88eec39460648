//! docs/SUMMARY.md: which documents the site has, in which order, under which headings.

use std::path::{Component, Path, PathBuf};

/// A document of the site.
pub(super) struct Entry {
    pub(super) title: String,
    /// Its path in the repository.
    pub(super) source: PathBuf,
    /// Its path on the site.
    pub(super) page: String,
}

/// Documents under one heading.
pub(super) struct Part {
    pub(super) heading: String,
    pub(super) entries: Vec<Entry>,
}

/// Reads the order. A line is a heading, `## …`, or a document, `- [title](path)`; others are for the reader.
pub(super) fn read(summary: &str) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    for (line, number) in summary.lines().zip(1..) {
        if let Some(heading) = line.strip_prefix("## ") {
            parts.push(Part { heading: heading.trim().to_owned(), entries: Vec::new() });
        }
        let Some(item) = line.trim_start().strip_prefix("- [") else { continue };
        let named = item.split_once("](").and_then(|(title, rest)| Some((title, rest.strip_suffix(')')?)));
        let (title, path) = named.ok_or_else(|| format!("docs/SUMMARY.md:{number}: write - [title](path)"))?;
        let source = normal(&Path::new("docs").join(path));
        let part = parts.last_mut().ok_or_else(|| format!("docs/SUMMARY.md:{number}: a heading, ## …, comes first"))?;
        part.entries.push(Entry { title: title.to_owned(), page: page(&source), source });
    }
    Ok(parts)
}

/// The path without `.` and `..`.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Where a document is on the site: those of docs/ at its root, the others below `repository`.
fn page(source: &Path) -> String {
    let below = source.strip_prefix("docs").map_or_else(|_| Path::new("repository").join(source), Path::to_path_buf);
    let below =
        if below.file_stem().is_some_and(|stem| stem == "README") { below.with_file_name("index") } else { below };
    below.with_extension("html").to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_a_place() {
        let parts = read("# Order\n\n## Begin\n\n- [All](README.md)\n- [Entra](providers/entra.md)\n## Run\n- [Running](../deploy/README.md)\n").unwrap();
        let pages: Vec<&str> = parts.iter().flat_map(|part| &part.entries).map(|entry| entry.page.as_str()).collect();
        assert_eq!(pages, ["index.html", "providers/entra.html", "repository/deploy/index.html"]);
        assert_eq!(parts[1].entries[0].source, Path::new("deploy/README.md"));
        assert!(read("- [x](y.md)").is_err() && read("## a\n- [x] y.md").is_err());
    }
}
