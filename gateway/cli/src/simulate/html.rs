//! The report as a page by itself: no script, nothing that is loaded from elsewhere.

use std::path::PathBuf;

use askama::Template;
use scimgate::telemetry::chain;
use scimgate_simulate::{Comparison, Finding, Report};

use super::plot::{Plot, plot};
use super::summary::{sentences, times};
use crate::failure::Failure;

/// Findings of each kind that the page has.
const MAX_EXAMPLES: usize = 20;

#[derive(Template)]
#[template(path = "simulation.html")]
struct Page<'a> {
    title: String,
    green: bool,
    summary: Vec<String>,
    plot: Plot,
    requests: Vec<Row>,
    compared: &'a [Comparison],
    findings: Vec<Kind<'a>>,
    notes: &'a [String],
    how: String,
}

struct Row {
    step: &'static str,
    request: &'static str,
    sent: u64,
    statuses: String,
    ms: Vec<String>,
}

struct Kind<'a> {
    name: &'a str,
    times: String,
    meaning: String,
    hint: &'static str,
    examples: Vec<Example<'a>>,
}

struct Example<'a> {
    step: String,
    of: String,
    expected: &'a str,
    seen: &'a str,
}

/// Writes the page and returns its path.
pub(super) fn write(report: &Report) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(format!("scimgate-{}-{}.html", report.provider, report.seed));
    std::fs::write(&path, page(report)?)
        .map_err(|error| Failure::new(format!("cannot write the report to {}: {error}", path.display())))?;
    Ok(path)
}

fn page(report: &Report) -> Result<String, askama::Error> {
    let mut requests: Vec<Row> = Vec::new();
    for step in &report.steps {
        let statuses = step.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect::<Vec<_>>();
        let latency = &step.latency_ms;
        let ms = [latency.p50, latency.p90, latency.p99, latency.max].map(|ms| format!("{ms:.1}"));
        requests.push(Row {
            step: step.step,
            request: step.request,
            sent: step.requests,
            statuses: statuses.join(", "),
            ms: ms.into(),
        });
    }
    let mut how = format!("Seed {}: the same run sends the same requests.", report.seed);
    if let Some(stopped) = &report.stopped {
        how = format!("{how} It stopped early: {}.", chain(stopped));
    }
    Page {
        title: format!("Simulation of {} against {}", report.provider, report.target),
        green: report.green,
        summary: sentences(report),
        plot: plot(&report.steps),
        requests,
        compared: &report.compared,
        findings: findings(report),
        notes: &report.notes,
        how,
    }
    .render()
}

fn findings(report: &Report) -> Vec<Kind<'_>> {
    let kind = |(name, count): (&&'static str, &u64)| {
        let of_kind: Vec<&Finding> = report.findings.iter().filter(|finding| finding.kind.name() == *name).collect();
        Kind {
            name,
            times: times(*count),
            meaning: of_kind.first().map(|finding| finding.kind.meaning()).unwrap_or_default(),
            hint: of_kind.first().map(|finding| finding.hint).unwrap_or_default(),
            examples: of_kind.iter().take(MAX_EXAMPLES).map(|finding| example(finding)).collect(),
        }
    };
    report.counts.iter().map(kind).collect()
}

fn example(finding: &Finding) -> Example<'_> {
    let of = if finding.attribute.is_empty() {
        finding.resource.clone()
    } else {
        format!("{}, {}", finding.resource, finding.attribute)
    };
    Example { step: finding.step.to_string(), of, expected: &finding.expected, seen: &finding.seen }
}
