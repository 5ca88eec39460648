//! The parts of a simulation, and who watches them go by.

use std::fmt;

/// A part of a simulation, in the order in which they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The probes behind the button *Test Connection*, and discovery.
    #[default]
    TestConnection,
    /// A test user and a test group are made, changed and taken away.
    Activation,
    /// Initial cycle: each user is looked for, then made or changed.
    InitialUsers,
    /// Initial cycle, second pass: references to managers.
    References,
    /// Initial cycle: groups, without members.
    InitialGroups,
    /// Initial cycle: members, in batches.
    Memberships,
    /// Incremental cycle: changed attributes.
    Changes,
    /// Incremental cycle: users that leave are deactivated.
    Leaving,
    /// Incremental cycle: users that come back.
    Returning,
    /// Incremental cycle: users that are deleted for good.
    Deletions,
    /// Incremental cycle: groups renamed, members removed and added, groups deleted.
    GroupChanges,
    /// One user and one group on demand.
    OnDemand,
    /// All users and groups are read, page by page, as the client reads them.
    Import,
    /// Requests that no client should send.
    Garbage,
    /// Ever more members in one request.
    Limits,
    /// Everything is read back and compared.
    ReadBack,
    /// What was made is deleted.
    CleanUp,
}

impl Step {
    /// Its name for people and programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TestConnection => "test connection",
            Self::Activation => "activation",
            Self::InitialUsers => "initial: users",
            Self::References => "initial: managers",
            Self::InitialGroups => "initial: groups",
            Self::Memberships => "initial: members",
            Self::Changes => "incremental: changes",
            Self::Leaving => "incremental: leaving",
            Self::Returning => "incremental: returning",
            Self::Deletions => "incremental: deletions",
            Self::GroupChanges => "incremental: groups",
            Self::OnDemand => "on demand",
            Self::Import => "import",
            Self::Garbage => "garbage",
            Self::Limits => "limits",
            Self::ReadBack => "read back",
            Self::CleanUp => "clean up",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Is told how far a simulation is.
pub trait Watcher: Sync {
    /// A step begins. It has so many parts, and none means that nobody knows.
    fn begins(&self, step: Step, parts: u64);
    /// A part is done.
    fn one_done(&self);
    /// The last step is over.
    fn ends(&self);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Watcher for Silent {
    fn begins(&self, _: Step, _: u64) {}
    fn one_done(&self) {}
    fn ends(&self) {}
}
