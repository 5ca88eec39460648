//! The workloads.

use clap::ValueEnum;

/// What is measured, in the order of the measurement: a workload does not change what a later one reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    Create,
    Get,
    Filter,
    ExternalId,
    Mail,
    List,
    Contains,
    #[value(name = "page-1")]
    FirstPage,
    #[value(name = "page-5000")]
    DeepPage,
    PatchEmail,
    PatchActive,
    Members,
    GroupSizes,
    Paced,
    Memory,
}

impl Workload {
    /// The name on the command line and in the tables.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The request, for the page.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Create => "POST /Users",
            Self::Get => "GET /Users/{id}",
            Self::Filter => "GET /Users?filter=userName eq \"…\"",
            Self::ExternalId => "GET /Users?filter=externalId eq \"…\"",
            Self::Mail => "GET /Users?filter=emails.value eq \"…\"",
            Self::List => "GET /Users?startIndex=…&count=100",
            Self::Contains => {
                "GET /Users?filter=userName co \"…\" on a million users, of whom about ten match; one client"
            }
            Self::FirstPage => "GET /Users?startIndex=1&count=100 on a million users; one client",
            Self::DeepPage => {
                "GET /Users?startIndex=499901&count=100 on a million users, without the pages before it; one client"
            }
            Self::PatchEmail => "PATCH that replaces the mail address of type work",
            Self::PatchActive => "PATCH that changes active, to another value each time",
            Self::Members => "PATCH that adds one member to a group",
            Self::GroupSizes => "PATCH that adds one member to a group of a given size",
            Self::Paced => "25 requests a second on one connection: filter, create, GET and PATCH in turns",
            Self::Memory => "pages of 1,000 users, then nothing for ten seconds",
        }
    }

    /// Whether every request goes to the large tenant.
    pub(crate) fn needs_large_tenant(self) -> bool {
        matches!(self, Self::Contains | Self::FirstPage | Self::DeepPage | Self::GroupSizes)
    }

    /// Whether one client sends the requests: they take so long that further ones would only queue up.
    pub(crate) fn has_one_client(self) -> bool {
        matches!(self, Self::Contains | Self::FirstPage | Self::DeepPage)
    }
}
