//! The results: a summary of each competitor, and the goals.

use crate::competitor::{Competitor, GROUP_SIZES, ONE_GROUP, Side, TWENTY_GROUPS, Variant};
use crate::measure::{Figures, Measurement, Outcome};
use crate::setting::Setting;
use crate::statistic::{median, paired_ratio};
use crate::step::{self, Step};
use crate::workload::Workload;

/// All results.
pub(crate) struct Report {
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) steps: Vec<Step>,
}

/// A competitor's medians.
pub(crate) struct Summary {
    pub(crate) competitor: Competitor,
    pub(crate) median: Figures,
    /// Requests per second, as a ratio to the floor's.
    pub(crate) rate_to_floor: Option<f64>,
    /// The server's CPU time per request, as a ratio to the floor's.
    pub(crate) server_to_floor: Option<f64>,
    /// Requests per second, as a ratio to pgbench's.
    pub(crate) rate_to_pgbench: Option<f64>,
}

/// A goal and the measured value.
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) target: f64,
    pub(crate) reached: f64,
    pub(crate) lower_is_better: bool,
}

impl Goal {
    pub(crate) fn met(&self) -> bool {
        if self.lower_is_better { self.reached <= self.target } else { self.reached >= self.target }
    }
}

impl Outcome {
    /// One figure of all rounds.
    fn column(&self, figure: fn(&Figures) -> f64) -> Vec<f64> {
        self.slices.iter().map(figure).collect()
    }
}

impl Measurement {
    fn outcome(&self, competitor: Competitor) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.competitor == competitor)
    }

    /// The competitors' summaries.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = Summary> {
        self.outcomes.iter().map(|outcome| self.summary(outcome))
    }

    fn summary(&self, outcome: &Outcome) -> Summary {
        let competitor = outcome.competitor;
        let median = |figure| median(&outcome.column(figure));
        let ratio_to = |side, figure| {
            let other = competitor.counterpart(side);
            let other = self.outcome(other).filter(|_| other != competitor)?;
            Some(paired_ratio(&outcome.column(figure), &other.column(figure)))
        };
        let has_server = competitor.side != Side::Pgbench;
        Summary {
            competitor,
            median: Figures {
                rate: median(|it| it.rate),
                server_micros: median(|it| it.server_micros),
                database_micros: median(|it| it.database_micros),
                p50_micros: median(|it| it.p50_micros),
                p99_micros: median(|it| it.p99_micros),
            },
            rate_to_floor: ratio_to(Side::Floor, |it| it.rate),
            server_to_floor: ratio_to(Side::Floor, |it| it.server_micros).filter(|_| has_server),
            rate_to_pgbench: ratio_to(Side::Pgbench, |it| it.rate),
        }
    }

    /// The gateway's requests per second with one variant, as a ratio to those with another.
    fn ratio_of_variants(&self, variant: Variant, to: Variant) -> Option<f64> {
        let rates = |variant| {
            let outcome = self.outcome(Competitor { side: Side::Gateway, variant })?;
            Some(outcome.column(|it| it.rate))
        };
        Some(paired_ratio(&rates(variant)?, &rates(to)?))
    }
}

impl Report {
    /// The measurements of a setting.
    pub(crate) fn of(&self, setting: Setting) -> impl Iterator<Item = &Measurement> {
        self.measurements.iter().filter(move |it| it.setting == setting)
    }

    /// The goals whose values were measured.
    pub(crate) fn goals(&self) -> Vec<Goal> {
        let mut goals: Vec<Goal> = [
            (Workload::Create, "create a user, gateway / floor"),
            (Workload::Get, "get a user, gateway / floor"),
            (Workload::Filter, "find a user by name, gateway / floor"),
            (Workload::List, "list 100 users, gateway / floor"),
            (Workload::Patch, "patch a user, gateway / floor"),
        ]
        .into_iter()
        .filter_map(|(workload, name)| {
            let reached = self.durable(workload)?.summaries().next()?.rate_to_floor?;
            Some(Goal { name, target: workload.target()?, reached, lower_is_better: false })
        })
        .collect();
        goals.extend(self.group_goals());
        goals.extend(step::whole_mapping(&self.steps).map(|step| Goal {
            name: "the tutorial's mapping, µs per step",
            target: 40.0,
            reached: step.median_micros,
            lower_is_better: true,
        }));
        goals
    }

    /// The goals that compare the gateway with itself.
    pub(crate) fn group_goals(&self) -> impl Iterator<Item = Goal> {
        [
            (Workload::Members, ONE_GROUP, TWENTY_GROUPS, "add members, one group / twenty"),
            (Workload::GroupSizes, GROUP_SIZES[2], GROUP_SIZES[0], "add members, group of 100,000 / 10"),
        ]
        .into_iter()
        .filter_map(|(workload, variant, to, name)| {
            let reached = self.durable(workload)?.ratio_of_variants(variant, to)?;
            Some(Goal { name, target: 0.8, reached, lower_is_better: false })
        })
    }

    fn durable(&self, workload: Workload) -> Option<&Measurement> {
        self.of(Setting::Durable).find(|it| it.workload == workload)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two rounds of a workload, with a given ratio of the gateway's rate to the floor's.
    fn measurement(workload: Workload, ratio: f64) -> Measurement {
        let slice = |rate: f64| Figures {
            rate,
            server_micros: 1e5 / rate,
            database_micros: 50.0,
            p50_micros: 900.0,
            p99_micros: 2500.0,
        };
        let outcome = |side, rates: [f64; 2]| Outcome {
            competitor: Competitor { side, variant: Variant::Plain },
            slices: rates.map(slice).to_vec(),
        };
        Measurement {
            setting: Setting::Durable,
            workload,
            outcomes: vec![
                outcome(Side::Gateway, [1000.0 * ratio, 2000.0 * ratio]),
                outcome(Side::Floor, [1000.0, 2000.0]),
                outcome(Side::Pgbench, [2000.0, 4000.0]),
            ],
        }
    }

    /// A small report.
    pub(crate) fn report() -> Report {
        Report {
            measurements: vec![measurement(Workload::Create, 0.9), measurement(Workload::Get, 0.5)],
            steps: step::read("the tutorial's mapping       1       35.2      47.8     262.3      24910   1.10"),
        }
    }

    #[test]
    fn a_summary_is_compared_with_floor_and_pgbench() {
        let all: Vec<Summary> = measurement(Workload::Create, 0.9).summaries().collect();
        let near = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?}");
        near(all[0].rate_to_floor, 0.9);
        near(all[0].server_to_floor, 1.0 / 0.9);
        near(all[0].rate_to_pgbench, 0.45);
        assert_eq!(all[1].rate_to_floor, None, "the floor is not compared with itself");
        assert_eq!(all[2].server_to_floor, None, "pgbench has no server");
    }

    #[test]
    fn a_goal_is_met_or_missed() {
        let met: Vec<(&str, bool)> = report().goals().iter().map(|goal| (goal.name, goal.met())).collect();
        let expected = [
            ("create a user, gateway / floor", true),
            ("get a user, gateway / floor", false),
            ("the tutorial's mapping, µs per step", true),
        ];
        assert_eq!(met, expected);
    }
}
