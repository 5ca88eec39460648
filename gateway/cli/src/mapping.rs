//! `scimgate mapping`: a tenant's chain of plugins, its revisions, and what they make of a document.

mod diff;
mod import_entra;
mod plan;
pub(crate) mod preview;
mod shadow;

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::job;
use crate::output::{Column, Output, printable, read_object};

const HEAD: [Column; 8] = [
    ("revision", "/revision"),
    ("state", "/state"),
    ("on failure", "/onFailure"),
    ("note", "/note"),
    ("created", "/createdAt"),
    ("author", "/author"),
    ("activated", "/activatedAt"),
    ("retired", "/retiredAt"),
];

const STEPS: [Column; 5] = [
    ("plugin", "/name"),
    ("version", "/version"),
    ("resource types", "/resourceTypes"),
    ("digest", "/plugin"),
    ("configuration", "/config"),
];

const LISTED: [Column; 7] = [
    ("revision", "/revision"),
    ("state", "/state"),
    ("created", "/createdAt"),
    ("author", "/author"),
    ("activated", "/activatedAt"),
    ("retired", "/retiredAt"),
    ("note", "/note"),
];

const FORM: &str = r#"The file:
  {
    "onFailure": "refuse",
    "steps": [{ "plugin": "name@version", "config": {}, "resourceTypes": ["User"] }]
  }

onFailure is refuse (nothing is stored) or keep (the product keeps the previous version).
A plugin is given by its digest, by name@version, or by a name that is unique."#;

/// What to do with a tenant's mapping.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the revisions, the newest first.
    List(Named),
    /// Show the active revision, or another; with -o json in the form that `draft` and `set` accept.
    Show(Show),
    /// Compare two revisions, by default the active one with the newest.
    Diff(diff::Arguments),
    /// Check a mapping and store it as a draft.
    Draft(New),
    /// Find out what a draft would do to the stored documents. Nothing is written but the plan.
    Plan(plan::Arguments),
    /// Activate a draft, and show its plan first.
    Activate(Activate),
    /// Return to a revision that was active before.
    Rollback(Rollback),
    /// Show what a revision makes of one document, step by step. Nothing is written.
    Preview(preview::Arguments),
    /// Let a draft also map live writes, and see what it would change.
    #[command(subcommand)]
    Shadow(shadow::Command),
    /// Draft and activate in one.
    Set(New),
    /// Switch mapping off: the product then reads source documents.
    Off(Named),
    /// Convert a schema exported from Entra into a mapping. Needs no gateway.
    ImportEntra(import_entra::Arguments),
}

#[derive(Debug, clap::Args)]
#[command(after_help = FORM)]
struct New {
    /// The tenant's name.
    tenant: String,
    /// A JSON file with the mapping, or - for standard input.
    file: PathBuf,
    /// Why it is made.
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    check: Check,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// Do not try the steps on example documents first.
    #[arg(long)]
    no_dry_run: bool,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The tenant's name.
    tenant: String,
    /// The revision's number; the active one by default.
    revision: Option<i32>,
}

#[derive(Debug, clap::Args)]
struct Activate {
    /// The tenant's name.
    tenant: String,
    /// The draft's number.
    revision: i32,
    /// Activate it though users would vanish from the product.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    check: Check,
    #[command(flatten)]
    remap: Remap,
}

#[derive(Debug, clap::Args)]
struct Remap {
    /// Follow the remap of stored resources until it ends.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
struct Rollback {
    /// The tenant's name.
    tenant: String,
    /// The revision's number; by default the newest that is older than the active one and was active before.
    revision: Option<i32>,
    #[command(flatten)]
    remap: Remap,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The tenant's name.
    tenant: String,
}

impl Check {
    fn query(&self) -> &'static str {
        if self.no_dry_run { "?dryRun=false" } else { "" }
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    // Needs no gateway, and so no key.
    if let Command::ImportEntra(it) = &arguments.command {
        return import_entra::run(it);
    }
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::ImportEntra(_) => Ok(()),
        Command::List(it) => list(&client, output, &it.tenant).await,
        Command::Show(it) => show(output, &client.get(&revision_path(&client, &it.tenant, it.revision)?).await?),
        Command::Diff(it) => diff::run(&client, output, &it).await,
        Command::Draft(it) => {
            let path = format!("{}{}", mapping_path(&client, &it.tenant, &["revisions"])?, it.check.query());
            let drafted = client.put_file(Method::POST, &path, (&it.mapping()?, &it.file)).await?;
            show(output, &drafted)?;
            let (tenant, revision) = (&it.tenant, &drafted["revision"]);
            Ok(output
                .say(&format!("\nNothing is mapped by it until `scimgate mapping activate {tenant} {revision}`."))?)
        }
        Command::Activate(it) => {
            let path = mapping_path(&client, &it.tenant, &["revisions", &it.revision.to_string(), "activate"])?;
            let wanted = (it.tenant.as_str(), i64::from(it.revision));
            let accepted = plan::confirm(&client, output, wanted, it.yes).await?;
            let body = json!({ "dryRun": !it.check.no_dry_run, "acceptVanishing": accepted });
            let active = client.put(Method::POST, &path, &body).await?;
            activated(&client, output, (&it.tenant, &active), it.remap.wait).await
        }
        Command::Rollback(it) => {
            let path = mapping_path(&client, &it.tenant, &["rollback"])?;
            let active = client.put(Method::POST, &path, &json!({ "revision": it.revision })).await?;
            activated(&client, output, (&it.tenant, &active), it.remap.wait).await
        }
        Command::Plan(it) => plan::run(&client, output, &it).await,
        Command::Shadow(it) => shadow::run(&client, output, &it).await,
        Command::Preview(it) => preview::run(&client, output, it).await,
        Command::Set(it) => {
            let path = format!("{}{}", mapping_path(&client, &it.tenant, &[])?, it.check.query());
            let active = client.put_file(Method::PUT, &path, (&it.mapping()?, &it.file)).await?;
            activated(&client, output, (&it.tenant, &active), false).await
        }
        Command::Off(it) => {
            client.delete(&mapping_path(&client, &it.tenant, &[])?).await?;
            Ok(output.say(&format!("Mapping is off for the tenant {}.", it.tenant))?)
        }
    }
}

impl New {
    fn mapping(&self) -> Result<Value, Failure> {
        let mut mapping = read_object(&self.file)?;
        if let (Some(note), Some(members)) = (&self.note, mapping.as_object_mut()) {
            members.insert("note".to_owned(), note.as_str().into());
        }
        Ok(mapping)
    }
}

fn mapping_path(client: &AdminClient, tenant: &str, rest: &[&str]) -> Result<String, Failure> {
    Ok(client.path(&[&["tenants", tenant, "mapping"], rest].concat())?)
}

fn revision_path(client: &AdminClient, tenant: &str, revision: Option<i32>) -> Result<String, Failure> {
    match revision {
        Some(revision) => mapping_path(client, tenant, &["revisions", &revision.to_string()]),
        None => mapping_path(client, tenant, &[]),
    }
}

/// Every page.
async fn list(client: &AdminClient, output: Output, tenant: &str) -> Result<(), Failure> {
    let path = mapping_path(client, tenant, &["revisions"])?;
    let (mut revisions, mut query) = (Vec::new(), String::new());
    loop {
        let mut page = client.get(&format!("{path}{query}")).await?;
        if let Some(Value::Array(more)) = page.get_mut("revisions").map(Value::take) {
            revisions.extend(more);
        }
        match page.get("next").and_then(Value::as_i64) {
            Some(next) => query = format!("?before={next}"),
            None => return Ok(output.list(&json!({ "revisions": revisions }), "revisions", &LISTED)?),
        }
    }
}

async fn activated(
    client: &AdminClient,
    output: Output,
    (tenant, revision): (&str, &Value),
    wait: bool,
) -> Result<(), Failure> {
    show(output, revision)?;
    if !wait {
        let sentence =
            format!("\nStored resources are mapped by it: `scimgate job show {tenant} remap --wait` follows that.");
        return Ok(output.say(&sentence)?);
    }
    let done = job::follow(client, tenant, "remap").await?;
    let number = |pointer: &str| done.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    let (examined, changed, rejected) = (number("/examined"), number("/changed"), number("/rejected/count"));
    let sentence =
        format!("\n{examined} stored resources: {changed} changed for the product, {rejected} could not be mapped.");
    Ok(output.say(&sentence)?)
}

fn show(output: Output, revision: &Value) -> Result<(), Failure> {
    if output == Output::Json {
        return Ok(output.json(revision)?);
    }
    if revision.get("revision").and_then(Value::as_i64) == Some(0) {
        return Ok(output.say("No mapping is active: the product reads source documents.")?);
    }
    output.record(revision, &HEAD)?;
    output.say("")?;
    output.list(revision, "steps", &STEPS)?;
    for warning in revision.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        output.say(&format!("\nWarning: {}", printable(warning.as_str().unwrap_or_default())))?;
    }
    Ok(())
}
