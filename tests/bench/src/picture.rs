//! The picture: for each workload a bar for the gateway's rate as a ratio to the floor's, and a line for the goal.

use std::mem;

use anyhow::Result;
use charts_rs::{Align, Box, Bullet, BulletChart, Color, FontConfig, TextConfig};
use clap::ValueEnum as _;

use crate::competitor::{Side, Variant};
use crate::report::Report;
use crate::setting::Setting;

const TITLE: &str = "Requests per second, gateway / floor";
const LEGEND: &str = "Dark band: up to the floor. Line: goal. Green: goal met; orange: goal missed; blue: no goal.";
const FONT: &str = "system-ui, -apple-system, sans-serif";
const WIDTH: f32 = 890.0;
/// Wider on the left: names may be wider in the viewer's font.
const MARGIN: Box = Box { left: 40.0, top: 0.0, right: 16.0, bottom: 10.0 };
/// Title and legend.
const HEADER_HEIGHT: f32 = 50.0;
const ROW_HEIGHT: f32 = 26.0;
/// The longest bar.
const MAX_RATIO: f32 = 1.25;

/// The picture as SVG.
#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
pub(crate) fn svg(report: &Report) -> Result<String> {
    let mut rows = rows(report);
    let height = HEADER_HEIGHT + ROW_HEIGHT * rows.len() as f32 + MARGIN.bottom;
    // The chart has no headings: they are texts over empty rows.
    let headings = rows.iter_mut().enumerate().filter(|(_, row)| row.color.is_none());
    let texts = headings.map(|(index, row)| TextConfig {
        text: mem::take(&mut row.name),
        left: Some(MARGIN.left),
        top: Some(HEADER_HEIGHT + ROW_HEIGHT * index as f32 + 9.0),
        font: FontConfig { size: 14.0, weight: Some("bold".to_owned()), ..FontConfig::default() },
        ..TextConfig::default()
    });
    let texts = texts.collect();
    let mut chart = BulletChart::new(rows);
    (chart.width, chart.height, chart.margin, chart.texts) = (WIDTH, height, MARGIN, texts);
    (chart.title.text, chart.sub_title.text) = (TITLE.into(), LEGEND.into());
    (chart.title.align, chart.sub_title.align) = (Align::Left, Align::Left);
    chart.font_family = FONT.into();
    chart.x_axis.hidden = true;
    chart.label_show = true;
    chart.series.label.formatter = "{:.2}".into();
    Ok(chart.svg()?)
}

fn rows(report: &Report) -> Vec<Bullet> {
    let mut rows = Vec::new();
    for &setting in Setting::value_variants() {
        let mut measurements = report.of(setting).peekable();
        if measurements.peek().is_some() {
            rows.push(heading(setting.title()));
        }
        for measurement in measurements {
            for summary in measurement.summaries().filter(|it| it.competitor.side == Side::Gateway) {
                let variant = summary.competitor.variant;
                let has_goal = setting == Setting::Durable && variant == Variant::Plain;
                let target = measurement.workload.target().filter(|_| has_goal);
                let name = format!("{}{}", measurement.workload.name(), variant.suffix());
                rows.extend(summary.rate_to_floor.map(|ratio| bar(name, ratio, target)));
            }
        }
    }
    let goals: Vec<Bullet> =
        report.group_goals().map(|goal| bar(goal.name.to_owned(), goal.reached, Some(goal.target))).collect();
    if !goals.is_empty() {
        rows.push(heading("Gateway alone"));
    }
    rows.extend(goals);
    rows
}

/// A row with a name only.
fn heading(name: &str) -> Bullet {
    Bullet { name: name.to_owned(), ranges: vec![0.0], max: Some(MAX_RATIO), ..Bullet::default() }
}

#[expect(clippy::cast_possible_truncation, reason = "a ratio")]
fn bar(name: String, ratio: f64, target: Option<f64>) -> Bullet {
    let color = match target {
        None => (59, 130, 196),
        Some(target) if ratio >= target => (61, 154, 91),
        Some(_) => (207, 138, 46),
    };
    Bullet {
        name,
        value: ratio as f32,
        target: target.map(|target| target as f32),
        ranges: vec![1.0, MAX_RATIO],
        max: Some(MAX_RATIO),
        color: Some(Color::from(color)),
        ..Bullet::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn a_goal_decides_the_color_of_a_bar() {
        let colors = |rows: Vec<Bullet>| rows.into_iter().filter_map(|row| row.color).collect::<Vec<_>>();
        let expected = [Color::from((61, 154, 91)), Color::from((207, 138, 46))];
        assert_eq!(colors(rows(&report())), expected, "create reaches 0.9 of 0.85, get 0.5 of 0.9");
        assert_eq!(bar(String::new(), 0.5, None).color, Some(Color::from((59, 130, 196))));
    }

    #[test]
    fn equal_figures_give_an_equal_picture() {
        let picture = svg(&report()).unwrap();
        for part in ["Durable, one tenant", ">\ncreate\n<", ">\n0.9\n<", ">\n0.5\n<"] {
            assert!(picture.contains(part), "{part} is missing:\n{picture}");
        }
        assert_eq!(picture, svg(&report()).unwrap());
    }
}
