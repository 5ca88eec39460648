//! What every simulation takes: whom to play against, how much there is to provision, how fast, and how to tell of it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::progress::Progress;
use super::verdict;
use crate::failure::Failure;
use crate::output::{self, Output};
use scimgate_simulate::address::Base;
use scimgate_simulate::secret::Secret;
use scimgate_simulate::{Dialect, Error, Options, Pace, Report, Silent, Size, Watcher};

/// Seeds that nobody chose stay this short: they are typed again.
const SEEDS: u64 = 1_000_000;

/// What every simulation takes.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    #[command(flatten)]
    server: Server,
    /// Decides every name, value and choice: the same seed sends the same requests. Without it there is a new one, which is
    /// told.
    #[arg(long)]
    seed: Option<u64>,
    /// Leave at the end what was made. Another run with the same seed finds it again.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    speed: Speed,
    /// No progress bar; there is none anyway where standard error is no terminal.
    #[arg(long)]
    no_progress: bool,
    /// How to print what came of it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Whom to play against.
#[derive(Debug, clap::Args)]
struct Server {
    /// The SCIM base address, as an administrator types it at Entra.
    #[arg(long, env = "SCIMGATE_SCIM_URL")]
    url: String,
    /// The tenant's token. Other users of this machine see it in the list of processes: the environment or a file is
    /// better.
    #[arg(long, env = "SCIMGATE_SCIM_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
    /// A file with the tenant's token, before that of the environment; `-` is standard input.
    #[arg(long)]
    token_file: Option<PathBuf>,
}

/// How much there is to provision.
#[derive(Debug, clap::Args)]
pub(super) struct Scope {
    /// Users in scope; ten play every part.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    users: u32,
    /// Groups in scope; none for a server that has none.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=100_000))]
    groups: u32,
    /// Members of each group at first, as far as there are users.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(..=100_000))]
    members: u32,
    /// Incremental cycles after the initial one.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=100))]
    cycles: u32,
}

/// How fast.
#[derive(Debug, clap::Args)]
struct Speed {
    /// Requests per second; without it, as fast as the server answers.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Requests at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
}

impl Common {
    /// What a simulation is told; `size` is how much there is to provision.
    pub(super) fn options(&self, size: Size) -> Result<Options, Failure> {
        Ok(Options {
            base: Base::parse(&self.server.url)?,
            token: self.server.token()?,
            directory: None,
            dialect: Dialect::Default,
            size,
            pace: Pace { rate: self.speed.rate, concurrency: self.speed.concurrency.into() },
            seed: self.seed.unwrap_or_else(|| rand::random::<u64>() % SEEDS),
            match_external_id: false,
            keep: self.keep,
        })
    }

    /// Plays, shows how far it is, and prints what came of it, with a note on what did not.
    pub(super) async fn play(
        &self,
        options: &Options,
        note: Option<String>,
        simulation: impl AsyncFnOnce(&Options, &dyn Watcher) -> Result<Report, Error>,
    ) -> Result<(), Failure> {
        let watcher: Box<dyn Watcher> = if !self.no_progress && std::io::stderr().is_terminal() {
            Box::new(Progress::new(options))
        } else {
            Box::new(Silent)
        };
        let mut report = tokio::select! {
            report = Box::pin(simulation(options, watcher.as_ref())) => report?,
            _ = tokio::signal::ctrl_c() => {
                watcher.ends();
                return Err(Failure::new(format!("interrupted; {}", verdict::what_is_left(options.seed))));
            }
        };
        report.notes.extend(note);
        verdict::print(self.output, &report)?;
        verdict::of(&report)
    }
}

impl Server {
    fn token(&self) -> Result<Secret, Failure> {
        let token = match (&self.token_file, &self.token) {
            (Some(path), _) => Some(read(path)?),
            (None, token) => token.clone(),
        };
        token.filter(|token| !token.is_empty()).ok_or_else(|| {
            Failure::new("this needs the tenant's token, in SCIMGATE_SCIM_TOKEN, or in a file that --token-file names")
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
        .map_err(|_| Failure::new(format!("{} holds no token: it is no text", path.display())))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && (0.01..=1_000_000.0).contains(rate));
    rate.ok_or_else(|| "requests per second, 0.01 at least".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_that_lets_something_through() {
        assert_eq!((rate("25"), rate("0.5")), (Ok(25.0), Ok(0.5)));
        for wrong in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
