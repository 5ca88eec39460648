//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::workload::Workload;

/// Measures the gateway beside a bare handler and a floor that writes the same rows.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Arguments {
    /// URL of a PostgreSQL server on this machine, as superuser (`.config/postgres url durable`).
    #[arg(long)]
    pub(crate) postgres: String,
    /// Directory of the PostgreSQL programs (`.config/postgres bin`).
    #[arg(long)]
    pub(crate) programs: PathBuf,
    /// Directory of the release binaries.
    #[arg(long, default_value = "target/release")]
    pub(crate) binaries: PathBuf,
    /// Further options of `scimgate serve`, separated by spaces.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    pub(crate) options: String,
    /// Another gateway to measure in the same rounds, on a copy of the database that it migrates first.
    #[arg(long)]
    pub(crate) rival: Option<PathBuf>,
    /// The other gateway's options. Without --rival it is the same binary.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) rival_options: Option<String>,
    /// Seconds that each competitor runs per round.
    #[arg(long, default_value_t = 2)]
    pub(crate) seconds: u64,
    /// Number of rounds; every competitor runs once per round.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Seconds of the workload `paced`.
    #[arg(long, default_value_t = 30)]
    pub(crate) paced: u64,
    /// Number of connections that send requests.
    #[arg(long, default_value_t = 16)]
    pub(crate) clients: usize,
    /// Number of users per tenant.
    #[arg(long, default_value_t = 40_000)]
    pub(crate) users: u64,
    /// Number of tenants where requests are spread over many; 0 leaves them out.
    #[arg(long, default_value_t = 1000)]
    pub(crate) tenants: usize,
    /// Number of users of the large tenant; 0 leaves out what needs it.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) million: u64,
    /// Measure only these workloads.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Workload>,
    /// The output of `cargo bench -p scimgate-plugin-host`, as a file.
    #[arg(long)]
    pub(crate) steps: Option<PathBuf>,
    /// Directory for the page and the picture, which are written after a complete run only.
    #[arg(long, default_value = "docs")]
    pub(crate) docs: PathBuf,
}

impl Arguments {
    /// Whether another gateway is measured, too.
    pub(crate) fn has_rival(&self) -> bool {
        self.rival.is_some() || self.rival_options.is_some()
    }

    /// Without a selection, everything is selected.
    pub(crate) fn selects(&self, workload: Workload) -> bool {
        self.only.is_empty() || self.only.contains(&workload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_separated_by_commas() {
        let line = "bench --postgres url --programs bin --seconds 1 --only create,page-1 --rival-options --pool-size=8";
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(arguments.only, [Workload::Create, Workload::FirstPage]);
        assert!(arguments.has_rival() && arguments.selects(Workload::Create) && !arguments.selects(Workload::Get));
    }
}
