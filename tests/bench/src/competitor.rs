//! The competitors of each workload.

use crate::workload::Workload;

/// The system under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Gateway,
    Floor,
    Pgbench,
}

/// The form of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The workload as described.
    Plain,
    /// On a tenant with the demo mapping.
    Mapped,
    /// A create that inserts one row into a bare table.
    OneRow,
    /// Members are added to `count` new groups, each of which already has `members`.
    Groups { count: u64, members: u64 },
}

/// A side with a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Competitor {
    pub(crate) side: Side,
    pub(crate) variant: Variant,
}

const SIDES: [Side; 3] = [Side::Gateway, Side::Floor, Side::Pgbench];

/// All new members go to one group.
pub(crate) const ONE_GROUP: Variant = Variant::Groups { count: 1, members: 0 };
/// New members are spread over groups.
pub(crate) const TWENTY_GROUPS: Variant = Variant::Groups { count: 20, members: 0 };
/// Groups of three sizes, the smallest first.
pub(crate) const GROUP_SIZES: [Variant; 3] = [
    Variant::Groups { count: 1, members: 10 },
    Variant::Groups { count: 1, members: 1_000 },
    Variant::Groups { count: 1, members: 100_000 },
];

impl Variant {
    /// What is appended to a name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Mapped => ", with mapping",
            Self::OneRow => ", one row only",
            Self::Groups { count: 1, members: 0 } => ", one group",
            Self::Groups { count: 1, members: ..100 } => ", a group of 10",
            Self::Groups { count: 1, members: ..10_000 } => ", a group of 1,000",
            Self::Groups { count: 1, .. } => ", a group of 100,000",
            Self::Groups { .. } => ", twenty groups",
        }
    }
}

impl Competitor {
    /// The name in the tables.
    pub(crate) fn name(&self) -> String {
        let side = match self.side {
            Side::Gateway => "gateway",
            Side::Floor => "floor",
            Side::Pgbench => "pgbench",
        };
        format!("{side}{}", self.variant.suffix())
    }

    /// The competitor that this one is compared with on another side; the others have no mapping.
    pub(crate) fn counterpart(&self, side: Side) -> Self {
        let variant = if self.variant == Variant::Mapped { Variant::Plain } else { self.variant };
        Self { side, variant }
    }
}

/// The competitors of a workload. pgbench is left out with many tenants: its scripts are for one.
pub(crate) fn competitors(workload: Workload, many_tenants: bool) -> Vec<Competitor> {
    let variants: &[Variant] = match workload {
        Workload::Members => &[TWENTY_GROUPS, ONE_GROUP],
        Workload::GroupSizes => &GROUP_SIZES,
        _ => &[Variant::Plain],
    };
    let has_pgbench = !many_tenants && workload != Workload::GroupSizes;
    let sides = if has_pgbench { &SIDES[..] } else { &SIDES[..2] };
    let mut all: Vec<Competitor> =
        variants.iter().flat_map(|&variant| sides.iter().map(move |&side| Competitor { side, variant })).collect();
    if !many_tenants && matches!(workload, Workload::Create | Workload::Patch) {
        all.push(Competitor { side: Side::Gateway, variant: Variant::Mapped });
    }
    if !many_tenants && workload == Workload::Create {
        all.push(Competitor { side: Side::Floor, variant: Variant::OneRow });
    }
    all
}
