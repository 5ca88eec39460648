//! The results, and a summary of each competitor.

use crate::competitor::{Competitor, Side, Variant};
use crate::measure::{Figures, Measurement, Outcome};
use crate::memory::MemoryUse;
use crate::paced::Paced;
use crate::statistic::{median, paired_ratio};
use crate::step::Step;
use crate::work::Work;
use crate::workload::Workload;

/// All results.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) paced: Option<Paced>,
    pub(crate) memory: Option<MemoryUse>,
    pub(crate) steps: Vec<Step>,
}

/// A competitor's medians, and ratios within a round.
pub(crate) struct Summary {
    pub(crate) competitor: Competitor,
    pub(crate) median: Figures,
    pub(crate) work: Work,
    /// Requests per second, as a ratio to the bare handler's.
    pub(crate) rate_to_bare: Option<f64>,
    /// Requests per second, as a ratio to the floor's.
    pub(crate) rate_to_floor: Option<f64>,
    /// CPU time of server and database per request, as a ratio to the same gateway's on one tenant.
    pub(crate) cpu_to_plain: Option<f64>,
    /// CPU time of server and database per request, as a ratio to the other gateway's.
    pub(crate) cpu_to_rival: Option<f64>,
}

impl Figures {
    /// CPU time of server and database.
    pub(crate) fn cpu_micros(&self) -> f64 {
        self.server_micros + self.database_micros
    }
}

impl Outcome {
    /// One figure of all rounds.
    fn column(&self, figure: impl Fn(&Figures) -> f64) -> Vec<f64> {
        self.slices.iter().map(figure).collect()
    }
}

impl Measurement {
    fn outcome(&self, side: Side, variant: Variant) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.competitor == Competitor { side, variant })
    }

    /// The outcome of a side that is measured in one variant only.
    fn only_outcome(&self, side: Side) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.competitor.side == side)
    }

    /// The competitors' summaries.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = Summary> {
        self.outcomes.iter().map(|outcome| self.summary(outcome))
    }

    fn summary(&self, outcome: &Outcome) -> Summary {
        let competitor @ Competitor { side, variant } = outcome.competitor;
        let is_gateway = matches!(side, Side::Gateway | Side::Rival);
        let ratio = |other: Option<&Outcome>, figure: fn(&Figures) -> f64| {
            let other = other.filter(|other| is_gateway && other.competitor != competitor)?;
            Some(paired_ratio(&outcome.column(figure), &other.column(figure)))
        };
        let median = |figure: fn(&Figures) -> f64| median(&outcome.column(figure));
        Summary {
            competitor,
            median: Figures {
                rate: median(|it| it.rate),
                server_micros: median(|it| it.server_micros),
                database_micros: median(|it| it.database_micros),
                p50_micros: median(|it| it.p50_micros),
                p99_micros: median(|it| it.p99_micros),
            },
            work: outcome.work,
            rate_to_bare: ratio(self.only_outcome(Side::Bare), |it| it.rate),
            rate_to_floor: ratio(self.only_outcome(Side::Floor), |it| it.rate),
            cpu_to_plain: ratio(self.outcome(side, Variant::Plain), Figures::cpu_micros),
            cpu_to_rival: ratio(
                self.outcome(Side::Rival, variant).filter(|_| side == Side::Gateway),
                Figures::cpu_micros,
            ),
        }
    }

    /// The gateway's requests per second with one variant, as a ratio to those with another.
    pub(crate) fn ratio_of_variants(&self, variant: Variant, to: Variant) -> Option<f64> {
        let rates = |variant| Some(self.outcome(Side::Gateway, variant)?.column(|it| it.rate));
        Some(paired_ratio(&rates(variant)?, &rates(to)?))
    }
}

impl Report {
    /// The measurement of a workload.
    pub(crate) fn of(&self, workload: Workload) -> Option<&Measurement> {
        self.measurements.iter().find(|it| it.workload == workload)
    }

    /// The summary of a competitor.
    pub(crate) fn summary(&self, workload: Workload, side: Side, variant: Variant) -> Option<Summary> {
        let measurement = self.of(workload)?;
        measurement.outcome(side, variant).map(|outcome| measurement.summary(outcome))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::step;

    /// Two rounds of a workload, with a given ratio of the gateway's rate to the others'.
    fn measurement(workload: Workload, ratio: f64) -> Measurement {
        let slice = |rate: f64| Figures {
            rate,
            server_micros: 1e5 / rate,
            database_micros: 1e5 / rate,
            p50_micros: 900.0,
            p99_micros: 2500.0,
        };
        let outcome = |side, variant, rates: [f64; 2]| Outcome {
            competitor: Competitor { side, variant },
            slices: rates.map(slice).to_vec(),
            work: Work { index_entries: 19.0, ..Work::default() },
        };
        Measurement {
            workload,
            outcomes: vec![
                outcome(Side::Gateway, Variant::Plain, [1000.0 * ratio, 2000.0 * ratio]),
                outcome(Side::Gateway, Variant::ManyTenants, [800.0 * ratio, 1600.0 * ratio]),
                outcome(Side::Bare, Variant::Plain, [1000.0, 2000.0]),
                outcome(Side::Floor, Variant::Plain, [500.0, 1000.0]),
            ],
        }
    }

    /// A small report.
    pub(crate) fn report() -> Report {
        Report {
            measurements: vec![measurement(Workload::Create, 0.7), measurement(Workload::Get, 0.5)],
            steps: step::read("the tutorial's mapping       1       35.2      47.8     262.3      24910   1.10"),
            ..Report::default()
        }
    }

    #[test]
    fn a_summary_is_compared_with_both_yardsticks_and_one_tenant() {
        let all: Vec<Summary> = measurement(Workload::Create, 0.9).summaries().collect();
        let near = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?}");
        near(all[0].rate_to_bare, 0.9);
        near(all[0].rate_to_floor, 1.8);
        assert_eq!(all[0].cpu_to_plain, None);
        near(all[1].cpu_to_plain, 1.25);
        assert_eq!(all[2].rate_to_floor, None, "yardsticks are not compared with each other");
    }
}
