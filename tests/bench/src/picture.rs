//! The picture: for each workload a bar for the gateway's rate as a ratio to a yardstick's, and a line for the goal.

use std::mem;

use anyhow::Result;
use charts_rs::{Align, Box, Bullet, BulletChart, Color, FontConfig, TextConfig};

use crate::competitor::{Side, Variant};
use crate::goal::{between_variants, floor_target, target};
use crate::report::{Report, Summary};

const TITLE: &str = "Requests per second, as a ratio";
const LEGEND: &str = "Dark band: up to 1. Line: goal. Green: goal met; orange: goal missed; blue: no goal.";
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
    let to_bare = |it: &Summary| it.rate_to_bare;
    let to_floor = |it: &Summary| it.rate_to_floor;
    let mut rows = section(report, "Gateway / bare handler", to_bare);
    rows.extend(section(report, "Gateway / floor", to_floor));
    let between: Vec<Bullet> =
        between_variants(report).map(|goal| bar(goal.name.to_owned(), goal.reached, Some(goal.target))).collect();
    if !between.is_empty() {
        rows.push(heading("Gateway alone"));
    }
    rows.extend(between);
    rows
}

/// A bar for each workload that is compared with a yardstick.
fn section(report: &Report, name: &str, ratio: fn(&Summary) -> Option<f64>) -> Vec<Bullet> {
    let mut rows = vec![heading(name)];
    for measurement in &report.measurements {
        for summary in measurement.summaries().filter(|it| it.competitor.side == Side::Gateway) {
            let Some(ratio) = ratio(&summary) else { continue };
            let variant = summary.competitor.variant;
            let target = if name.ends_with("floor") {
                floor_target(measurement.workload).filter(|_| variant == Variant::Plain)
            } else {
                target(measurement.workload, variant)
            };
            rows.push(bar(format!("{}{}", measurement.workload.name(), variant.suffix()), ratio, target));
        }
    }
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
        let names = |color: (u8, u8, u8)| {
            let rows = rows(&report()).into_iter().filter(move |row| row.color == Some(Color::from(color)));
            rows.map(|row| row.name).collect::<Vec<_>>()
        };
        assert_eq!(names((61, 154, 91)), ["create", "create"], "0.7 of 0.6, and 1.4 of 0.85");
        assert_eq!(names((207, 138, 46)), ["get"], "0.5 of 0.92");
    }

    #[test]
    fn equal_figures_give_an_equal_picture() {
        let picture = svg(&report()).unwrap();
        for part in ["Gateway / bare handler", ">\ncreate\n<", ">\n0.7\n<", ">\n0.5\n<"] {
            assert!(picture.contains(part), "{part} is missing:\n{picture}");
        }
        assert_eq!(picture, svg(&report()).unwrap());
    }
}
