//! docs/metrics.md has a row for every metric, with its labels, and for nothing else; docs/log.md one for every kind of error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use scimgate_tests::harness::block_on;
use scimgate_tests::{TestGateway, root};

use super::Shown;

/// The rows of the page's tables: of each metric its kind and its labels.
pub(crate) fn rows() -> BTreeMap<String, (String, String)> {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.trim_end_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning, _action] = cells[..] else { panic!("five cells are expected: {line}") };
        assert!(!meaning.is_empty(), "{line}");
        Some((name.trim_end_matches('`').to_owned(), (kind.to_owned(), labels.to_owned())))
    });
    rows.collect()
}

/// A counter's name on the page is that of its samples.
fn documented_name(name: &str, kind: &str) -> String {
    match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    }
}

#[test]
fn the_page_has_every_metric_with_its_labels() {
    block_on(async {
        let gateway = TestGateway::counting_tenants(5).await;
        let acme = gateway.tenant("acme").await;
        let _ = acme.user("ada").await;
        let _ = gateway.anonymous().get("/Users").await.expect(401);
        let _ = scimgate::work::expiry::once(&gateway.gateway).await.unwrap();
        gateway.gateway.figures.set(gateway.gateway.store.control().figures().await.unwrap());
        let shown = Shown::of(&gateway).await;
        let mut found = BTreeMap::new();
        for (name, kind) in &shown.kinds {
            let labels: Vec<String> = shown.labels(name).into_iter().map(|label| format!("`{label}`")).collect();
            found.insert(documented_name(name, kind), (kind.clone(), labels.join(", ")));
        }
        assert_eq!(rows(), found);
        gateway.end().await;
    });
}

/// The words between quotes in a function of a source file.
fn words(file: &str, function: &str) -> BTreeSet<String> {
    let source = fs::read_to_string(root().join(file)).unwrap();
    let body = source.split_once(&format!("fn {function}(")).unwrap().1.split_once("\n    }\n").unwrap().0;
    body.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_of_the_log_has_every_kind_of_error() {
    let page = fs::read_to_string(root().join("docs/log.md")).unwrap();
    let (_, kinds) = page.split_once("## Kinds of errors").unwrap();
    let rows = kinds.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let rows: BTreeSet<String> = rows.map(|(kind, _)| kind.to_owned()).collect();
    assert_eq!(rows, words("gateway/src/operation/error.rs", "kind"));
}
