//! The workloads.

use clap::ValueEnum;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    Create,
    Get,
    Filter,
    Patch,
    Members,
    List,
    ExternalId,
    Mail,
    Contains,
    #[value(name = "page-1")]
    FirstPage,
    #[value(name = "page-5000")]
    DeepPage,
    GroupSizes,
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
            Self::Patch => "PATCH of one attribute, alternating between Entra's two dialects",
            Self::Members => "PATCH that adds one member to a group",
            Self::List => "GET /Users?startIndex=…&count=100",
            Self::ExternalId => "GET /Users?filter=externalId eq \"…\"",
            Self::Mail => "GET /Users?filter=emails.value eq \"…\"",
            Self::Contains => {
                "GET /Users?filter=userName co \"…\" on a million users, of whom about ten match; one client"
            }
            Self::FirstPage => "GET /Users?startIndex=1&count=100 on a million users; one client",
            Self::DeepPage => {
                "GET /Users?startIndex=499901&count=100 on a million users, without the pages before it; one client"
            }
            Self::GroupSizes => "PATCH that adds one member to a group of a given size",
        }
    }

    /// The goal in the durable setting: requests per second, as a ratio to the floor's.
    pub(crate) fn target(self) -> Option<f64> {
        match self {
            Self::Create => Some(0.85),
            Self::Get | Self::Filter | Self::Patch => Some(0.9),
            Self::List => Some(1.0),
            _ => None,
        }
    }

    /// Whether the workload needs the large tenant. One client sends it: further ones would only queue up.
    pub(crate) fn needs_large_tenant(self) -> bool {
        matches!(self, Self::Contains | Self::FirstPage | Self::DeepPage)
    }

    /// Whether the workload adds members to groups.
    pub(crate) fn adds_members(self) -> bool {
        matches!(self, Self::Members | Self::GroupSizes)
    }
}
