//! Who takes part in a workload.

use crate::request::{Operation, Side, Workload};
use crate::setting::Setting;

/// One who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Competitor {
    pub(crate) side: Side,
    pub(crate) operation: Operation,
    /// With the tutorial's mapping.
    pub(crate) mapped: bool,
    /// Groups that get members.
    pub(crate) groups: usize,
    /// How many members each of them has before.
    pub(crate) size: u64,
}

/// Groups of the spread kind of member changes.
pub(crate) const SPREAD: usize = 20;
/// How large groups are that get a member more.
pub(crate) const SIZES: [u64; 3] = [10, 1_000, 100_000];

impl Competitor {
    /// Somebody who does an operation.
    pub(crate) const fn new(side: Side, operation: Operation) -> Self {
        Self { side, operation, mapped: false, groups: 0, size: 0 }
    }

    /// The gateway with the tutorial's mapping.
    pub(crate) const fn mapped(operation: Operation) -> Self {
        Self { mapped: true, ..Self::new(Side::Gateway, operation) }
    }

    /// Somebody who adds members to so many groups.
    pub(crate) const fn adding(side: Side, groups: usize) -> Self {
        Self { groups, ..Self::new(side, Operation::Member) }
    }

    /// Somebody who adds members to a group of a size.
    pub(crate) const fn adding_to(side: Side, members: u64) -> Self {
        Self { size: members, ..Self::adding(side, 1) }
    }

    /// Its name in the tables.
    pub(crate) fn name(&self) -> String {
        let side = match self.side {
            Side::Gateway => "gateway",
            Side::Floor => "floor",
            Side::Pgbench => "pgbench",
        };
        format!("{side}{}", self.how())
    }

    /// What is special about it.
    pub(crate) fn how(&self) -> &'static str {
        match (self.operation, self.mapped, self.groups, self.size) {
            (Operation::Plain, ..) => ", one row only",
            (_, true, ..) => ", with mapping",
            (_, _, 0, _) => "",
            (_, _, 1, 0) => ", one group",
            (_, _, 1, ..100) => ", a group of 10",
            (_, _, 1, ..10_000) => ", a group of 1,000",
            (_, _, 1, _) => ", a group of 100,000",
            _ => ", twenty groups",
        }
    }

    /// Whether it adds members.
    pub(crate) fn adds(&self) -> bool {
        self.operation == Operation::Member
    }

    /// Whom it is compared with on another side.
    pub(crate) fn on(&self, side: Side) -> Self {
        Self { side, mapped: false, ..*self }
    }
}

/// All who take part in a workload. Over many tenants it is the gateway and the floor alone: pgbench chooses none.
pub(crate) fn competitors(workload: Workload, setting: Setting) -> Vec<Competitor> {
    let mut all = match workload {
        Workload::Create => {
            let mut all = each(Operation::Create);
            all.extend([Competitor::mapped(Operation::Create), Competitor::new(Side::Floor, Operation::Plain)]);
            all
        }
        Workload::Get => each(Operation::Get),
        Workload::Filter => each(Operation::Filter),
        Workload::List => each(Operation::List),
        Workload::Patch => {
            let mut all = each(Operation::Patch);
            all.push(Competitor::mapped(Operation::Patch));
            all
        }
        Workload::ExternalId => each(Operation::ExternalId),
        Workload::Mail => each(Operation::Mail),
        Workload::Contains => each(Operation::Contains),
        Workload::FirstPage => each(Operation::FirstPage),
        Workload::DeepPage => each(Operation::DeepPage),
        Workload::Sizes => {
            let sides = [Side::Gateway, Side::Floor];
            SIZES.into_iter().flat_map(|size| sides.map(|side| Competitor::adding_to(side, size))).collect()
        }
        Workload::Members => {
            [SPREAD, 1].into_iter().flat_map(|groups| SIDES.map(|side| Competitor::adding(side, groups))).collect()
        }
    };
    if setting.many {
        all.retain(|it| it.side != Side::Pgbench && !it.mapped && it.operation != Operation::Plain);
    }
    all
}

const SIDES: [Side; 3] = [Side::Gateway, Side::Floor, Side::Pgbench];

fn each(operation: Operation) -> Vec<Competitor> {
    SIDES.into_iter().map(|side| Competitor::new(side, operation)).collect()
}
