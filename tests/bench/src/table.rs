//! The tables, as Markdown for the page and the terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use crate::goal;
use crate::measure::Measurement;
use crate::memory::MemoryUse;
use crate::paced::Paced;
use crate::report::Report;
use crate::step::Step;
use crate::work::Work;
use crate::workload::Workload;

/// A table with numbers to the right of the first column.
fn table<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: impl IntoIterator<Item = [String; COLUMNS]>) -> String {
    aligned(headings.map(str::to_owned).to_vec(), rows.into_iter().map(Vec::from).collect())
}

fn aligned(headings: Vec<String>, rows: Vec<Vec<String>>) -> String {
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
    let micros = |(server, database): (f64, f64)| format!("{server:.0}+{database:.0}");
    let rows = goal::goals(report).into_iter().map(|goal| {
        let sign = if goal.lower_is_better { "≤" } else { "≥" };
        let met = if goal.met() { "met" } else { "**missed**" };
        let [own, other] = goal.micros.map_or_else(Default::default, |both| both.map(micros));
        let target = format!("{sign} {}", goal.target);
        [goal.name.to_owned(), own, other, target, format!("{:.2}", goal.reached), met.to_owned()]
    });
    table(["goal", "gateway µs", "other µs", "target", "reached", ""], rows)
}

/// The measurements, a table per workload.
pub(crate) fn measurements(report: &Report) -> String {
    let mut text = String::new();
    for measurement in &report.measurements {
        let (workload, rows) = (measurement.workload, rows(measurement));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "**{}**: {}\n\n{rows}\n", workload.name(), workload.description());
    }
    if let Some(paced) = &report.paced {
        let _ = writeln!(text, "**paced**: {}\n\n{}\n", Workload::Paced.description(), paced_table(paced));
    }
    if let Some(memory) = &report.memory {
        let _ = writeln!(text, "**memory**: {}\n\n{}\n", Workload::Memory.description(), memory_table(memory));
    }
    text.trim_end().to_owned()
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
}

fn rows(measurement: &Measurement) -> String {
    let headings = [
        "",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "server µs",
        "database µs",
        "rate / bare",
        "rate / floor",
        "µs / one tenant",
        "µs / other",
    ];
    let rows = measurement.summaries().map(|it| {
        [
            it.competitor.name(),
            format!("{:.0}", it.median.rate),
            format!("{:.2}", it.median.p50_micros / 1e3),
            format!("{:.2}", it.median.p99_micros / 1e3),
            format!("{:.0}", it.median.server_micros),
            format!("{:.0}", it.median.database_micros),
            ratio(it.rate_to_bare),
            ratio(it.rate_to_floor),
            ratio(it.cpu_to_plain),
            ratio(it.cpu_to_rival),
        ]
    });
    table_of_used_columns(&headings, rows.map(|row| row.to_vec()).collect())
}

/// A table without the columns that are empty in each row.
fn table_of_used_columns(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let used: Vec<bool> = (0..headings.len()).map(|column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let pick = |cells: Vec<String>| cells.into_iter().zip(&used).filter(|(_, used)| **used).map(|(cell, _)| cell);
    let headings = headings.iter().map(|&heading| heading.to_owned()).collect();
    aligned(pick(headings).collect(), rows.into_iter().map(|row| pick(row).collect()).collect())
}

/// What the database does for each request.
pub(crate) fn work(report: &Report) -> String {
    let rows = report.measurements.iter().flat_map(|measurement| {
        measurement.summaries().map(|it| {
            let Work { wal_bytes, full_page_bytes, rows, index_entries, pages } = it.work;
            [
                format!("{}, {}", measurement.workload.name(), it.competitor.name()),
                format!("{wal_bytes:.0}"),
                format!("{full_page_bytes:.0}"),
                format!("{rows:.1}"),
                format!("{index_entries:.1}"),
                format!("{pages:.0}"),
            ]
        })
    });
    table(["", "log bytes", "full pages' bytes", "rows", "index entries", "pages"], rows)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds")]
fn paced_table(paced: &Paced) -> String {
    let rows = [("gateway", &paced.gateway), ("bare handler", &paced.bare)].map(|(name, latencies)| {
        let millis = |quantile| format!("{:.2}", latencies.value_at_quantile(quantile) as f64 / 1e3);
        [name.to_owned(), latencies.len().to_string(), millis(0.5), millis(0.9), millis(0.99)]
    });
    table(["", "requests", "p50 ms", "p90 ms", "p99 ms"], rows)
}

fn memory_table(memory: &MemoryUse) -> String {
    let rows = [
        ("idle, before the first request", memory.idle),
        ("directly after the pages", memory.loaded),
        ("ten seconds later", memory.after),
    ]
    .map(|(name, it)| [name.to_owned(), format!("{:.1}", it.resident), format!("{:.1}", it.anonymous)]);
    table(["", "resident MiB", "of which no file's"], rows)
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
        let report = report();
        let text = format!("{}\n{}\n{}", measurements(&report), work(&report), goals(&report));
        for part in
            ["**create**: POST /Users", "| gateway, many tenants", "| floor ", "| bare handler ", "≤ 15", "19.0"]
        {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        assert!(!text.contains("µs / other"), "there is no other gateway:\n{text}");
        let goal = text.lines().find(|line| line.starts_with("| GET / bare")).unwrap();
        let cells: Vec<&str> = goal.split('|').map(str::trim).collect();
        assert_eq!(cells, ["", "GET / bare handler", "150+150", "75+75", "≥ 0.92", "0.50", "**missed**", ""]);
    }
}
