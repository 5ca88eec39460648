//! Measures the gateway beside a bare handler and a floor, and writes docs/benchmarks.md.

mod arguments;
mod client;
mod competitor;
mod database;
mod environment;
mod goal;
mod load;
mod machine;
mod measure;
mod memory;
mod paced;
mod page;
mod picture;
mod process;
mod report;
mod request;
mod statistic;
mod step;
mod table;
mod tenant;
mod user;
mod work;
mod workload;

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser as _, ValueEnum as _};

use arguments::Arguments;
use environment::Environment;
use report::Report;
use workload::Workload;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the tables are the program's output")]
async fn main() -> Result<()> {
    let arguments = &Arguments::parse();
    let mut report = Report::default();
    if let Some(path) = &arguments.steps {
        report.steps = step::read(&fs::read_to_string(path).with_context(|| path.display().to_string())?);
    }
    let environment = Environment::set_up(arguments).await?;
    for &workload in Workload::value_variants().iter().filter(|&&it| arguments.selects(it)) {
        if workload.needs_large_tenant() && arguments.million == 0 {
            continue;
        }
        eprint!("{} ", workload.name());
        match workload {
            Workload::Paced => {
                report.paced = Some(paced::run(&environment, Duration::from_secs(arguments.paced)).await?);
            }
            Workload::Memory => report.memory = Some(memory::run(arguments, &environment).await?),
            _ => report.measurements.push(measure::run(arguments, &environment, workload).await?),
        }
    }
    println!("{}\n\n{}\n\n{}", table::measurements(&report), table::work(&report), table::goals(&report));
    let is_complete = arguments.only.is_empty()
        && arguments.million > 0
        && arguments.tenants > 0
        && !arguments.has_rival()
        && !report.steps.is_empty();
    if !is_complete {
        eprintln!("Something was left out: the page is unchanged.");
        return Ok(());
    }
    let machine = machine::describe(&environment.superuser).await?;
    let page = page::markdown(arguments, machine, &report);
    for (name, text) in [("benchmarks.md", page), ("benchmarks.svg", picture::svg(&report)?)] {
        let path = arguments.docs.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("Wrote {}", path.display());
    }
    Ok(())
}
