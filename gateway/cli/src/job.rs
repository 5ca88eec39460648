//! `scimgate job`: follow and cancel a tenant's background jobs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output};

const COLUMNS: [Column; 8] = [
    ("job", "/kind"),
    ("state", "/state"),
    ("examined", "/examined"),
    ("changed", "/changed"),
    ("rejected", "/rejected/count"),
    ("with unknown attributes", "/withUnknownAttributes"),
    ("started", "/begunAt"),
    ("last progress", "/movedAt"),
];

const EXAMPLES: [Column; 3] = [("id", "/id"), ("attribute", "/attribute"), ("reason", "/reason")];

/// How often a running job is asked for its progress.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What to do with jobs.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show how far a job has come.
    Show(Show),
    /// End a running job. What is done stays done.
    Cancel(Named),
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    job: Named,
    /// Follow it until it ends.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The tenant's name.
    tenant: String,
    /// The job: `reconcile` moves unknown attributes into the documents once a schema defines them, `search-keys` completes the
    /// keys of attributes that are searched by value.
    #[arg(default_value = "reconcile")]
    job: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    let status = match &arguments.command {
        Command::Show(Show { job, wait: true }) => follow(&client, job).await?,
        Command::Show(Show { job, wait: false }) => client.get(&path(&client, job)?).await?,
        Command::Cancel(job) => {
            client.put(Method::PATCH, &path(&client, job)?, &json!({ "state": "cancelled" })).await?
        }
    };
    show(output, &status)
}

fn path(client: &AdminClient, job: &Named) -> Result<String, Failure> {
    Ok(client.path(&["tenants", &job.tenant, "jobs", &job.job])?)
}

/// The status at the end; until then a line on standard error says how far the job has come.
async fn follow(client: &AdminClient, job: &Named) -> Result<Value, Failure> {
    let path = path(client, job)?;
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    loop {
        let status = client.get(&path).await?;
        if status["state"] != "running" {
            bar.finish_and_clear();
            return Ok(status);
        }
        let [examined, changed] = ["/examined", "/changed"].map(|it| status.pointer(it).and_then(Value::as_i64));
        let (examined, changed) = (examined.unwrap_or_default(), changed.unwrap_or_default());
        bar.set_message(format!("{}: {examined} resources examined, {changed} changed", job.job));
        bar.tick();
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn show(output: Output, status: &Value) -> Result<(), Failure> {
    output.record(status, &COLUMNS)?;
    let rejected = status.get("rejected").cloned().unwrap_or_default();
    if output == Output::Table && rejected.pointer("/examples/0").is_some() {
        output.say("\nExamples of what was rejected:")?;
        output.list(&rejected, "examples", &EXAMPLES)?;
    }
    Ok(())
}
