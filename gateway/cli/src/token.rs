//! `scimgate token`: issue, list, rotate and revoke a tenant's tokens.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output};

const LISTED: [Column; 12] = [
    ("id", "/id"),
    ("scope", "/scope"),
    ("state", "/state"),
    ("ends in", "/lastFour"),
    ("created", "/createdAt"),
    ("expires", "/expiresAt"),
    ("last used", "/lastUsedAt"),
    ("read only", "/readOnly"),
    ("type", "/resourceType"),
    ("from", "/networks"),
    ("made by", "/createdBy"),
    ("label", "/label"),
];

const ISSUED: [Column; 5] =
    [("id", "/id"), ("scope", "/scope"), ("label", "/label"), ("expires", "/expiresAt"), ("secret", "/secret")];

/// What to do with tokens.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Issue a token and print its secret, once.
    Issue(Issue),
    /// List a tenant's tokens, without their secrets.
    List(List),
    /// Replace a token without a gap: start, put the new one in at the provider, complete.
    Rotate(Rotate),
    /// Revoke a token: it becomes invalid within seconds, everywhere.
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Issue {
    /// The tenant's name.
    tenant: String,
    /// What it gives access to: the SCIM endpoint for the identity provider, or the directory for the product.
    #[arg(long, value_enum, default_value_t = Scope::Scim)]
    scope: Scope,
    /// A text to tell tokens apart.
    #[arg(long, default_value = "")]
    label: String,
    /// Its validity in days [default: 365].
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    /// Let it only read.
    #[arg(long)]
    read_only: bool,
    /// The only resource type that it reaches, such as User; it then sends no bulk requests.
    #[arg(long, value_name = "TYPE")]
    resource_type: Option<String>,
    /// Accept it only from this network, such as 192.0.2.0/24; repeat it for several.
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Rotate {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, clap::Subcommand)]
enum Step {
    /// Issue a second token and print its secret, once. Both are accepted.
    Start(Start),
    /// Revoke the old token.
    Complete(Complete),
    /// Revoke the new token; the old one stays.
    Cancel(Revoke),
}

#[derive(Debug, clap::Args)]
struct Start {
    /// The tenant's name.
    tenant: String,
    /// The id of the token to replace.
    id: String,
    /// A text to tell tokens apart [default: that of the old one].
    #[arg(long)]
    label: Option<String>,
    /// The new token's validity in days [default: 365].
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
}

#[derive(Debug, clap::Args)]
struct Complete {
    /// The tenant's name.
    tenant: String,
    /// The id of the old token.
    id: String,
    /// Revoke it although the new one was never used.
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Scope {
    Scim,
    Directory,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Directory => "directory",
        }
    }
}

#[derive(Debug, clap::Args)]
struct List {
    /// The tenant's name.
    tenant: String,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The tenant's name.
    tenant: String,
    /// The token's id, as `scimgate token list` shows it.
    id: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Issue(it) => issue(&client, output, &it).await,
        Command::List(it) => {
            let tokens = client.get(&client.path(&["tenants", &it.tenant, "tokens"])?).await?;
            Ok(output.list(&tokens, "tokens", &LISTED)?)
        }
        Command::Rotate(it) => rotate(&client, output, it.step).await,
        Command::Revoke(it) => {
            client.delete(&client.path(&["tenants", &it.tenant, "tokens", &it.id])?).await?;
            Ok(output.say(&format!("The token {} is revoked.", it.id))?)
        }
    }
}

async fn issue(client: &AdminClient, output: Output, it: &Issue) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.tenant, "tokens"])?;
    let wanted = json!({
        "scope": it.scope.name(), "label": it.label, "expiresInDays": it.expires_in_days, "readOnly": it.read_only,
        "resourceType": it.resource_type, "networks": it.networks,
    });
    show_once(&client.put(Method::POST, &path, &wanted).await?, output)
}

fn show_once(token: &Value, output: Output) -> Result<(), Failure> {
    output.record(token, &ISSUED)?;
    Ok(output.say("\nThe secret is shown only once.")?)
}

async fn rotate(client: &AdminClient, output: Output, step: Step) -> Result<(), Failure> {
    let path = |tenant: &str, id: &str| client.path(&["tenants", tenant, "tokens", id, "rotation"]);
    match step {
        Step::Start(it) => {
            let wanted = json!({ "label": it.label, "expiresInDays": it.expires_in_days });
            let token = client.put(Method::POST, &path(&it.tenant, &it.id)?, &wanted).await?;
            show_once(&token, output)?;
            let next = format!("When the client sends it: scimgate token rotate complete {} {}", it.tenant, it.id);
            Ok(output.say(&next)?)
        }
        Step::Complete(it) => {
            let end = json!({ "state": "completed", "confirm": it.yes });
            client.put(Method::PATCH, &path(&it.tenant, &it.id)?, &end).await?;
            Ok(output.say(&format!("The token {} is revoked.", it.id))?)
        }
        Step::Cancel(it) => {
            client.put(Method::PATCH, &path(&it.tenant, &it.id)?, &json!({ "state": "cancelled" })).await?;
            Ok(output.say(&format!("The token {} stays; the new one is revoked.", it.id))?)
        }
    }
}
