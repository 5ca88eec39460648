//! `scimgate token`: issue, list and revoke a tenant's tokens.

use reqwest::Method;
use serde_json::json;

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output};

const LISTED: [Column; 7] = [
    ("id", "/id"),
    ("scope", "/scope"),
    ("state", "/state"),
    ("ends in", "/lastFour"),
    ("created", "/createdAt"),
    ("expires", "/expiresAt"),
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
        Command::Revoke(it) => {
            client.delete(&client.path(&["tenants", &it.tenant, "tokens", &it.id])?).await?;
            Ok(output.say(&format!("The token {} is revoked.", it.id))?)
        }
    }
}

async fn issue(client: &AdminClient, output: Output, it: &Issue) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.tenant, "tokens"])?;
    let wanted = json!({ "scope": it.scope.name(), "label": it.label, "expiresInDays": it.expires_in_days });
    let token = client.put(Method::POST, &path, &wanted).await?;
    output.record(&token, &ISSUED)?;
    Ok(output.say("\nThe secret is shown only once.")?)
}
