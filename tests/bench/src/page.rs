//! The page in the documentation: what was reached, on what, and how it was measured.

use std::fmt::Write as _;

use crate::measure::Measurement;
use crate::report::{Report, lines};
use crate::setting::SETTINGS;
use crate::table::cells;

const METHOD: &str = include_str!("page/method.md");

/// The page as Markdown.
pub(crate) fn markdown(report: &Report) -> String {
    let mut page =
        "# Benchmarks\n\n<!-- Written by `make bench`: change tests/bench/src/page.rs and page/method.md. -->\n\n"
            .to_owned();
    page.push_str(
        "What the gateway costs above a bare server that does one database statement a request, the *floor*. Quote the\n\
         ratios: single figures move with the machine.\n\n![The gateway's requests a second, as a part of the floor's.](benchmarks.svg)\n\n",
    );
    goals(&mut page, report);
    machine(&mut page, report);
    for setting in SETTINGS {
        let measurements: Vec<&Measurement> = report.of(setting).collect();
        if !measurements.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(page, "## {}\n", setting.title);
            for measurement in measurements {
                table(&mut page, measurement);
            }
        }
    }
    steps(&mut page, report);
    page.push_str(&method(report));
    page
}

fn goals(page: &mut String, report: &Report) {
    page.push_str("## Goals\n\n| | wanted | reached | |\n|---|--:|--:|---|\n");
    for goal in report.goals() {
        let sign = if goal.at_most { "≤" } else { "≥" };
        let met = if goal.met() { "met" } else { "**missed**" };
        let _ = writeln!(page, "| {}, {} | {sign} {} | {:.2} | {met} |", goal.what, goal.of, goal.wanted, goal.reached);
    }
    page.push_str("\nDurable, row-level security on, one tenant; ratios of requests a second.\n\n");
}

fn machine(page: &mut String, report: &Report) {
    let machine = &report.machine;
    let cores = machine.cores;
    let _ = write!(
        page,
        "## On what\n\n| | |\n|---|---|\n| processor | {}, {cores} cores |\n| memory | {} |\n| kernel | {} |\n| disk | {} |\n\
         | PostgreSQL | {} |\n| compiler | {} |\n| commit | {} |\n| date | {} |\n\n",
        machine.processor,
        machine.memory,
        machine.kernel,
        machine.disk,
        machine.postgres,
        machine.rust,
        machine.commit,
        machine.date
    );
    let _ = write!(
        page,
        "Load generator, server and PostgreSQL share the {cores} cores. Requests a second therefore weigh all three; the\n\
         *processor time a request* tells of the server alone and is the fairer figure.\n\n"
    );
}

fn table(page: &mut String, measurement: &Measurement) {
    let (name, about) = (measurement.workload.name(), measurement.workload.about());
    let _ = write!(
        page,
        "**{name}**: {about}\n\n| | requests/s | p50 ms | p99 ms | server µs | database µs | rate / floor | server µs / floor | rate / pgbench |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    for line in lines(measurement) {
        let _ = writeln!(page, "| {} |", cells(&line).join(" | "));
    }
    page.push('\n');
}

fn steps(page: &mut String, report: &Report) {
    if report.steps.is_empty() {
        return;
    }
    page.push_str("## One plugin step\n\n| step | threads | median µs | p99 µs | calls/s |\n|---|--:|--:|--:|--:|\n");
    for step in &report.steps {
        let _ = writeln!(
            page,
            "| {} | {} | {:.1} | {:.1} | {:.0} |",
            step.name, step.threads, step.median, step.p99, step.calls
        );
    }
    page.push_str(
        "\nThe plugin host alone: a fresh instance, the call, and what it reads and writes of the document.\n\n",
    );
}

fn method(report: &Report) -> String {
    let how = &report.how;
    let filled = [
        ("{seconds}", how.seconds.to_string()),
        ("{turns}", how.turns.to_string()),
        ("{clients}", how.clients.to_string()),
        ("{users}", how.users.to_string()),
        ("{tenants}", how.tenants.to_string()),
    ];
    filled.iter().fold(METHOD.to_owned(), |text, (name, value)| text.replace(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_page_tells_goals_figures_and_how() {
        let page = markdown(&report());
        for words in [
            "| create a user, of the floor | ≥ 0.85 | 0.90 | met |",
            "| get a user, of the floor | ≥ 0.9 | 0.50 | **missed** |",
            "| gateway | 1350 | 0.90 | 2.50 |",
            "| the tutorial's mapping | 1 | 35.2 |",
            "16 connections",
        ] {
            assert!(page.contains(words), "{words} is missing:\n{page}");
        }
        for name in ["{seconds}", "{turns}", "{clients}", "{users}", "{tenants}"] {
            assert!(!page.contains(name), "{name} is filled in");
        }
    }
}
