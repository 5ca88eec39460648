//! What came of the measurements: a line for each competitor, and the goals beside what was reached.

use crate::competitor::{Competitor, SIZES, SPREAD};
use crate::machine::Machine;
use crate::measure::{Measured, Measurement, Outcome};
use crate::request::{Operation, Side, Workload};
use crate::setting::{DURABLE, Setting};
use crate::statistic::{median, paired_ratio};
use crate::step::Step;

/// Everything that is told.
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// How it was measured, for whoever repeats it.
    pub(crate) how: How,
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) steps: Vec<Step>,
}

/// The arguments that figures depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) seconds: u64,
    pub(crate) turns: usize,
    pub(crate) clients: usize,
    pub(crate) users: u64,
    pub(crate) tenants: usize,
}

/// A competitor's medians.
pub(crate) struct Line {
    pub(crate) competitor: Competitor,
    pub(crate) middle: Measured,
    /// Requests a second, of the floor's.
    pub(crate) rate_to_floor: Option<f64>,
    /// The server's processor time a request, of the floor's.
    pub(crate) server_to_floor: Option<f64>,
    /// Requests a second, of pgbench's.
    pub(crate) rate_to_pgbench: Option<f64>,
}

/// What was to be reached.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) of: &'static str,
    pub(crate) wanted: f64,
    pub(crate) reached: f64,
    /// None for the plugin step, which is no workload.
    pub(crate) workload: Option<Workload>,
    /// Whether less is better.
    pub(crate) at_most: bool,
}

impl Goal {
    /// Whether it was.
    pub(crate) fn met(&self) -> bool {
        if self.at_most { self.reached <= self.wanted } else { self.reached >= self.wanted }
    }
}

/// The lines of one measurement.
pub(crate) fn lines(measurement: &Measurement) -> Vec<Line> {
    measurement.outcomes.iter().map(|outcome| line(measurement, outcome)).collect()
}

fn line(measurement: &Measurement, outcome: &Outcome) -> Line {
    let middle = |of: fn(&Measured) -> f64| median(&column(outcome, of));
    let to = |side: Side, of: fn(&Measured) -> f64| {
        let competitor = outcome.competitor.on(side);
        let other = find(measurement, competitor).filter(|_| competitor != outcome.competitor)?;
        Some(paired_ratio(&column(outcome, of), &column(other, of)))
    };
    let serves = outcome.competitor.side != Side::Pgbench;
    Line {
        competitor: outcome.competitor,
        middle: Measured {
            rate: middle(|it| it.rate),
            server: middle(|it| it.server),
            database: middle(|it| it.database),
            p50: middle(|it| it.p50),
            p99: middle(|it| it.p99),
        },
        rate_to_floor: to(Side::Floor, |it| it.rate),
        server_to_floor: to(Side::Floor, |it| it.server).filter(|_| serves),
        rate_to_pgbench: to(Side::Pgbench, |it| it.rate),
    }
}

fn column(outcome: &Outcome, of: fn(&Measured) -> f64) -> Vec<f64> {
    outcome.slices.iter().map(of).collect()
}

fn find(measurement: &Measurement, competitor: Competitor) -> Option<&Outcome> {
    measurement.outcomes.iter().find(|outcome| outcome.competitor == competitor)
}

impl Report {
    /// The measurements of a setting.
    pub(crate) fn of(&self, setting: Setting) -> impl Iterator<Item = &Measurement> {
        self.measurements.iter().filter(move |it| it.setting == setting)
    }

    /// The goals, as far as they were measured.
    pub(crate) fn goals(&self) -> Vec<Goal> {
        let wanted = [
            (Workload::Create, "create a user", 0.85),
            (Workload::Get, "get a user", 0.9),
            (Workload::Filter, "find a user by name", 0.9),
            (Workload::List, "list 100 users", 1.0),
            (Workload::Patch, "PATCH a user", 0.9),
        ];
        let mut goals: Vec<Goal> = wanted
            .into_iter()
            .filter_map(|(workload, what, goal)| {
                let reached = self.first_ratio(workload)?;
                Some(Goal { what, of: "of the floor", wanted: goal, reached, workload: Some(workload), at_most: false })
            })
            .collect();
        goals.extend(self.one_group().map(|reached| Goal {
            what: "add members to one group",
            of: "of adding to twenty",
            wanted: 0.8,
            reached,
            workload: Some(Workload::Members),
            at_most: false,
        }));
        goals.extend(self.large_group().map(|reached| Goal {
            what: "add members to a group of 100,000",
            of: "of adding to one of ten",
            wanted: 0.8,
            reached,
            workload: Some(Workload::Sizes),
            at_most: false,
        }));
        goals.extend(crate::step::whole_mapping(&self.steps).map(|step| Goal {
            what: "a plugin step, the tutorial's mapping",
            of: "µs",
            wanted: 40.0,
            reached: step.median,
            workload: None,
            at_most: true,
        }));
        goals
    }

    fn first_ratio(&self, workload: Workload) -> Option<f64> {
        let measurement = self.of(DURABLE).find(|it| it.workload == workload)?;
        lines(measurement).first()?.rate_to_floor
    }

    fn large_group(&self) -> Option<f64> {
        let measurement = self.of(DURABLE).find(|it| it.workload == Workload::Sizes)?;
        let rates = |size| {
            let competitor = Competitor::adding_to(Side::Gateway, size);
            find(measurement, competitor).map(|outcome| column(outcome, |it| it.rate))
        };
        Some(paired_ratio(&rates(SIZES[2])?, &rates(SIZES[0])?))
    }

    fn one_group(&self) -> Option<f64> {
        let measurement = self.of(DURABLE).find(|it| it.workload == Workload::Members)?;
        let rates = |groups| {
            let competitor = Competitor { groups, ..Competitor::new(Side::Gateway, Operation::Member) };
            find(measurement, competitor).map(|outcome| column(outcome, |it| it.rate))
        };
        Some(paired_ratio(&rates(1)?, &rates(SPREAD)?))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two turns of a workload in which the gateway reaches a given part of the floor.
    pub(crate) fn measurement(workload: Workload, operation: Operation, part: f64) -> Measurement {
        let slice = |rate: f64| Measured { rate, server: 1e5 / rate, database: 50.0, p50: 900.0, p99: 2500.0 };
        let outcome = |side, rates: [f64; 2]| Outcome {
            competitor: Competitor::new(side, operation),
            slices: rates.map(slice).to_vec(),
        };
        Measurement {
            setting: DURABLE,
            workload,
            outcomes: vec![
                outcome(Side::Gateway, [1000.0 * part, 2000.0 * part]),
                outcome(Side::Floor, [1000.0, 2000.0]),
                outcome(Side::Pgbench, [2000.0, 4000.0]),
            ],
        }
    }

    /// A small report.
    pub(crate) fn report() -> Report {
        Report {
            machine: Machine::default(),
            how: How { seconds: 2, turns: 2, clients: 16, users: 100, tenants: 3 },
            measurements: vec![
                measurement(Workload::Create, Operation::Create, 0.9),
                measurement(Workload::Get, Operation::Get, 0.5),
            ],
            steps: crate::step::read("the tutorial's mapping       1       35.2      47.8     262.3      24910   1.10"),
        }
    }

    #[test]
    fn a_line_is_compared_with_floor_and_pgbench() {
        let all = lines(&measurement(Workload::Create, Operation::Create, 0.9));
        let near = |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < 1e-9, "{found:?}");
        near(all[0].rate_to_floor, 0.9);
        near(all[0].server_to_floor, 1.0 / 0.9);
        near(all[0].rate_to_pgbench, 0.45);
        assert_eq!(all[1].rate_to_floor, None, "nobody is compared with himself");
        assert_eq!(all[2].server_to_floor, None, "pgbench has no server");
    }

    #[test]
    fn a_goal_is_met_or_missed() {
        let goals = report().goals();
        let met: Vec<(&str, bool)> = goals.iter().map(|goal| (goal.what, goal.met())).collect();
        let wanted = [("create a user", true), ("get a user", false), ("a plugin step, the tutorial's mapping", true)];
        assert_eq!(met, wanted);
    }
}
