//! What a simulation is told.

use crate::address::Base;
use crate::secret::Secret;

/// How Entra writes a PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// Without a feature flag: capitalised operations, `"True"` and `"False"` as text, an operation for each attribute,
    /// members removed by a list of values.
    Default,
    /// With `aadOptscim062020` in the tenant URL: lower-case operations, real booleans, value paths first and then one
    /// replace without a path, members removed by value path.
    Flag,
    /// One or the other for each request, as the seed decides.
    Mixed,
}

impl Dialect {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Flag => "flag",
            Self::Mixed => "mixed",
        }
    }
}

/// How much there is to provision.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Users in scope.
    pub users: usize,
    /// Groups in scope.
    pub groups: usize,
    /// Members of each group, as far as there are users.
    pub members_per_group: usize,
    /// Incremental cycles after the initial one.
    pub cycles: usize,
}

/// How fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Requests per second; none for as fast as the server answers.
    pub rate: Option<f64>,
    /// Requests at once.
    pub concurrency: usize,
}

/// Where the product reads, to compare that, too.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The base address, `/directory/v1` included.
    pub base: Base,
    /// The tenant's directory key.
    pub key: Secret,
}

/// All that a simulation is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The SCIM base address.
    pub base: Base,
    /// The tenant's token.
    pub token: Secret,
    /// The directory to compare with, if any.
    pub directory: Option<Directory>,
    /// How a PATCH is written.
    pub dialect: Dialect,
    /// How much there is to provision.
    pub size: Size,
    /// How fast.
    pub pace: Pace,
    /// Decides every name, value and choice.
    pub seed: u64,
    /// Whether `externalId` is the second matching attribute.
    pub match_external_id: bool,
    /// Whether to leave everything at the end.
    pub keep: bool,
}
