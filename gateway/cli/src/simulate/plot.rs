//! Latencies as bars on a logarithmic scale, in the units of an SVG without scripts.

use scimgate_simulate::{Latency, RequestStats};

const WIDTH: f64 = 900.0;
/// Where names end and the scale begins.
const NAMES: f64 = 300.0;
const ROW: f64 = 22.0;
const BAR: f64 = 14.0;
/// Below the last bar: the line's end, and the numbers.
const FOOT: f64 = 20.0;
/// The scale begins here: what is faster is drawn at its beginning.
const MIN_MS: f64 = 0.5;

/// What the template draws.
pub(super) struct Plot {
    pub(super) width: String,
    pub(super) height: String,
    pub(super) axis: String,
    pub(super) label: String,
    pub(super) names: String,
    pub(super) bar: String,
    pub(super) ticks: Vec<Tick>,
    pub(super) rows: Vec<Row>,
}

pub(super) struct Tick {
    pub(super) x: String,
    pub(super) text: String,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) from: String,
    pub(super) width: String,
    pub(super) median: String,
    pub(super) max: String,
    pub(super) top: String,
    pub(super) middle: String,
    pub(super) bottom: String,
    pub(super) text: String,
}

/// Milliseconds as places from the left.
struct Scale {
    doublings: f64,
}

impl Scale {
    fn new(longest: f64) -> Self {
        Self { doublings: (longest.max(2.0 * MIN_MS) / MIN_MS).log2().ceil() }
    }

    fn x(&self, ms: f64) -> f64 {
        let part = (ms.max(MIN_MS) / MIN_MS).log2() / self.doublings;
        NAMES + 10.0 + part.min(1.0) * (WIDTH - NAMES - 40.0)
    }

    fn ticks(&self) -> Vec<Tick> {
        let mut ticks = Vec::new();
        let mut ms = MIN_MS;
        // A hundred doublings are more than any clock's time.
        while self.x(ms) < self.x(f64::MAX) && ticks.len() < 100 {
            ticks.push(Tick { x: number(self.x(ms)), text: label(ms) });
            ms *= 2.0;
        }
        ticks.push(Tick { x: number(self.x(f64::MAX)), text: label(ms) });
        ticks
    }
}

fn label(ms: f64) -> String {
    if ms < 1.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

fn number(at: f64) -> String {
    format!("{at:.1}")
}

pub(super) fn plot(steps: &[RequestStats]) -> Plot {
    let longest = steps.iter().map(|step| step.latency_ms.max).fold(0.0, f64::max);
    let scale = Scale::new(longest);
    let mut top = 4.0;
    let mut rows = Vec::new();
    for step in steps {
        rows.push(row(&scale, top, (&format!("{}: {}", step.step, step.request), &step.latency_ms)));
        top += ROW;
    }
    Plot {
        width: number(WIDTH),
        height: number(top + FOOT),
        axis: number(top),
        label: number(top + FOOT - 5.0),
        names: number(NAMES),
        bar: number(BAR),
        ticks: scale.ticks(),
        rows,
    }
}

fn row(scale: &Scale, top: f64, (name, latency): (&str, &Latency)) -> Row {
    let (median, end) = (scale.x(latency.p50), scale.x(latency.p99));
    Row {
        name: name.to_owned(),
        title: format!(
            "p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            latency.p50, latency.p90, latency.p99, latency.max
        ),
        from: number(median),
        width: number((end - median).max(2.0)),
        median: number(median),
        max: number(scale.x(latency.max)),
        top: number(top),
        middle: number(top + BAR / 2.0),
        bottom: number(top + BAR),
        text: number(top + BAR - 3.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_doubles_from_line_to_line() {
        let scale = Scale::new(7.0);
        let texts: Vec<String> = scale.ticks().into_iter().map(|tick| tick.text).collect();
        assert_eq!(texts, ["0.5", "1", "2", "4", "8"]);
        let steps = [1.0, 2.0, 4.0].map(|ms| scale.x(ms));
        assert!((steps[1] - steps[0] - (steps[2] - steps[1])).abs() < 1e-9, "{steps:?}");
        assert!(scale.x(0.0) >= NAMES && scale.x(1e9) <= WIDTH, "within the picture");
        assert!(Scale::new(0.0).ticks().len() == 2, "nothing was sent");
    }
}
