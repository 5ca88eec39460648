//! The goals, and what was reached.

use crate::competitor::{GROUP_SIZES, ONE_GROUP, Side, TWENTY_GROUPS, Variant};
use crate::report::Report;
use crate::step;
use crate::workload::Workload;

/// A goal and the measured value.
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    /// CPU time per request of server and database: the gateway's and the yardstick's.
    pub(crate) micros: Option<[(f64, f64); 2]>,
    pub(crate) target: f64,
    pub(crate) reached: f64,
    pub(crate) lower_is_better: bool,
}

impl Goal {
    pub(crate) fn met(&self) -> bool {
        if self.lower_is_better { self.reached <= self.target } else { self.reached >= self.target }
    }

    fn at_least(name: &'static str, target: f64, reached: f64) -> Self {
        Self { name, micros: None, target, reached, lower_is_better: false }
    }

    fn at_most(name: &'static str, target: f64, reached: f64) -> Self {
        Self { name, micros: None, target, reached, lower_is_better: true }
    }
}

/// Requests per second as a ratio to the bare handler's: the goal of a workload in a variant.
const TO_BARE: [(Workload, Variant, f64, &str); 8] = [
    (Workload::Create, Variant::Plain, 0.6, "create / bare handler"),
    (Workload::Create, Variant::Mapped, 0.5, "create with mapping / bare handler"),
    (Workload::PatchEmail, Variant::Plain, 0.65, "PATCH an email / bare handler"),
    (Workload::PatchEmail, Variant::Mapped, 0.55, "PATCH an email with mapping / bare handler"),
    (Workload::PatchActive, Variant::Plain, 0.85, "PATCH active / bare handler"),
    (Workload::Members, TWENTY_GROUPS, 0.65, "add a member / bare handler"),
    (Workload::Filter, Variant::Plain, 0.9, "find by userName / bare handler"),
    (Workload::Get, Variant::Plain, 0.92, "GET / bare handler"),
];

/// Requests per second as a ratio to the floor's.
const TO_FLOOR: [(Workload, f64, &str); 2] =
    [(Workload::Create, 0.85, "create / floor"), (Workload::List, 0.8, "list 100 users / floor")];

/// Requests per second as a ratio between two variants of the gateway.
const BETWEEN_VARIANTS: [(Workload, Variant, Variant, &str); 2] = [
    (Workload::Members, ONE_GROUP, TWENTY_GROUPS, "add a member, one group / twenty"),
    (Workload::GroupSizes, GROUP_SIZES[1], GROUP_SIZES[0], "add a member, group of 100,000 / 10"),
];
const BETWEEN_VARIANTS_TARGET: f64 = 0.9;

/// CPU time per request as a ratio between many tenants and one.
const MANY_TENANTS: [(Workload, &str); 2] =
    [(Workload::Create, "create, CPU, many tenants / one"), (Workload::Filter, "find, CPU, many tenants / one")];
const MANY_TENANTS_TARGET: f64 = 1.1;

/// The goal of a workload in a variant, as a ratio of rates to the bare handler's.
pub(crate) fn target(workload: Workload, variant: Variant) -> Option<f64> {
    TO_BARE.iter().find(|goal| (goal.0, goal.1) == (workload, variant)).map(|goal| goal.2)
}

/// The goal of a workload, as a ratio of rates to the floor's.
pub(crate) fn floor_target(workload: Workload) -> Option<f64> {
    TO_FLOOR.iter().find(|goal| goal.0 == workload).map(|goal| goal.1)
}

/// The goals whose values were measured.
pub(crate) fn goals(report: &Report) -> Vec<Goal> {
    let mut goals: Vec<Goal> = TO_BARE.iter().filter_map(|goal| to_bare(report, goal)).collect();
    goals.extend(TO_FLOOR.iter().filter_map(|&(workload, target, name)| to_floor(report, workload, target, name)));
    goals.extend(between_variants(report));
    goals.extend(MANY_TENANTS.iter().filter_map(|&(workload, name)| {
        let reached = report.summary(workload, Side::Gateway, Variant::ManyTenants)?.cpu_to_plain?;
        Some(Goal::at_most(name, MANY_TENANTS_TARGET, reached))
    }));
    if let Some(paced) = &report.paced {
        goals.push(Goal::at_most("p99 at 25 requests/s / bare handler", 1.5, paced.ratio(0.99)));
    }
    if let Some(memory) = &report.memory {
        goals.push(Goal::at_most("memory idle, MiB", 20.0, memory.idle.resident));
        goals.push(Goal::at_most("memory 10 s after the load, MiB", 60.0, memory.after.resident));
    }
    let mapping = step::whole_mapping(&report.steps);
    goals.extend(mapping.map(|step| Goal::at_most("the tutorial's mapping, µs per step", 15.0, step.median_micros)));
    goals
}

fn to_bare(
    report: &Report,
    &(workload, variant, target, name): &(Workload, Variant, f64, &'static str),
) -> Option<Goal> {
    let gateway = report.summary(workload, Side::Gateway, variant)?;
    let mut goal = Goal::at_least(name, target, gateway.rate_to_bare?);
    let bare = report.of(workload)?.summaries().find(|it| it.competitor.side == Side::Bare)?;
    goal.micros = Some([gateway.median, bare.median].map(|it| (it.server_micros, it.database_micros)));
    Some(goal)
}

fn to_floor(report: &Report, workload: Workload, target: f64, name: &'static str) -> Option<Goal> {
    let [gateway, floor] = [Side::Gateway, Side::Floor].map(|side| report.summary(workload, side, Variant::Plain));
    let (gateway, floor) = gateway.zip(floor)?;
    let mut goal = Goal::at_least(name, target, gateway.rate_to_floor?);
    goal.micros = Some([gateway.median, floor.median].map(|it| (it.server_micros, it.database_micros)));
    Some(goal)
}

/// The goals that compare the gateway's rates with each other.
pub(crate) fn between_variants(report: &Report) -> impl Iterator<Item = Goal> {
    BETWEEN_VARIANTS.into_iter().filter_map(|(workload, variant, to, name)| {
        let reached = report.of(workload)?.ratio_of_variants(variant, to)?;
        Some(Goal::at_least(name, BETWEEN_VARIANTS_TARGET, reached))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn a_goal_is_met_or_missed() {
        let report = report();
        let goals = goals(&report);
        let met: Vec<(&str, bool)> = goals.iter().map(|goal| (goal.name, goal.met())).collect();
        let expected = [
            ("create / bare handler", true),
            ("GET / bare handler", false),
            ("create / floor", true),
            ("create, CPU, many tenants / one", false),
            ("the tutorial's mapping, µs per step", false),
        ];
        assert_eq!(met, expected);
    }
}
