//! Whether it stayed as it was: in the second half no figure may grow by more than its bound, and no request may fail.

use crate::Soak;
use crate::sample::{FIGURES, Sample};

/// The least part of the requests that were due which must have been sent.
const MIN_SENT: f64 = 0.99;

/// One figure over the whole run.
pub(crate) struct Course {
    pub(crate) first: f64,
    pub(crate) last: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// By how much it grew in the second half: the slope of the line of least squares, times that half's length.
    pub(crate) growth: f64,
}

/// The course of a figure by its place; none if it was never measured.
pub(crate) fn course(samples: &[Sample], place: usize) -> Option<Course> {
    let points: Vec<(f64, f64)> =
        samples.iter().filter_map(|sample| Some((sample.at.as_secs_f64(), sample.values[place]?))).collect();
    let (first, last) = (points.first()?, points.last()?);
    let half = &points[points.len() / 2..];
    let values = points.iter().map(|point| point.1);
    Some(Course {
        first: first.1,
        last: last.1,
        least: values.clone().fold(f64::INFINITY, f64::min),
        most: values.fold(f64::NEG_INFINITY, f64::max),
        growth: slope(half) * (last.0 - half[0].0),
    })
}

/// The slope of the line of least squares; 0 for a single point.
fn slope(points: &[(f64, f64)]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a number of samples")]
    let number = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / number;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let common: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    if spread > 0.0 { common / spread } else { 0.0 }
}

/// Each thing that is not as it must be, as a sentence.
pub(crate) fn problems(soak: &Soak) -> Vec<String> {
    let mut problems = Vec::new();
    for (place, figure) in FIGURES.iter().enumerate() {
        let (Some(allowed), Some(course)) = (figure.allowed, course(&soak.samples, place)) else { continue };
        if course.growth > allowed {
            let (name, unit, growth) = (figure.name, figure.unit, course.growth);
            problems
                .push(format!("In the second half {name} grew by {growth:.1} {unit}, of which {allowed} are allowed."));
        }
    }
    let (failed, examples) = soak.outcomes.failures();
    if failed > 0 {
        problems.push(format!("{failed} requests failed, the first of them: {}.", examples[0]));
    }
    let sent: usize = soak.outcomes.times().values().map(Vec::len).sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
    let part = sent as f64 / (soak.arguments.rate * soak.arguments.minutes * 60.0);
    if part < MIN_SENT {
        problems.push(format!("Only {:.1} % of the requests that were due were sent.", part * 100.0));
    }
    let [lost, failed] = soak.samples.last().map_or([0.0; 2], |sample| sample.faults);
    if lost > 0.0 {
        problems.push(format!("{lost} rows of the provisioning log were lost."));
    }
    if failed > 0.0 {
        problems.push(format!("{failed} tries of background work failed."));
    }
    if soak.left > 0 {
        problems.push(format!("{} users and groups are left, though all were deleted.", soak.left));
    }
    problems
}
