//! The tables, as Markdown for the page and the terminal.

use std::fmt::Write as _;

use clap::ValueEnum as _;
use comfy_table::{CellAlignment, Table, presets};

use crate::measure::Measurement;
use crate::report::{Report, Summary};
use crate::setting::Setting;
use crate::step::Step;

/// A table with numbers to the right of the first column.
fn table<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: impl IntoIterator<Item = [String; COLUMNS]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(headings).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let text = table.to_string();
    // The second line sets the alignment.
    let Some((first, rest)) = text.split_once("-|-") else { return text };
    format!("{first}-|-{}", rest.replace("-|", ":|"))
}

/// The goals.
pub(crate) fn goals(report: &Report) -> String {
    let rows = report.goals().into_iter().map(|goal| {
        let sign = if goal.lower_is_better { "≤" } else { "≥" };
        let met = if goal.met() { "met" } else { "**missed**" };
        [goal.name.to_owned(), format!("{sign} {}", goal.target), format!("{:.2}", goal.reached), met.to_owned()]
    });
    table(["goal", "target", "reached", ""], rows)
}

/// The measurements, a section per setting.
pub(crate) fn measurements(report: &Report) -> String {
    let mut text = String::new();
    for &setting in Setting::value_variants() {
        let mut measurements = report.of(setting).peekable();
        if measurements.peek().is_some() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "## {}\n", setting.title());
        }
        for measurement in measurements {
            let (workload, rows) = (measurement.workload, rows(measurement));
            let _ = writeln!(text, "**{}**: {}\n\n{rows}\n", workload.name(), workload.description());
        }
    }
    text.trim_end().to_owned()
}

fn rows(measurement: &Measurement) -> String {
    let headings = [
        "",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "server µs",
        "database µs",
        "rate / floor",
        "server µs / floor",
        "rate / pgbench",
    ];
    let ratio = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    let rows = measurement.summaries().map(
        |Summary { competitor, median, rate_to_floor, server_to_floor, rate_to_pgbench }| {
            let server =
                if median.server_micros > 0.0 { format!("{:.0}", median.server_micros) } else { String::new() };
            [
                competitor.name(),
                format!("{:.0}", median.rate),
                format!("{:.2}", median.p50_micros / 1e3),
                format!("{:.2}", median.p99_micros / 1e3),
                server,
                format!("{:.0}", median.database_micros),
                ratio(rate_to_floor),
                ratio(server_to_floor),
                ratio(rate_to_pgbench),
            ]
        },
    );
    table(headings, rows)
}

/// The plugin steps.
pub(crate) fn steps(steps: &[Step]) -> String {
    let rows = steps.iter().map(|step| {
        [
            step.name.clone(),
            step.threads.to_string(),
            format!("{:.1}", step.median_micros),
            format!("{:.1}", step.p99_micros),
            format!("{:.0}", step.rate),
        ]
    });
    table(["step", "threads", "median µs", "p99 µs", "calls/s"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn numbers_are_aligned_to_the_right() {
        let expected = "| step | calls |\n|------|------:|\n| a    |     7 |\n| b    |  1234 |";
        let rows = [("a", 7), ("b", 1234)].map(|(name, calls)| [name.to_owned(), calls.to_string()]);
        assert_eq!(table(["step", "calls"], rows), expected);
    }

    #[test]
    fn every_competitor_and_goal_has_a_row() {
        let text = format!("{}\n{}", measurements(&report()), goals(&report()));
        for part in
            ["## Durable, one tenant", "**create**: POST /Users", "| gateway ", "| floor ", "| pgbench ", "≤ 40"]
        {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        let goal = text.lines().find(|line| line.starts_with("| get a user")).unwrap();
        let cells: Vec<&str> = goal.split('|').map(str::trim).collect();
        assert_eq!(cells, ["", "get a user, gateway / floor", "≥ 0.9", "0.50", "**missed**", ""]);
    }
}
