//! The competitors of each workload.

use crate::arguments::Arguments;
use crate::workload::Workload;

/// The system under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Gateway,
    /// Another gateway, for a comparison of two binaries or of two configurations.
    Rival,
    /// Stores one jsonb row.
    Bare,
    /// Reads and writes the gateway's rows.
    Floor,
}

/// The form of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The workload as described.
    Plain,
    /// On a tenant with the demo mapping.
    Mapped,
    /// Spread over many tenants.
    ManyTenants,
    /// On the tenant with a million users.
    Large,
    /// Members are added to `count` new groups, each of which already has `members`.
    Groups { count: usize, members: usize },
}

/// A side with a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Competitor {
    pub(crate) side: Side,
    pub(crate) variant: Variant,
}

/// All new members go to one group.
pub(crate) const ONE_GROUP: Variant = Variant::Groups { count: 1, members: 0 };
/// New members are spread over groups.
pub(crate) const TWENTY_GROUPS: Variant = Variant::Groups { count: 20, members: 0 };
/// A small group and a large one.
pub(crate) const GROUP_SIZES: [Variant; 2] =
    [Variant::Groups { count: 1, members: 10 }, Variant::Groups { count: 1, members: 100_000 }];

impl Variant {
    /// What is appended to a name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Mapped => ", with mapping",
            Self::ManyTenants => ", many tenants",
            Self::Large => ", a million users",
            Self::Groups { count: 1, members: 0 } => ", one group",
            Self::Groups { count: 1, members: ..100 } => ", a group of 10",
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
            Side::Rival => "other gateway",
            Side::Bare => "bare handler",
            Side::Floor => "floor",
        };
        format!("{side}{}", self.variant.suffix())
    }
}

/// The competitors of a workload.
pub(crate) fn competitors(workload: Workload, arguments: &Arguments) -> Vec<Competitor> {
    let (gateway, others): (&[Variant], &[Side]) = match workload {
        Workload::Create => {
            (&[Variant::Plain, Variant::Mapped, Variant::ManyTenants, Variant::Large], &[Side::Bare, Side::Floor])
        }
        Workload::Filter => (&[Variant::Plain, Variant::ManyTenants, Variant::Large], &[Side::Bare]),
        Workload::PatchEmail => (&[Variant::Plain, Variant::Mapped], &[Side::Bare]),
        Workload::Get | Workload::PatchActive => (&[Variant::Plain], &[Side::Bare]),
        Workload::Members => (&[TWENTY_GROUPS, ONE_GROUP], &[Side::Bare]),
        Workload::GroupSizes => (&GROUP_SIZES, &[]),
        Workload::ExternalId
        | Workload::Mail
        | Workload::List
        | Workload::Contains
        | Workload::FirstPage
        | Workload::DeepPage => (&[Variant::Plain], &[Side::Floor]),
        Workload::Paced | Workload::Memory => (&[], &[]),
    };
    let is_there = |variant: &&Variant| match variant {
        Variant::ManyTenants => arguments.tenants > 0,
        Variant::Large => arguments.million > 0,
        _ => true,
    };
    let gateways = if arguments.has_rival() { &[Side::Gateway, Side::Rival][..] } else { &[Side::Gateway] };
    let mut all = Vec::new();
    for &variant in gateway.iter().filter(is_there) {
        all.extend(gateways.iter().map(|&side| Competitor { side, variant }));
    }
    all.extend(others.iter().map(|&side| Competitor { side, variant: gateway[0] }));
    all
}
