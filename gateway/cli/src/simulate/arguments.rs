//! The arguments of every simulation: the server, how much to provision, how fast, and how to print the report.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use scimgate_simulate::{BaseUrl, Dialect, Error, NoProgress, Options, Pace, Progress, Report, Secret, Size};

use super::progress::ProgressLine;
use super::{estimate, html, report};
use crate::failure::Failure;
use crate::local_dev::LocalDev;
use crate::output::{self, Output};

/// Random seeds are below this number, so that they are easy to type.
const MAX_RANDOM_SEED: u64 = 1_000_000;
/// The permitted requests per second.
const RATES: std::ops::RangeInclusive<f64> = 0.01..=1_000_000.0;

/// The arguments of every simulation.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    #[command(flatten)]
    server: Server,
    /// Determines every name, value and choice: the same seed sends the same requests. By default it is random, and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Keep everything at the end. Another run with the same seed finds it again.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    speed: Speed,
    /// Show no progress bar; there is none anyway unless standard error is a terminal.
    #[arg(long)]
    no_progress: bool,
    /// How to print the report.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Write the report as a page, too, with plots and each finding explained: scimgate-PROVIDER-SEED.html.
    #[arg(long, value_enum, value_name = "FORMAT")]
    report: Option<ReportFormat>,
}

/// The formats of a report in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ReportFormat {
    /// A page without scripts, which needs nothing else.
    Html,
}

/// The server to test.
#[derive(Debug, clap::Args)]
struct Server {
    /// The SCIM base URL, as an administrator enters it in Entra.
    ///
    /// Without it and without a token, those of a `scimgate dev` that runs on this machine.
    #[arg(long, env = "SCIMGATE_SCIM_URL", value_name = "URL", help_heading = "Server")]
    url: Option<String>,
    /// The tenant's token. Other users of this machine can see it in the list of processes, so the environment or a file is
    /// better.
    #[arg(long, env = "SCIMGATE_SCIM_TOKEN", value_name = "TOKEN", help_heading = "Server", hide_env_values = true)]
    token: Option<Secret>,
    /// A file with the tenant's token, which takes precedence over the environment; `-` is standard input.
    #[arg(long)]
    token_file: Option<PathBuf>,
}

/// How much to provision.
#[derive(Debug, clap::Args)]
pub(super) struct Scope {
    /// Users in scope; ten are enough for every kind of change.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    users: u32,
    /// Groups in scope; 0 for a server without groups.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=100_000))]
    groups: u32,
    /// Initial members of each group, at most all users.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(..=100_000))]
    members: u32,
    /// Incremental cycles after the initial one.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=100))]
    cycles: u32,
}

/// How fast.
#[derive(Debug, clap::Args)]
struct Speed {
    /// Requests per second; by default as fast as the server responds.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Concurrent requests.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
}

impl Common {
    /// The local `dev`, where it is the server.
    pub(super) fn dev(&self) -> Option<LocalDev> {
        let server = &self.server;
        let is_given = server.url.is_some() || server.token.is_some() || server.token_file.is_some();
        if is_given { None } else { LocalDev::find() }
    }

    /// The settings of a simulation of this size.
    pub(super) fn options(&self, size: Size) -> Result<Options, Failure> {
        let (url, token) = match self.dev() {
            Some(dev) => (dev.scim_url, Secret::from(dev.token)),
            None => (self.server.url()?, self.server.token()?),
        };
        Ok(Options {
            base_url: BaseUrl::parse(&url)?,
            token,
            directory: None,
            dialect: Dialect::Default,
            size,
            pace: Pace { rate: self.speed.rate, concurrency: self.speed.concurrency.into() },
            seed: self.seed.unwrap_or_else(|| rand::random::<u64>() % MAX_RANDOM_SEED),
            match_external_id: false,
            lost_percent: 0,
            keep: self.keep,
        })
    }

    /// Runs a simulation, shows its progress, and prints the report with a further note.
    pub(super) async fn run(
        &self,
        (provider, note): (&str, Option<String>),
        options: &Options,
        simulation: impl AsyncFnOnce(&Options, &dyn Progress) -> Result<Report, Error>,
    ) -> Result<(), Failure> {
        let progress: Box<dyn Progress> = if !self.no_progress && std::io::stderr().is_terminal() {
            if let Some(sentence) = estimate::sentence(provider, options).await {
                // For people at a terminal, as the progress line is.
                let _ = writeln!(std::io::stderr(), "{sentence}");
            }
            Box::new(ProgressLine::new(options))
        } else {
            Box::new(NoProgress)
        };
        let mut report = tokio::select! {
            report = Box::pin(simulation(options, progress.as_ref())) => report?,
            _ = tokio::signal::ctrl_c() => {
                progress.finished();
                return Err(Failure::new(format!("interrupted; {}", report::how_to_clean_up(options.seed))));
            }
        };
        report.notes.extend(note);
        report::print(self.output, &report)?;
        if self.report == Some(ReportFormat::Html) {
            let path = html::write(&report)?;
            self.output.say(&format!("\nThe report is in {}.", path.display()))?;
        }
        report::result(&report)
    }
}

impl Server {
    fn url(&self) -> Result<String, Failure> {
        self.url.clone().ok_or_else(|| {
            Failure::new("the server's address is missing; set SCIMGATE_SCIM_URL or --url, or start `scimgate dev` on this machine")
        })
    }

    fn token(&self) -> Result<Secret, Failure> {
        let token = match (&self.token_file, &self.token) {
            (Some(path), _) => Some(read(path)?),
            (None, token) => token.clone(),
        };
        token.filter(|token| !token.is_empty()).ok_or_else(|| {
            Failure::new("the tenant's token is missing; set SCIMGATE_SCIM_TOKEN, or name a file with --token-file")
        })
    }
}

impl Scope {
    pub(super) fn size(&self) -> Size {
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Size {
            users: number(self.users),
            groups: number(self.groups),
            members_per_group: number(self.members),
            cycles: number(self.cycles),
        }
    }
}

fn read(path: &Path) -> Result<Secret, Failure> {
    String::from_utf8(output::read(path)?)
        .map(Secret::from)
        .map_err(|_| Failure::new(format!("{} contains no token: it is not UTF-8", path.display())))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| RATES.contains(rate));
    rate.ok_or_else(|| format!("a number of requests per second, at least {}", RATES.start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_positive_number() {
        assert_eq!((rate("25"), rate("0.5")), (Ok(25.0), Ok(0.5)));
        for wrong in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
