//! `scimgate mapping`: set, show and switch off a tenant's chain of plugins.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::Value;

use crate::client::OperatorOptions;
use crate::failure::Failure;
use crate::output::{Column, Output, read_json};

const HEAD: [Column; 3] = [("revision", "/revision"), ("on failure", "/onFailure"), ("created", "/createdAt")];

const STEPS: [Column; 5] = [
    ("plugin", "/name"),
    ("version", "/version"),
    ("resource types", "/resourceTypes"),
    ("digest", "/plugin"),
    ("configuration", "/config"),
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
    /// Activate a new mapping revision.
    Set(Set),
    /// Show the active mapping; with -o json in the form that `set` accepts.
    Show(Named),
    /// Switch mapping off: the product then reads source documents.
    Off(Named),
}

#[derive(Debug, clap::Args)]
#[command(after_help = FORM)]
struct Set {
    /// The tenant's name.
    tenant: String,
    /// A JSON file with the mapping, or - for standard input.
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The tenant's name.
    tenant: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Set(it) => {
            let path = client.path(&["tenants", &it.tenant, "mapping"])?;
            let active = client.put(Method::PUT, &path, &read_json(&it.file)?).await?;
            show(output, &active)?;
            Ok(output.say("\nStored resources are mapped by it in the background: `scimgate job show` with `remap --wait` follows that.")?)
        }
        Command::Show(it) => show(output, &client.get(&client.path(&["tenants", &it.tenant, "mapping"])?).await?),
        Command::Off(it) => {
            client.delete(&client.path(&["tenants", &it.tenant, "mapping"])?).await?;
            Ok(output.say(&format!("Mapping is off for the tenant {}.", it.tenant))?)
        }
    }
}

fn show(output: Output, active: &Value) -> Result<(), Failure> {
    if output == Output::Json {
        return Ok(output.json(active)?);
    }
    if active.get("revision").and_then(Value::as_i64) == Some(0) {
        return Ok(output.say("No mapping is active: the product reads source documents.")?);
    }
    output.record(active, &HEAD)?;
    output.say("")?;
    Ok(output.list(active, "steps", &STEPS)?)
}
