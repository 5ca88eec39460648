//! The tables in the terminal.

use comfy_table::{CellAlignment, Table, presets};

use crate::measure::{Measured, Measurement, Outcome};
use crate::request::Side;
use crate::statistic::{median, paired_ratio};

/// Prints all measurements.
pub(crate) fn print(measurements: &[Measurement]) {
    for measurement in measurements {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([
            measurement.workload.name(),
            "requests/s",
            "p50 ms",
            "p99 ms",
            "server µs",
            "database µs",
            "rate / floor",
            "server µs / floor",
        ]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for outcome in &measurement.outcomes {
            let floor = floor_of(measurement, outcome);
            let ratio = |of: fn(&Measured) -> f64| {
                floor.map_or_else(String::new, |floor| {
                    format!("{:.2}", paired_ratio(&column(outcome, of), &column(floor, of)))
                })
            };
            table.add_row([
                outcome.competitor.name(),
                format!("{:.0}", median(&column(outcome, |it| it.rate))),
                format!("{:.2}", median(&column(outcome, |it| it.p50)) / 1e3),
                format!("{:.2}", median(&column(outcome, |it| it.p99)) / 1e3),
                format!("{:.0}", median(&column(outcome, |it| it.server))),
                format!("{:.0}", median(&column(outcome, |it| it.database))),
                ratio(|it| it.rate),
                ratio(|it| it.server),
            ]);
        }
        #[expect(clippy::print_stdout, reason = "what the program is for")]
        {
            println!("{table}");
        }
    }
}

fn column(outcome: &Outcome, of: fn(&Measured) -> f64) -> Vec<f64> {
    outcome.slices.iter().map(of).collect()
}

fn floor_of<'a>(measurement: &'a Measurement, outcome: &Outcome) -> Option<&'a Outcome> {
    let floor = outcome.competitor.on(Side::Floor);
    measurement.outcomes.iter().find(|other| other.competitor == floor)
}
