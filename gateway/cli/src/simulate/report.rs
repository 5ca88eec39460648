//! Prints the report of a simulation: tables of the requests and comparisons, and the findings.

use std::collections::BTreeMap;
use std::io;

use scimgate::telemetry::chain;
use scimgate_simulate::{Latency, Report};
use serde_json::{Value, json};

use super::summary::sentences;
use crate::failure::Failure;
use crate::output::{Column, Output, printable, table, write};

const REQUESTS: [Column; 8] = [
    ("step", "/step"),
    ("request", "/request"),
    ("sent", "/requests"),
    ("statuses", "/statuses"),
    ("p50 ms", "/p50"),
    ("p90 ms", "/p90"),
    ("p99 ms", "/p99"),
    ("max ms", "/max"),
];

const COMPARED: [Column; 7] = [
    ("read back through", "/by"),
    ("users", "/users"),
    ("attributes", "/attributes"),
    ("groups", "/groups"),
    ("memberships", "/memberships"),
    ("deleted", "/gone"),
    ("differences", "/differences"),
];

/// Findings of each kind that a table shows in full.
const MAX_SHOWN_FINDINGS: usize = 3;

pub(super) fn print(output: Output, report: &Report) -> io::Result<()> {
    match output {
        Output::Json => {
            let mut document = json!(report);
            document["stopped"] = report.stopped.as_ref().map(|error| chain(error)).into();
            output.json(&document)
        }
        Output::Table | Output::Csv => write(&text(report)).map(drop),
    }
}

/// Success if the simulation was complete and found nothing wrong.
pub(super) fn result(report: &Report) -> Result<(), Failure> {
    if let Some(stopped) = &report.stopped {
        let (reason, hint) = (chain(stopped), how_to_clean_up(report.seed));
        return Err(Failure::new(format!("the simulation stopped: {reason}; {hint}")));
    }
    match report.finding_count() {
        0 => Ok(()),
        1 => Err(Failure::new("the server did one thing wrong")),
        count => Err(Failure::new(format!("the server did {count} things wrong"))),
    }
}

/// What to do about resources that were not deleted.
pub(super) fn how_to_clean_up(seed: u64) -> String {
    format!("its resources are still there; the same run with --seed {seed} deletes them")
}

fn text(report: &Report) -> String {
    let mut parts = vec![heading(report), table(&requests(report), &REQUESTS), speed(report)];
    if !report.compared.is_empty() {
        let compared: Vec<Value> = report.compared.iter().map(|it| json!(it)).collect();
        parts.push(table(&compared, &COMPARED));
    }
    if !report.notes.is_empty() {
        parts.push(report.notes.iter().map(|note| printable(note)).collect::<Vec<_>>().join("\n"));
    }
    parts.extend(findings(report));
    if !report.green {
        parts.extend(sentences(report).into_iter().nth(1));
    }
    if report.green {
        let end = if report.compared.is_empty() { "" } else { ", and the end state equals what was sent" };
        parts.push(format!("All steps succeeded{end}."));
    }
    parts.join("\n\n")
}

fn heading(report: &Report) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let (users, groups) = (count(report.users, "user"), count(report.groups, "group"));
    let mut heading = format!("{users} and {groups} against {}", report.target);
    for (name, variant) in [("dialect", report.dialect), ("form", report.form)] {
        heading.extend(variant.map(|variant| format!(", {name} {variant}")));
    }
    format!("{heading}, seed {}", report.seed)
}

fn requests(report: &Report) -> Vec<Value> {
    let mut before = "";
    let mut rows = Vec::new();
    for line in &report.steps {
        let step = if line.step == before { "" } else { line.step };
        before = line.step;
        rows.push(row((step, line.request), line.requests, (&statuses(&line.statuses), &line.latency_ms)));
    }
    rows.push(row(("all", ""), report.requests, ("", &report.latency_ms)));
    rows
}

fn row((step, request): (&str, &str), requests: u64, (statuses, latency): (&str, &Latency)) -> Value {
    let ms = |ms: f64| format!("{ms:.1}");
    json!({
        "step": step, "request": request, "requests": requests, "statuses": statuses,
        "p50": ms(latency.p50), "p90": ms(latency.p90), "p99": ms(latency.p99), "max": ms(latency.max),
    })
}

fn statuses(statuses: &BTreeMap<u16, u64>) -> String {
    match statuses.iter().next() {
        Some((only, _)) if statuses.len() == 1 => only.to_string(),
        _ => statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect::<Vec<_>>().join(", "),
    }
}

fn speed(report: &Report) -> String {
    let (seconds, rate) = (report.took.as_secs_f64(), report.throughput());
    let latency = &report.latency_ms;
    let mut parts = vec![
        format!("{} requests in {seconds:.1} s, {rate:.0} per second", report.requests),
        format!("half of them within {:.0} ms, 99 of 100 within {:.0} ms", latency.p50.ceil(), latency.p99.ceil()),
    ];
    if report.waits > 0 {
        parts.push(format!("the server asked for a later attempt {} times", report.waits));
    }
    if report.broken_connections > 0 {
        parts.push(format!("{} connections failed", report.broken_connections));
    }
    parts.join("; ")
}

/// A paragraph per kind: the number of findings, some of them in full, and how to fix them.
fn findings(report: &Report) -> Vec<String> {
    let paragraph = |(kind, count): (&&str, &u64)| {
        let of_kind: Vec<_> = report.findings.iter().filter(|finding| finding.kind.name() == *kind).collect();
        let mut lines =
            vec![format!("{kind}, {}", if *count == 1 { "once".to_owned() } else { format!("{count} times") })];
        for finding in of_kind.iter().take(MAX_SHOWN_FINDINGS) {
            let attribute =
                if finding.attribute.is_empty() { String::new() } else { format!(", {}", finding.attribute) };
            lines.push(format!("  {}: {}{attribute}", finding.step, finding.resource));
            lines.push(format!("    expected {}, seen {}", finding.expected, finding.seen));
        }
        lines.extend(of_kind.first().map(|finding| format!("  {}", finding.hint)));
        lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n")
    };
    report.counts.iter().map(paragraph).collect()
}
