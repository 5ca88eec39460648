//! The settings of a simulation.

use crate::address::BaseUrl;
use crate::secret::Secret;

/// How Entra writes a PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// Without a feature flag: capitalised operations, `"True"` and `"False"` as text, one operation per attribute,
    /// members removed by a list of values.
    Default,
    /// With `aadOptscim062020` in the tenant URL: lower-case operations, real booleans, value paths first and then one
    /// replace without a path, members removed by value path.
    Flag,
    /// One or the other for each request, chosen by the seed.
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

/// How much is provisioned.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Users in scope.
    pub users: usize,
    /// Groups in scope.
    pub groups: usize,
    /// Members of each group, at most all users.
    pub members_per_group: usize,
    /// Incremental cycles after the initial one.
    pub cycles: usize,
}

/// How fast requests are sent.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Requests per second; `None` for as fast as the server responds.
    pub rate: Option<f64>,
    /// Concurrent requests.
    pub concurrency: usize,
}

/// The directory that the product reads, to be compared as well.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The base URL, including `/directory/v1`.
    pub base_url: BaseUrl,
    /// The tenant's directory key.
    pub key: Secret,
}

/// All settings of a simulation.
#[derive(Clone, Debug)]
pub struct Options {
    /// The SCIM base URL.
    pub base_url: BaseUrl,
    /// The tenant's token.
    pub token: Secret,
    /// The directory to compare, if any.
    pub directory: Option<Directory>,
    /// How Entra writes a PATCH.
    pub dialect: Dialect,
    /// How much is provisioned.
    pub size: Size,
    /// How fast requests are sent.
    pub pace: Pace,
    /// Determines every name, value and choice.
    pub seed: u64,
    /// Whether `externalId` is a matching attribute.
    pub match_external_id: bool,
    /// The share of the users, in percent, that fall out of scope after the cycles, as by a wrong scoping filter.
    pub lost_percent: u8,
    /// Whether to keep everything at the end.
    pub keep: bool,
}
