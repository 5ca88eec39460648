//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::setting::Setting;
use crate::workload::Workload;

/// Measures the gateway beside a bare server and pgbench.
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
    /// Seconds that each competitor runs per round.
    #[arg(long, default_value_t = 2)]
    pub(crate) seconds: u64,
    /// Number of rounds; every competitor runs once per round.
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    /// Number of connections that send requests.
    #[arg(long, default_value_t = 16)]
    pub(crate) clients: usize,
    /// Number of users per tenant.
    #[arg(long, default_value_t = 60_000)]
    pub(crate) users: u64,
    /// Number of tenants in the settings with many tenants.
    #[arg(long, default_value_t = 1000)]
    pub(crate) tenants: usize,
    /// Number of users of the large tenant; 0 leaves out the workloads that need it.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) million: u64,
    /// Measure only these workloads.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Workload>,
    /// Measure only in these settings.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) settings: Vec<Setting>,
    /// The output of `cargo bench -p scimgate-plugin-host`, as a file.
    #[arg(long)]
    pub(crate) steps: Option<PathBuf>,
    /// Directory for the page and the picture, which are written after a complete run only.
    #[arg(long, default_value = "docs")]
    pub(crate) docs: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_separated_by_commas() {
        let line =
            "bench --postgres url --programs bin --seconds 1 --only create,page-1 --settings durable,many-relaxed";
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(arguments.only, [Workload::Create, Workload::FirstPage]);
        assert_eq!(arguments.settings, [Setting::Durable, Setting::ManyRelaxed]);
    }
}
