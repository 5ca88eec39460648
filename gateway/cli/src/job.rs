//! `scimgate job`: follow and cancel a tenant's background jobs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output};

const COLUMNS: [Column; 10] = [
    ("job", "/kind"),
    ("state", "/state"),
    ("examined", "/examined"),
    ("changed", "/changed"),
    ("rejected", "/rejected/count"),
    ("with unknown attributes", "/withUnknownAttributes"),
    ("revision", "/revision"),
    ("tries failed ones again", "/retriesAt"),
    ("started", "/begunAt"),
    ("last progress", "/movedAt"),
];

const DOCUMENTS: [Column; 3] = [("mapping revision", "/revision"), ("state", "/state"), ("documents", "/count")];

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
    /// Begin a remap by the active mapping, after it was cancelled, or to map again what failed; or a purge (`retention`) at once.
    Start(Named),
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
    /// keys of attributes that are searched by value, `remap` maps stored documents by the active mapping, `plan` finds out what
    /// another mapping revision would do to them, `group-rules` announces what group rules change, `retention` purges deleted resources
    /// and events that were kept long enough.
    #[arg(default_value = "reconcile")]
    job: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    let status = match &arguments.command {
        Command::Show(Show { job, wait: true }) => follow(&client, &job.tenant, &job.job).await?,
        Command::Show(Show { job, wait: false }) => client.get(&path(&client, job)?).await?,
        Command::Start(job) => client.put(Method::PATCH, &path(&client, job)?, &json!({ "state": "running" })).await?,
        Command::Cancel(job) => {
            client.put(Method::PATCH, &path(&client, job)?, &json!({ "state": "cancelled" })).await?
        }
    };
    let (Command::Show(Show { job, .. }) | Command::Start(job) | Command::Cancel(job)) = &arguments.command;
    show(&client, output, &job.tenant, &status).await
}

fn path(client: &AdminClient, job: &Named) -> Result<String, Failure> {
    Ok(client.path(&["tenants", &job.tenant, "jobs", &job.job])?)
}

/// The status at the end, or when a remap waits to try again what failed; until then a line on standard error says how far the job
/// has come.
pub(super) async fn follow(client: &AdminClient, tenant: &str, job: &str) -> Result<Value, Failure> {
    let path = client.path(&["tenants", tenant, "jobs", job])?;
    let bar = ProgressBar::new_spinner();
    loop {
        let status = client.get(&path).await?;
        if status["state"] != "running" || status["retriesAt"].is_string() {
            bar.finish_and_clear();
            return Ok(status);
        }
        let [examined, changed, total] =
            ["/examined", "/changed", "/total"].map(|it| status.pointer(it).and_then(Value::as_u64));
        let (examined, changed) = (examined.unwrap_or_default(), changed.unwrap_or_default());
        let form = match total {
            Some(_) => "{bar:30} {percent:>3} % {msg} ({elapsed})",
            None => "{spinner} {msg} ({elapsed})",
        };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        if let Some(total) = total {
            bar.set_length(total.max(examined));
            bar.set_position(examined);
        }
        bar.set_message(format!("{job}: {examined} resources examined, {changed} changed"));
        bar.tick();
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A remap with the number of documents that each revision has mapped.
async fn show(client: &AdminClient, output: Output, tenant: &str, status: &Value) -> Result<(), Failure> {
    output.record(status, &COLUMNS)?;
    let rejected = status.get("rejected").cloned().unwrap_or_default();
    if output == Output::Table && rejected.pointer("/examples/0").is_some() {
        output.say("\nExamples of what was rejected:")?;
        output.list(&rejected, "examples", &EXAMPLES)?;
    }
    if output == Output::Table && status["kind"] == "remap" {
        let counts = client.get(&client.path(&["tenants", tenant, "mapping", "documents"])?).await?;
        output.say("\nDocuments by the revision that mapped them:")?;
        output.list(&counts, "documents", &DOCUMENTS)?;
    }
    Ok(())
}
