//! `scimgate held`: removals that the guard keeps from the product, until they are released or rejected.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output};

const BATCHES: [Column; 7] = [
    ("batch", "/id"),
    ("state", "/state"),
    ("cause", "/cause"),
    ("resources", "/resources"),
    ("memberships", "/memberships"),
    ("passed before", "/passed"),
    ("opened", "/openedAt"),
];

const RESOURCES: [Column; 6] = [
    ("id", "/id"),
    ("type", "/resourceType"),
    ("name", "/name"),
    ("held", "/kind"),
    ("since", "/since"),
    ("request", "/requestId"),
];

const GROUPS: [Column; 3] = [("group", "/id"), ("name", "/display"), ("held members", "/members")];

/// How often a decided batch is asked for its progress.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What to do with held changes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the batches of held changes, the latest first.
    List(Tenant),
    /// Show what a batch holds.
    Show(Show),
    /// Release a batch: the product sees what the source says, and is sent the events.
    Release(Decide),
    /// Reject a batch: the source becomes what it was, and the provider's next cycle repairs what differs.
    Reject(Decide),
}

#[derive(Debug, clap::Args)]
struct Tenant {
    /// The tenant's name.
    tenant: String,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The tenant's name.
    tenant: String,
    /// The batch; without it the open one.
    batch: Option<String>,
    /// The maximum number of resources.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// The id to continue after.
    #[arg(long)]
    after: Option<uuid::Uuid>,
}

#[derive(Debug, clap::Args)]
struct Decide {
    /// The tenant's name.
    tenant: String,
    /// The batch; without it the open one.
    batch: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::List(it) => {
            let list = client.get(&client.path(&["tenants", &it.tenant, "held"])?).await?;
            Ok(output.list(&list, "batches", &BATCHES)?)
        }
        Command::Show(it) => show(&client, output, &it).await,
        Command::Release(it) => decide(&client, output, &it, "released").await,
        Command::Reject(it) => decide(&client, output, &it, "rejected").await,
    }
}

/// The batch that is named, or else the only open one.
async fn batch(client: &AdminClient, tenant: &str, named: Option<&String>) -> Result<String, Failure> {
    if let Some(named) = named {
        return Ok(named.clone());
    }
    let list = client.get(&client.path(&["tenants", tenant, "held"])?).await?;
    let open = list["batches"].as_array().into_iter().flatten().filter(|batch| batch["state"] == "open");
    let open: Vec<&str> = open.filter_map(|batch| batch["id"].as_str()).collect();
    match open.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(Failure::new(format!("nothing of the tenant {tenant} is held"))),
        several => Err(Failure::new(format!("several batches are open; name one of {}", several.join(", ")))),
    }
}

async fn show(client: &AdminClient, output: Output, it: &Show) -> Result<(), Failure> {
    let batch = batch(client, &it.tenant, it.batch.as_ref()).await?;
    let path = client.path(&["tenants", &it.tenant, "held", &batch])?;
    let after = it.after.map_or_else(String::new, |after| format!("&after={after}"));
    let path = format!("{path}?limit={}{after}", it.limit);
    let page = client.get(&path).await?;
    if output == Output::Json {
        return Ok(output.json(&page)?);
    }
    output.record(&page["batch"], &BATCHES)?;
    output.say("\nResources:")?;
    output.list(&page, "resources", &RESOURCES)?;
    if let Some(next) = page["next"].as_str() {
        output.say(&format!("There are more: continue with --after {next}"))?;
    }
    output.say("\nGroups with held memberships:")?;
    Ok(output.list(&page, "groups", &GROUPS)?)
}

async fn decide(client: &AdminClient, output: Output, it: &Decide, state: &str) -> Result<(), Failure> {
    let batch = batch(client, &it.tenant, it.batch.as_ref()).await?;
    let path = client.path(&["tenants", &it.tenant, "held", &batch])?;
    let before = client.put(Method::PATCH, &path, &json!({ "state": state })).await?;
    let done = follow(client, &path, size(&before)).await?;
    output.record(&done, &BATCHES)?;
    if done["state"] == "open" {
        let job = client.get(&client.path(&["tenants", &it.tenant, "jobs", "held"])?).await?;
        let reason = job.pointer("/rejected/examples/0/reason").and_then(Value::as_str).unwrap_or("see the log");
        return Err(Failure::new(format!(
            "{} resources could not be settled and are still held: {reason}",
            done["resources"]
        )));
    }
    Ok(())
}

fn size(batch: &Value) -> u64 {
    batch["resources"].as_u64().unwrap_or_default() + batch["memberships"].as_u64().unwrap_or_default()
}

/// The batch at the end; until then a bar on standard error says how much of it is settled.
async fn follow(client: &AdminClient, path: &str, total: u64) -> Result<Value, Failure> {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} settled ({elapsed})") {
        bar.set_style(style);
    }
    loop {
        let batch = client.get(&format!("{path}?limit=1")).await?["batch"].clone();
        if !batch["state"].as_str().is_some_and(|state| state.ends_with("ing")) {
            bar.finish_and_clear();
            return Ok(batch);
        }
        bar.set_position(total.saturating_sub(size(&batch)));
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
