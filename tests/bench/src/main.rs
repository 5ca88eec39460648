//! Measures the gateway: beside a floor, beside pgbench, in turns, and writes down what came of it.

mod admin;
mod competitor;
mod failed;
mod http;
mod load;
mod machine;
mod measure;
mod page;
mod pgbench;
mod picture;
mod process;
mod report;
mod request;
mod seed;
mod setting;
mod statistic;
mod step;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use failed::Failed;
use machine::Machine;
use report::{How, Report};
use setting::SETTINGS;
use step::Step;

/// What to measure, and for how long.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Arguments {
    /// A PostgreSQL server, as its superuser; `.config/postgres url durable` starts one.
    #[arg(long)]
    postgres: String,
    /// Where PostgreSQL's programs are; `.config/postgres bin` knows.
    #[arg(long)]
    programs: PathBuf,
    /// Where the binaries of the release build are.
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Seconds a slice: each contestant runs for so long in every turn.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Turns: how often every contestant runs.
    #[arg(long, default_value_t = 7)]
    turns: usize,
    /// Connections that send one request after another.
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Users of a tenant.
    #[arg(long, default_value_t = 60_000)]
    users: u64,
    /// Tenants of the measurements that spread their requests over many.
    #[arg(long, default_value_t = 1000)]
    tenants: usize,
    /// Users of the tenant that is large; without any, what is asked of it is not measured.
    #[arg(long, default_value_t = 1_000_000)]
    million: u64,
    /// Only these workloads.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these settings: durable, relaxed (`synchronous_commit=off`), many (tenants), many-relaxed.
    #[arg(long, value_delimiter = ',')]
    settings: Vec<String>,
    /// What `cargo bench -p scimgate-plugin-host` printed.
    #[arg(long)]
    steps: Option<PathBuf>,
    /// Where the page and the picture go, if nothing was left out.
    #[arg(long, default_value = "docs")]
    docs: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("scimgate-bench: {failed}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Failed> {
    let place = seed::make(arguments).await?;
    let mut results = Vec::new();
    let wanted = |names: &[String], name: &str| names.is_empty() || names.iter().any(|it| it == name);
    for setting in SETTINGS.into_iter().filter(|it| wanted(&arguments.settings, it.name)) {
        setting.apply(&place).await?;
        for &workload in setting.workloads.iter().filter(|it| wanted(&arguments.only, it.name())) {
            if workload.is_of_a_million() && arguments.million == 0 {
                continue;
            }
            eprint!("{}: {} ", setting.title, workload.name());
            results.push(measure::workload(arguments, &place, setting, workload).await?);
        }
    }
    let report = Report {
        machine: Machine::here(&place).await?,
        how: How {
            seconds: arguments.seconds,
            turns: arguments.turns,
            clients: arguments.clients,
            users: arguments.users,
            tenants: arguments.tenants,
        },
        measurements: results,
        steps: read_steps(arguments)?,
    };
    tell(arguments, &report)
}

fn read_steps(arguments: &Arguments) -> Result<Vec<Step>, Failed> {
    let Some(path) = &arguments.steps else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).map_err(Failed::doing("reading the plugin host's table"))?;
    Ok(step::read(&text))
}

#[expect(clippy::print_stdout, reason = "what the program is for")]
fn tell(arguments: &Arguments, report: &Report) -> Result<(), Failed> {
    println!("{}", table::text(report));
    let whole =
        arguments.only.is_empty() && arguments.settings.is_empty() && arguments.million > 0 && !report.steps.is_empty();
    if !whole {
        eprintln!("Something was left out: the page is as it was.");
        return Ok(());
    }
    for (name, text) in [("benchmarks.md", page::markdown(report)), ("benchmarks.svg", picture::svg(report))] {
        let path = arguments.docs.join(name);
        std::fs::write(&path, text).map_err(Failed::doing("writing the page"))?;
        println!("Wrote {}", path.display());
    }
    Ok(())
}
