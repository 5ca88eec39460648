//! The tables in the terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use crate::report::{Line, Report, lines};

const HEADINGS: [&str; 8] =
    ["requests/s", "p50 ms", "p99 ms", "server µs", "database µs", "rate/floor", "server µs/floor", "rate/pgbench"];

/// All measurements and the goals, as text.
pub(crate) fn text(report: &Report) -> String {
    // Writing to a String cannot fail.
    let mut text = String::new();
    let mut title = "";
    for measurement in &report.measurements {
        if measurement.setting.title != title {
            title = measurement.setting.title;
            let _ = writeln!(text, "\n{title}");
        }
        let mut table = empty(&format!("{:<8}", measurement.workload.name()), &HEADINGS);
        for line in lines(measurement) {
            table.add_row(cells(&line));
        }
        let _ = writeln!(text, "{table}");
    }
    if !report.goals().is_empty() {
        let _ = writeln!(text, "\nGoals\n{}", goals(report));
    }
    text
}

fn goals(report: &Report) -> Table {
    let mut table = empty("goal", &["wanted", "reached", ""]);
    for goal in report.goals() {
        let sign = if goal.at_most { "≤" } else { "≥" };
        table.add_row([
            format!("{}, {}", goal.what, goal.of),
            format!("{sign} {}", goal.wanted),
            format!("{:.2}", goal.reached),
            (if goal.met() { "met" } else { "missed" }).to_owned(),
        ]);
    }
    table
}

fn empty(first: &str, others: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let mut headings = vec![first];
    headings.extend(others);
    table.set_header(headings);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The cells of a line, in the terminal and on the page alike.
pub(crate) fn cells(line: &Line) -> Vec<String> {
    let ratio = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    let middle = &line.middle;
    let server = if middle.server > 0.0 { format!("{:.0}", middle.server) } else { String::new() };
    vec![
        line.competitor.name(),
        format!("{:.0}", middle.rate),
        format!("{:.2}", middle.p50 / 1e3),
        format!("{:.2}", middle.p99 / 1e3),
        server,
        format!("{:.0}", middle.database),
        ratio(line.rate_to_floor),
        ratio(line.server_to_floor),
        ratio(line.rate_to_pgbench),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_terminal_shows_every_competitor_and_goal() {
        let text = text(&report());
        for words in ["Durable, one tenant", "gateway", "floor", "pgbench", "0.90", "missed", "≤ 40"] {
            assert!(text.contains(words), "{words} is missing:\n{text}");
        }
    }
}
