//! The documents as a site: every page, every link and every anchor, the search's index, and the gateway that serves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use scimgate_tests::binary::{Running, command, dev, refusal};
use scimgate_tests::harness::block_on;
use scimgate_tests::{Client, root};
use serde_json::Value;

use crate::floors::files;

/// The pages of a site by their paths, with their text.
fn pages(site: &Path) -> BTreeMap<String, String> {
    let all = files(site, &[".html"]);
    all.iter()
        .map(|path| {
            let name = path.strip_prefix(site).unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The path that a link of a page leads to.
fn target(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => {
                parts.pop().unwrap_or_else(|| panic!("{page}: {link} leads out of the site"));
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What is wrong with the links of the pages.
fn broken(site: &Path, pages: &BTreeMap<String, String>) -> Vec<String> {
    let link = Regex::new(r#"(?:href|src|action)="([^"]*)""#).unwrap();
    let id = Regex::new(r#"id="([^"]*)""#).unwrap();
    let anchors: BTreeMap<&str, BTreeSet<&str>> = pages
        .iter()
        .map(|(page, text)| (page.as_str(), id.captures_iter(text).map(|found| found.extract::<1>().1[0]).collect()))
        .collect();
    let mut broken = Vec::new();
    for (page, text) in pages {
        for found in link.captures_iter(text) {
            let (_, [link]) = found.extract();
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = if path.is_empty() { page.clone() } else { target(page, path) };
            if !site.join(&to).is_file() {
                broken.push(format!("{page}: {link} leads to no file"));
            } else if !anchor.is_empty() && !anchors.get(to.as_str()).is_some_and(|known| known.contains(anchor)) {
                broken.push(format!("{page}: {link} leads to no heading"));
            }
        }
    }
    broken
}

#[test]
fn the_site_is_whole_and_is_served() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        let build = |source: &Path| {
            let mut build = command(&["docs"]);
            build.arg(&site).arg("--source").arg(source);
            build
        };
        let none = refusal(build(folder.path())).await;
        assert!(none.contains("docs/SUMMARY.md"), "{none}");
        let built = super::binary::serve::said(build(&root())).await;
        let pages = pages(&site);
        assert!(pages.len() > 50 && built.ends_with(&format!(": {} pages.", pages.len())), "{built} {}", pages.len());
        let broken = broken(&site, &pages);
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        let inline = Regex::new(r"<script>|<[a-z][^>]* (?:style|on[a-z]+)=").unwrap();
        for (page, text) in &pages {
            assert!(text.contains("<h1") && !inline.is_match(text), "{page}: styles and scripts are files");
        }
        assert!(pages["limits.html"].contains("<td>") && pages["api/admin.html"].contains("POST /admin/v1/tenants"));
        let index: Value = serde_json::from_slice(&std::fs::read(site.join("search.json")).unwrap()).unwrap();
        let found = index
            .as_array()
            .unwrap()
            .iter()
            .any(|section| section["page"] == "guard.html" && section["text"].as_str().unwrap().contains("held"));
        assert!(found, "the search finds the guard");

        let mut served = dev(&["--ephemeral"]);
        served.arg("--docs").arg(&site);
        let mut running = Running::start(served);
        let ready: Value = serde_json::from_str(&running.line().await).unwrap();
        let internal = Client::new(ready["admin_url"].as_str().unwrap().trim_end_matches("/admin/v1").to_owned());
        for (path, media_type) in [
            ("/docs", "text/html; charset=utf-8"),
            ("/docs/", "text/html; charset=utf-8"),
            ("/docs/limits.html", "text/html; charset=utf-8"),
            ("/docs/search.js", "text/javascript; charset=utf-8"),
            ("/docs/idea.svg", "image/svg+xml"),
        ] {
            let reply = internal.get(path).await.expect(200);
            assert_eq!(reply.header("content-type"), media_type, "{path}");
            assert!(reply.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        }
        assert!(internal.get("/docs").await.text.contains("<h1"), "the client follows to the first page");
        for path in ["/docs/nothing.html", "/docs/../admin", "/docs/%2e%2e/search.js", "/docs//etc/passwd"] {
            assert!(internal.get(path).await.status >= 400, "{path}");
        }
        running.kill().await;
        let mut wrong = dev(&["--ephemeral"]);
        wrong.arg("--docs").arg(folder.path().join("nowhere"));
        let said = refusal(wrong).await;
        assert!(said.contains("/nowhere/ cannot be read") && said.contains("scimgate docs"), "{said}");
    });
}
