//! `scimgate plugin bench`: the distribution of a plugin's CPU time, beside a plugin that does nothing.

use std::path::PathBuf;
use std::time::Duration;

use scimgate_plugin_sdk::test::{FixtureFile, context};
use serde_json::{Value, json};

use super::language::EMPTY_PLUGIN;
use super::local::{Input, Local};
use super::project::Project;
use super::run::at;
use crate::failure::Failure;
use crate::output::{Column, Output, read};

const COLUMNS: [Column; 7] = [
    ("example", "/example"),
    ("p50 (us)", "/p50"),
    ("p90 (us)", "/p90"),
    ("p99 (us)", "/p99"),
    ("p99.9 (us)", "/p999"),
    ("longest (us)", "/longest"),
    ("to empty", "/ratio"),
];
const MAX_CALLS: u32 = 1_000_000;

#[derive(Debug, clap::Args)]
pub(in crate::plugin) struct Arguments {
    /// The project's folder.
    #[arg(long, default_value = ".")]
    project: PathBuf,
    /// Measure this .wasm file on the project's examples in place of a new build.
    #[arg(long)]
    plugin: Option<PathBuf>,
    /// Calls of each example.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CALLS)))]
    calls: u32,
}

pub(super) async fn run(output: Output, it: Arguments) -> Result<(), Failure> {
    let project = Project::find(&it.project)?;
    let (plugin, heading) = if let Some(path) = &it.plugin {
        let plugin = Local::load(read(path)?).await.map_err(|failure| at(path, &failure))?;
        (plugin, path.display().to_string())
    } else {
        let built = project.build().await?;
        let heading = built.line();
        (built.plugin, heading)
    };
    let files = project.fixtures()?;
    let empty = Local::load(EMPTY_PLUGIN.to_owned()).await?;
    let base = times(&empty, &first_input(&files)?, &json!({}), it.calls).await?;
    let mut rows = vec![row("(the empty plugin)", &base, base_median(&base))];
    for fixture in files.iter().flat_map(|(_, file)| file.fixtures.iter().map(move |fixture| (file, fixture))) {
        let (file, fixture) = fixture;
        let resource =
            fixture.resource(&file.schemas).map_err(|why| Failure::new(format!("{}: {why}", fixture.name)))?;
        let input = Input { source: resource.source().0.clone(), resource_type: resource.source().1.clone() };
        let measured = times(&plugin, &input, &fixture.config(), it.calls).await?;
        rows.push(row(&fixture.name, &measured, base_median(&base)));
    }
    output.say(&format!("{heading}\nCPU time of {} calls each\n", it.calls))?;
    Ok(output.list(&json!({ "examples": rows }), "examples", &COLUMNS)?)
}

fn first_input(files: &[(PathBuf, FixtureFile)]) -> Result<Input, Failure> {
    let first = files.iter().find_map(|(_, file)| Some((file, file.fixtures.first()?)));
    let (file, fixture) = first.ok_or_else(|| Failure::new("there is no example"))?;
    let resource = fixture.resource(&file.schemas).map_err(Failure::new)?;
    Ok(Input { source: resource.source().0.clone(), resource_type: resource.source().1.clone() })
}

/// Sorted.
async fn times(plugin: &Local, input: &Input, config: &Value, calls: u32) -> Result<Vec<Duration>, Failure> {
    let context = context(&input.resource_type.name);
    let mut times = Vec::new();
    for _ in 0..calls {
        times.push(plugin.call(input, &context, config).await?.step.cpu);
    }
    times.sort_unstable();
    Ok(times)
}

fn percentile(sorted: &[Duration], per_mille: usize) -> f64 {
    let index = (sorted.len() * per_mille / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn base_median(base: &[Duration]) -> f64 {
    percentile(base, 500).max(0.001)
}

fn row(name: &str, times: &[Duration], base: f64) -> Value {
    let shown = |per_mille: usize| format!("{:.1}", percentile(times, per_mille));
    json!({
        "example": name, "p50": shown(500), "p90": shown(900), "p99": shown(990), "p999": shown(999),
        "longest": shown(1_000), "ratio": format!("{:.1}", percentile(times, 500) / base),
    })
}
