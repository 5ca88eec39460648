//! The figures over time: a small chart for each.

use charts_rs::{Box, ChildChart, LineChart, MultiChart, Series, Symbol, YAxisConfig};

use crate::sample::{FIGURES, Sample};

const WIDTH: f32 = 440.0;
const HEIGHT: f32 = 170.0;
const COLUMNS: usize = 2;
const FONT: &str = "system-ui, -apple-system, sans-serif";

/// The picture as SVG.
pub(crate) fn svg(samples: &[Sample]) -> String {
    let mut charts = MultiChart::new();
    charts.compact = true;
    for (place, figure) in FIGURES.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a few charts")]
        let (left, top) = ((place % COLUMNS) as f32 * WIDTH, (place / COLUMNS) as f32 * HEIGHT);
        let title =
            if figure.unit.is_empty() { figure.name.to_owned() } else { format!("{}, {}", figure.name, figure.unit) };
        charts.charts.push(ChildChart::Line(chart(samples, place, title), Some((left, top))));
    }
    charts.svg().unwrap()
}

fn chart(samples: &[Sample], place: usize, title: String) -> LineChart {
    #[expect(clippy::cast_possible_truncation, reason = "a picture")]
    let values = samples.iter().map(|sample| sample.values[place].map(|value| value as f32)).collect();
    let mut series = Series::new_nullable(title.clone(), values);
    series.symbol = Some(Symbol::None);
    let minutes: Vec<f64> = samples.iter().map(|sample| sample.at.as_secs_f64() / 60.0).collect();
    let mut chart = LineChart::new(vec![series], Vec::new());
    (chart.width, chart.height) = (WIDTH, HEIGHT);
    chart.margin = Box { left: 10.0, top: 8.0, right: 20.0, bottom: 8.0 };
    chart.title.text = title;
    chart.title.font.size = 13.0;
    chart.legend.show = Some(false);
    chart.x_axis.values = minutes;
    chart.x_axis.formatter = Some("{c} min".into());
    chart.font_family = FONT.into();
    chart.series.stroke_width = 1.5;
    let axis = chart.y_axis_configs.first().cloned().unwrap_or_default();
    chart.y_axis_configs = vec![YAxisConfig { min: Some(0.0), split_number: 4, ..axis }];
    chart
}
