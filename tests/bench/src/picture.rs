//! The picture: for each workload a bar as long as the gateway's part of the floor, and the goal as a mark.

use std::fmt::Write as _;

use crate::competitor::Competitor;
use crate::measure::Measurement;
use crate::report::{Report, lines};
use crate::request::{Side, Workload};
use crate::setting::{DURABLE, SETTINGS};

const WIDTH: f64 = 890.0;
/// Where bars begin.
const LEFT: f64 = 250.0;
/// How long a bar of 1.0 is, and where it is cut off.
const UNIT: f64 = 400.0;
const LONGEST: f64 = 1.25;
const ROW: f64 = 26.0;
const TOP: f64 = 58.0;

const STYLE: &str = r#"
    text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #1f2933 }
    .title { font-size: 16px; font-weight: 600 }
    .head { font-weight: 600 }
    .small { font-size: 12px; fill: #55616d }
    .end { text-anchor: end }
    .middle { text-anchor: middle }
    .met { fill: #3d9a5b }
    .missed { fill: #cf8a2e }
    .plain { fill: #3b82c4 }
    .axis { stroke: #b4bfca; stroke-width: 1 }
    .floor { stroke: #55616d; stroke-width: 1.5 }
    .goal { stroke: #1f2933; stroke-width: 2.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .small { fill: #a3b0bd }
      .met { fill: #56bd78 }
      .missed { fill: #e0a54c }
      .plain { fill: #5aa2e6 }
      .axis { stroke: #4a5560 }
      .floor { stroke: #a3b0bd }
      .goal { stroke: #e6edf3 }
    }"#;

/// A bar or a heading.
enum Row {
    Head(String),
    Bar { name: String, ratio: f64, goal: Option<f64> },
}

/// The picture as SVG.
pub(crate) fn svg(report: &Report) -> String {
    let rows = rows(report);
    let bottom = rows.iter().map(height).sum::<f64>() + TOP;
    let total = bottom + 50.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {total}\" width=\"{WIDTH}\" height=\"{total}\" \
         role=\"img\" aria-labelledby=\"title desc\">\n  <title id=\"title\">The gateway's requests a second, as a part of the floor's</title>\n  \
         <desc id=\"desc\">{}</desc>\n  <style>{STYLE}\n  </style>\n",
        description(&rows)
    );
    svg.push_str(
        "  <text class=\"title\" x=\"16\" y=\"26\">The gateway's requests a second, as a part of the floor's</text>\n",
    );
    axis(&mut svg, bottom);
    let mut y = TOP;
    for row in &rows {
        draw(&mut svg, row, y);
        y += height(row);
    }
    legend(&mut svg, bottom + 36.0);
    svg.push_str("</svg>\n");
    svg
}

fn rows(report: &Report) -> Vec<Row> {
    let goals = report.goals();
    let mut rows = Vec::new();
    for setting in SETTINGS {
        let mut measurements = report.of(setting).peekable();
        if measurements.peek().is_some() {
            rows.push(Row::Head(setting.title.to_owned()));
        }
        for measurement in measurements {
            for (competitor, ratio) in bars(measurement) {
                let is_goal = setting == DURABLE && !competitor.mapped && !competitor.adds();
                let goal = goals.iter().find(|goal| is_goal && goal.workload == Some(measurement.workload));
                let name = format!("{}{}", measurement.workload.name(), competitor.how());
                rows.push(Row::Bar { name, ratio, goal: goal.map(|goal| goal.wanted) });
            }
        }
    }
    let of_itself = [
        (Workload::Members, "One group beside twenty", "members, one : twenty groups"),
        (Workload::Sizes, "A large group beside a small one", "members, 100,000 : 10 before"),
    ];
    for (workload, head, name) in of_itself {
        if let Some(goal) = goals.iter().find(|goal| goal.workload == Some(workload)) {
            rows.push(Row::Head(head.to_owned()));
            rows.push(Row::Bar { name: name.to_owned(), ratio: goal.reached, goal: Some(goal.wanted) });
        }
    }
    rows
}

fn bars(measurement: &Measurement) -> Vec<(Competitor, f64)> {
    let of_gateway = lines(measurement).into_iter().filter(|line| line.competitor.side == Side::Gateway);
    of_gateway.filter_map(|line| Some((line.competitor, line.rate_to_floor?))).collect()
}

fn height(row: &Row) -> f64 {
    match row {
        Row::Head(_) => ROW + 10.0,
        Row::Bar { .. } => ROW,
    }
}

fn at(ratio: f64) -> f64 {
    LEFT + UNIT * ratio.clamp(0.0, LONGEST)
}

/// Writing to a String cannot fail.
fn line(svg: &mut String, class: &str, [x1, y1, x2, y2]: [f64; 4]) {
    let _ = writeln!(svg, "  <line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
}

fn text(svg: &mut String, class: &str, [x, y]: [f64; 2], words: &str) {
    let _ = writeln!(svg, "  <text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(words));
}

fn axis(svg: &mut String, bottom: f64) {
    for quarter in 0..=5_u8 {
        let ratio = f64::from(quarter) / 4.0;
        line(svg, if quarter == 4 { "floor" } else { "axis" }, [at(ratio), TOP - 8.0, at(ratio), bottom]);
        let label = if quarter == 4 { "floor = 1".to_owned() } else { format!("{ratio}") };
        text(svg, "small middle", [at(ratio), TOP - 14.0], &label);
    }
}

fn draw(svg: &mut String, row: &Row, y: f64) {
    match row {
        Row::Head(words) => text(svg, "head", [16.0, y + 26.0], words),
        Row::Bar { name, ratio, goal } => {
            text(svg, "end", [LEFT - 10.0, y + 17.0], name);
            let class = goal.map_or("plain", |goal| if *ratio >= goal { "met" } else { "missed" });
            let width = at(*ratio) - LEFT;
            let _ = writeln!(
                svg,
                "  <rect class=\"{class}\" x=\"{LEFT:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"15\" rx=\"2\"/>",
                y + 5.0
            );
            let mut words = format!("{ratio:.2}");
            if let Some(goal) = goal {
                line(svg, "goal", [at(*goal), y + 2.0, at(*goal), y + 23.0]);
                let _ = write!(words, " (goal {goal})");
            }
            // In a column of their own, clear of every line.
            let x = at(LONGEST) + 12.0;
            text(svg, "small", [x, y + 17.0], &words);
        }
    }
}

fn legend(svg: &mut String, y: f64) {
    let mut x = 16.0;
    for (class, words) in [("met", "goal met"), ("missed", "goal missed"), ("plain", "no goal")] {
        let _ = writeln!(
            svg,
            "  <rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" rx=\"2\"/>",
            y - 10.0
        );
        text(svg, "small", [x + 18.0, y], words);
        x += 110.0;
    }
    line(svg, "goal", [x + 4.0, y - 13.0, x + 4.0, y + 4.0]);
    text(svg, "small", [x + 14.0, y], "goal");
}

fn description(rows: &[Row]) -> String {
    let words: Vec<String> = rows
        .iter()
        .map(|row| match row {
            Row::Head(words) => format!("{words}:"),
            Row::Bar { name, ratio, goal: Some(goal) } => format!("{name} {ratio:.2} (goal {goal}),"),
            Row::Bar { name, ratio, goal: None } => format!("{name} {ratio:.2},"),
        })
        .collect();
    escaped(words.join(" ").trim_end_matches(','))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn a_bar_is_as_long_as_its_ratio_and_the_goal_is_marked() {
        let svg = svg(&report());
        assert!(svg.contains("<rect class=\"met\" x=\"250.0\" y=\"99.0\" width=\"360.0\""), "0.9 of 400:\n{svg}");
        assert!(svg.contains("<rect class=\"missed\" x=\"250.0\" y=\"125.0\" width=\"200.0\""), "0.5 of 400:\n{svg}");
        assert!(svg.contains("<line class=\"goal\" x1=\"590.0\""), "0.85 of 400 from the left:\n{svg}");
        assert!(svg.contains("0.90 (goal 0.85)"));
    }

    #[test]
    fn a_bar_that_is_too_long_is_cut() {
        assert!((at(9.0) - at(LONGEST)).abs() < 1e-9);
    }

    #[test]
    fn every_element_is_closed() {
        let svg = svg(&report());
        for name in ["svg", "style", "title", "desc", "text"] {
            let (opened, closed) =
                (svg.matches(&format!("<{name}")).count(), svg.matches(&format!("</{name}>")).count());
            assert_eq!(opened, closed, "{name}");
        }
        let unclosed = svg.lines().find(|it| (it.contains("<rect") || it.contains("<line")) && !it.ends_with("/>"));
        assert_eq!(unclosed, None);
    }
}
