//! `scimgate plugin test`: the project's own tests, then its examples on the built plugin, in the engine and with the limits of a
//! server, within a budget.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use scimgate_plugin_sdk::test::{Expected, Fixture, Schemas};
use serde_json::{Value, json};

use super::call::found;
use super::local::{Call, Input, Local};
use super::project::Project;
use crate::failure::Failure;
use crate::output::{Output, printable, write_styled};

/// Calls of each example. The fastest counts: what else runs on the machine only adds time.
const CALLS: usize = 10;
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

#[derive(Debug, clap::Args)]
pub(in crate::plugin) struct Arguments {
    /// The project's folder.
    #[arg(long, default_value = ".")]
    project: PathBuf,
    /// Leave the project's own tests out.
    #[arg(long)]
    no_native: bool,
    #[command(flatten)]
    budget: Budget,
}

/// What a call of an example may use. The limits of a server hold in any case.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Budget {
    /// Most CPU time of a call in microseconds, the fastest of ten.
    #[arg(long = "budget-us", default_value_t = 5_000, value_name = "MICROSECONDS")]
    us: u64,
    /// Most memory of a call in KiB: 8192, and 32768 for one in Python. Of a plugin in Rust, 4 MiB are the SDK's arena.
    #[arg(long = "budget-memory", value_name = "KIB")]
    memory: Option<usize>,
    /// Most calls of the host: reading, writing, logging.
    #[arg(long = "budget-host-calls", default_value_t = 1_000, value_name = "CALLS")]
    host_calls: u32,
}

pub(super) async fn run(output: Output, it: Arguments) -> Result<(), Failure> {
    let project = Project::find(&it.project)?;
    if !it.no_native {
        (project.language.test)(&project.folder)?;
    }
    let built = project.build().await?;
    let memory = it.budget.memory.or(Some(project.language.memory_budget));
    let budget = Budget { memory, ..it.budget };
    output.say(&format!("\n{}\n", built.line()))?;
    let mut examples = Vec::new();
    for (path, file) in project.fixtures()? {
        let path = path.strip_prefix(&project.folder).unwrap_or(&path).display().to_string();
        let mut text = format!("{path}\n");
        for fixture in &file.fixtures {
            let mut example = example(&built.plugin, &file.schemas, fixture, budget, &mut text).await?;
            example["file"] = path.as_str().into();
            examples.push(example);
        }
        if output != Output::Json {
            write_styled(&text)?;
        }
    }
    let (count, failed) = (examples.len(), examples.iter().filter(|example| example["passed"] == false).count());
    if output == Output::Json {
        output.json(&json!({ "plugin": built.json(), "examples": examples, "failed": failed }))?;
    }
    if failed > 0 {
        return Err(Failure::new(format!("{failed} of {count} examples failed")));
    }
    Ok(output.say(&format!("All {count} examples passed."))?)
}

/// Runs an example, adds its lines, and returns how it went.
async fn example(
    plugin: &Local,
    schemas: &Schemas,
    fixture: &Fixture,
    budget: Budget,
    text: &mut String,
) -> Result<Value, Failure> {
    let report = match measured(plugin, schemas, fixture).await? {
        Err(report) => {
            let _ = writeln!(text, "  {BAD}FAIL{BAD:#}  {}\n{}", fixture.name, indented(&report));
            return Ok(json!({ "name": fixture.name, "passed": false, "problems": report }));
        }
        Ok(measured) => measured,
    };
    let (call, fastest, difference) = report;
    let step = &call.step;
    let (us, kib) = (u64::try_from(fastest.as_micros()).unwrap_or(u64::MAX), step.memory >> 10);
    let usage = format!("{us} µs  {kib} KiB  {} host calls  {} bytes", step.host_calls, step.written);
    let mut problems = difference.err().unwrap_or_default();
    budget.check(&call, fastest, &mut problems);
    let (word, style) = if problems.is_empty() { ("ok  ", GOOD) } else { ("FAIL", BAD) };
    let _ = writeln!(text, "  {style}{word}{style:#}  {}  ({usage})", fixture.name);
    if !problems.is_empty() {
        words(&call, &mut problems);
        text.push_str(&indented(&problems));
    }
    Ok(json!({
        "name": fixture.name, "passed": problems.is_empty(), "problems": problems,
        "cpuMicroseconds": us, "memoryKib": kib, "hostCalls": step.host_calls, "writtenBytes": step.written,
    }))
}

type Measured = (Call, Duration, Result<(), String>);

/// The first call, the time of the fastest, and what differs from the example; or why there was no call.
async fn measured(plugin: &Local, schemas: &Schemas, fixture: &Fixture) -> Result<Result<Measured, String>, Failure> {
    let resource = match fixture.resource(schemas) {
        Ok(resource) => resource,
        Err(why) => return Ok(Err(why)),
    };
    let (source, resource_type) = resource.source();
    let input = Input { source: source.clone(), resource_type: resource_type.clone() };
    let (context, config) = (fixture.context(), fixture.config());
    // An example of an error may be about its configuration.
    if !matches!(fixture.outcome, Some(Expected::Error(_)))
        && let Err(why) = plugin.check(&config, &input.resource_type)
    {
        return Ok(Err(format!("  config: {why}\n")));
    }
    let first = plugin.call(&input, &context, &config).await?;
    let mut fastest = first.step.cpu;
    for _ in 1..CALLS {
        fastest = fastest.min(plugin.call(&input, &context, &config).await?.step.cpu);
    }
    let difference = fixture.compare(schemas, &found(&first, &resource));
    Ok(Ok((first, fastest, difference)))
}

impl Budget {
    fn check(self, call: &Call, fastest: Duration, problems: &mut String) {
        let limits = [
            ("CPU time", u64::try_from(fastest.as_micros()).unwrap_or(u64::MAX), self.us, "µs", "--budget-us"),
            (
                "memory",
                (call.step.memory >> 10) as u64,
                self.memory.map_or(u64::MAX, |most| most as u64),
                "KiB",
                "--budget-memory",
            ),
            ("host calls", call.step.host_calls.into(), self.host_calls.into(), "calls", "--budget-host-calls"),
        ];
        for (what, used, most, unit, option) in limits {
            if used > most {
                let _ = writeln!(problems, "  {what}: {used} {unit}, over the budget of {most} ({option})");
            }
        }
    }
}

/// What the plugin said, and which paths were refused.
fn words(call: &Call, problems: &mut String) {
    for refused in &call.step.refused_paths {
        let _ = writeln!(problems, "  {} {} was refused: {}", refused.call, refused.path, refused.error);
    }
    for line in &call.step.log {
        let _ = writeln!(problems, "  logged {:?}: {}", line.level, printable(&line.message));
    }
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |indented, line| indented + "      " + line + "\n")
}
