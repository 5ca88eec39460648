//! Measures the gateway beside a floor (a bare server) and pgbench, and writes docs/benchmarks.md.

mod arguments;
mod client;
mod competitor;
mod database;
mod environment;
mod load;
mod machine;
mod measure;
mod page;
mod pgbench;
mod picture;
mod process;
mod report;
mod request;
mod setting;
mod statistic;
mod step;
mod table;
mod tenant;
mod user;
mod workload;

use std::fs;

use anyhow::{Context as _, Result};
use clap::{Parser as _, ValueEnum as _};

use arguments::Arguments;
use environment::Environment;
use report::Report;
use setting::Setting;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the tables are the program's output")]
async fn main() -> Result<()> {
    let arguments = &Arguments::parse();
    let steps = match &arguments.steps {
        Some(path) => step::read(&fs::read_to_string(path).with_context(|| path.display().to_string())?),
        None => Vec::new(),
    };
    let environment = Environment::set_up(arguments).await?;
    let mut measurements = Vec::new();
    let settings = Setting::value_variants().iter().filter(|&it| is_selected(it, &arguments.settings));
    for &setting in settings {
        setting.apply(&environment.gateway_database).await?;
        for &workload in setting.workloads().iter().filter(|&it| is_selected(it, &arguments.only)) {
            if workload.needs_large_tenant() && arguments.million == 0 {
                continue;
            }
            eprint!("{}: {} ", setting.title(), workload.name());
            measurements.push(measure::run(arguments, &environment, setting, workload).await?);
        }
    }
    let report = Report { measurements, steps };
    println!("{}\n\n## Goals\n\n{}", table::measurements(&report), table::goals(&report));
    let is_complete =
        arguments.only.is_empty() && arguments.settings.is_empty() && arguments.million > 0 && !report.steps.is_empty();
    if !is_complete {
        eprintln!("Something was left out: the page is unchanged.");
        return Ok(());
    }
    let machine = machine::describe(&environment.gateway_database).await?;
    let page = page::markdown(arguments, machine, &report);
    for (name, text) in [("benchmarks.md", page), ("benchmarks.svg", picture::svg(&report)?)] {
        let path = arguments.docs.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("Wrote {}", path.display());
    }
    Ok(())
}

/// Without a selection, everything is selected.
fn is_selected<T: PartialEq>(item: &T, selection: &[T]) -> bool {
    selection.is_empty() || selection.contains(item)
}
