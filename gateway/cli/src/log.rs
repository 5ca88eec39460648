//! What is logged, an option of all commands.

use scimgate::telemetry::{self, LogFormat};

use crate::screen::GLOBAL;

/// What is logged to standard error.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = GLOBAL)]
pub(crate) struct Log {
    /// What to log, e.g. `info` or `info,scimgate=debug`.
    ///
    /// Successful reads are logged at `debug`. With `scimgate::mapping=debug` also what plugins log, which may hold personal data.
    #[arg(
        long,
        env = "SCIMGATE_LOG",
        value_name = "FILTER",
        default_value = "warn,scimgate=info",
        value_parser = telemetry::parse_filter,
        global = true
    )]
    pub(crate) log: String,
    /// The format of log lines.
    #[arg(long, env = "SCIMGATE_LOG_FORMAT", value_name = "FORMAT", default_value = "text", global = true)]
    pub(crate) log_format: LogFormat,
}
