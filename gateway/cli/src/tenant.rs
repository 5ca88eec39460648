//! `scimgate tenant`: create, list, suspend, resume and delete tenants.

use reqwest::Method;
use scimgate::config::Rate;
use serde_json::json;

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output};

const COLUMNS: [Column; 5] = [
    ("name", "/name"),
    ("state", "/state"),
    ("mapping", "/activeMapping"),
    ("created", "/createdAt"),
    ("scim url", "/scimUrl"),
];

const LIMITS: [Column; 3] = [("name", "/name"), ("requests at once", "/limits/requests"), ("rate", "/limits/rate")];

/// What to do with tenants.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a tenant.
    Create(Named),
    /// List the tenants.
    List,
    /// Suspend a tenant: its requests are refused until it is resumed.
    Suspend(Named),
    /// Resume a suspended tenant.
    Resume(Named),
    /// Set how much a tenant may send. What is left out follows the server's default.
    Limit(Limit),
    /// Delete a tenant: its tokens become invalid, and the product no longer sees its users.
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The tenant's name: lower-case letters, digits and hyphens.
    name: String,
}

#[derive(Debug, clap::Args)]
struct Limit {
    /// The tenant's name.
    name: String,
    /// Requests that may be in progress at once, in each replica.
    #[arg(long)]
    requests: Option<u32>,
    /// Requests a second in all, and how many may come at once after a pause, such as 50/200.
    #[arg(long, value_name = "RATE/BURST")]
    rate: Option<Rate>,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// The tenant's name.
    name: String,
    /// Confirm; without this nothing is deleted.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Create(it) => {
            let tenant = client.put(Method::POST, &client.path(&["tenants"])?, &json!({ "name": it.name })).await?;
            Ok(output.record(&tenant, &COLUMNS)?)
        }
        Command::List => {
            let tenants = client.get(&client.path(&["tenants"])?).await?;
            Ok(output.list(&tenants, "tenants", &COLUMNS)?)
        }
        Command::Suspend(it) => set_state(&client, output, &it.name, "suspended").await,
        Command::Resume(it) => set_state(&client, output, &it.name, "active").await,
        Command::Limit(it) => {
            let rate = it.rate.map(|rate| rate.to_string());
            let limits = json!({ "limits": { "requests": it.requests, "rate": rate } });
            let tenant = client.put(Method::PATCH, &client.path(&["tenants", &it.name])?, &limits).await?;
            Ok(output.record(&tenant, &LIMITS)?)
        }
        Command::Delete(it) => delete(&client, output, &it).await,
    }
}

async fn set_state(client: &AdminClient, output: Output, name: &str, state: &str) -> Result<(), Failure> {
    let path = client.path(&["tenants", name])?;
    let tenant = client.put(Method::PATCH, &path, &json!({ "state": state })).await?;
    Ok(output.record(&tenant, &COLUMNS)?)
}

async fn delete(client: &AdminClient, output: Output, it: &Delete) -> Result<(), Failure> {
    if !it.yes {
        return Err(Failure::new(format!(
            "this deletes the tenant {name}: its tokens become invalid, and the product no longer sees its users; \
             confirm with `scimgate tenant delete {name} --yes`",
            name = it.name
        )));
    }
    client.delete(&client.path(&["tenants", &it.name])?).await?;
    Ok(output.say(&format!("The tenant {} is deleted.", it.name))?)
}
