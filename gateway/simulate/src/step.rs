//! The steps of a simulation, and how its progress is shown.

use std::fmt;

/// A step of a simulation, in running order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The probes behind the button *Test Connection*, and discovery.
    #[default]
    TestConnection,
    /// A test user and a test group are created, changed and deleted.
    Activation,
    /// Initial cycle: each user is looked up, then created or changed.
    InitialUsers,
    /// Initial cycle, second pass: references to managers.
    References,
    /// Initial cycle: groups, without members.
    InitialGroups,
    /// Initial cycle: members, in batches.
    Memberships,
    /// Incremental cycle: changed attributes.
    Changes,
    /// Incremental cycle: users are deactivated.
    Leaving,
    /// Incremental cycle: users are reactivated.
    Returning,
    /// Incremental cycle: users are deleted for good.
    Deletions,
    /// Incremental cycle: groups are renamed and deleted, members removed and added.
    GroupChanges,
    /// Users fall out of scope by mistake, and are deactivated.
    OutOfScope,
    /// One user and one group on demand.
    OnDemand,
    /// All users and groups are read page by page, as the client reads them.
    Import,
    /// Requests that no client should send.
    Garbage,
    /// More and more members in one request.
    Limits,
    /// Everything is read back and compared.
    ReadBack,
    /// Everything that was created is deleted.
    CleanUp,
}

impl Step {
    /// Its name in the report.
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
            Self::OutOfScope => "out of scope",
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

/// Receives the progress of a simulation.
pub trait Progress: Sync {
    /// A step of `parts` parts starts; 0 if their number is unknown.
    fn step_started(&self, step: Step, parts: u64);
    /// One part is done.
    fn part_done(&self);
    /// The last step is over.
    fn finished(&self);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn step_started(&self, _: Step, _: u64) {}
    fn part_done(&self) {}
    fn finished(&self) {}
}
