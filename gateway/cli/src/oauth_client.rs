//! `scimgate oauth-client`: clients that get access tokens at the token endpoint, with their secrets.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{self, Column, Output};

const LISTED: [Column; 7] = [
    ("client id", "/clientId"),
    ("label", "/label"),
    ("token life (s)", "/tokenSeconds"),
    ("issuer", "/assertion/issuer"),
    ("active secrets", "/activeSecrets"),
    ("created", "/createdAt"),
    ("deleted", "/deletedAt"),
];

const CREATED: [Column; 5] = [
    ("client id", "/clientId"),
    ("client secret", "/clientSecret"),
    ("token URL", "/tokenUrl"),
    ("token life (s)", "/tokenSeconds"),
    ("label", "/label"),
];

const SECRETS: [Column; 6] = [
    ("client id", "/clientId"),
    ("secret", "/id"),
    ("ends in", "/lastFour"),
    ("state", "/state"),
    ("created", "/createdAt"),
    ("expires", "/expiresAt"),
];

const ADDED: [Column; 3] = [("secret", "/id"), ("client secret", "/clientSecret"), ("expires", "/expiresAt")];

/// What to do with OAuth clients.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a client and print its secret, once; or, with keys, one that presents assertions.
    Create(Create),
    /// List a tenant's clients.
    List(List),
    /// Add, list and revoke a client's secrets.
    #[command(subcommand)]
    Secret(Secret),
    /// Delete a client: its access tokens become invalid within seconds, everywhere.
    Delete(Client),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The tenant's name.
    tenant: String,
    /// A text to tell clients apart.
    #[arg(long, default_value = "")]
    label: String,
    /// The life of its access tokens in seconds, 300 to 21600 [default: 3600].
    #[arg(long, value_name = "SECONDS")]
    token_seconds: Option<u32>,
    /// The address of the keys that sign its assertions.
    #[arg(long, value_name = "URL", conflicts_with = "keys")]
    jwks_uri: Option<String>,
    /// A file with those keys, as a JSON Web Key Set.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Who else signs its assertions, as their `iss` says; without it the client itself.
    #[arg(long, requires_all = ["subject", "audience"])]
    issuer: Option<String>,
    /// What their `sub` says.
    #[arg(long, requires = "issuer")]
    subject: Option<String>,
    /// What their `aud` says.
    #[arg(long, requires = "issuer")]
    audience: Option<String>,
    /// Accept these assertions as bearer tokens, too, at the tenant's own address: for tests alone.
    #[arg(long, requires = "issuer")]
    bearer: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The tenant's name.
    tenant: String,
}

#[derive(Debug, clap::Args)]
struct Client {
    /// The tenant's name.
    tenant: String,
    /// The client's id.
    client: String,
}

#[derive(Debug, clap::Subcommand)]
enum Secret {
    /// Issue another secret and print it, once; the others stay valid.
    Add(Add),
    /// List the secrets of a tenant's clients, without the secrets.
    List(List),
    /// Revoke a secret: it gets no more access tokens.
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    client: Client,
    /// Its validity in days [default: 365].
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    #[command(flatten)]
    client: Client,
    /// The secret's id, as `scimgate oauth-client secret list` shows it.
    id: String,
    /// Refuse the access tokens that it got before, too; without this they are accepted until they expire.
    #[arg(long)]
    with_tokens: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Create(it) => create(&client, output, &it).await,
        Command::List(it) => list(&client, output, &it.tenant).await,
        Command::Secret(Secret::Add(it)) => add(&client, output, &it).await,
        Command::Secret(Secret::List(it)) => secrets(&client, output, &it.tenant).await,
        Command::Secret(Secret::Revoke(it)) => {
            let Client { tenant, client: id } = &it.client;
            let path = ["tenants", tenant, "oauth-clients", id, "secrets", &it.id, "revoke"];
            let body = json!({ "withTokens": it.with_tokens });
            let _ = client.put(Method::POST, &client.path(&path)?, &body).await?;
            Ok(output.say(&format!("The secret {} is revoked.", it.id))?)
        }
        Command::Delete(it) => {
            client.delete(&client.path(&["tenants", &it.tenant, "oauth-clients", &it.client])?).await?;
            Ok(output.say(&format!("The OAuth client {} is deleted.", it.client))?)
        }
    }
}

async fn create(client: &AdminClient, output: Output, it: &Create) -> Result<(), Failure> {
    let mut wanted = json!({ "label": it.label, "tokenSeconds": it.token_seconds });
    if it.jwks_uri.is_some() || it.keys.is_some() {
        let keys = it.keys.as_deref().map(output::read).transpose()?;
        let keys: Option<Value> = keys
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()
            .map_err(|why| Failure::new(format!("--keys is not a JSON Web Key Set: {why}")))?;
        wanted["assertion"] = json!({
            "issuer": it.issuer, "subject": it.subject, "audience": it.audience, "jwksUri": it.jwks_uri, "keys": keys,
            "bearer": it.bearer,
        });
    } else if it.issuer.is_some() {
        return Err(Failure::new("--issuer needs the issuer's keys: --jwks-uri or --keys"));
    }
    let created = client.put(Method::POST, &client.path(&["tenants", &it.tenant, "oauth-clients"])?, &wanted).await?;
    output.record(&created, &CREATED)?;
    let has_secret = created["clientSecret"].is_string();
    if has_secret { Ok(output.say("\nThe secret is shown only once.")?) } else { Ok(()) }
}

async fn read(client: &AdminClient, tenant: &str) -> Result<Value, Failure> {
    Ok(client.get(&client.path(&["tenants", tenant, "oauth-clients"])?).await?)
}

async fn list(client: &AdminClient, output: Output, tenant: &str) -> Result<(), Failure> {
    let mut clients = read(client, tenant).await?;
    if output == Output::Table {
        for client in clients["oauthClients"].as_array_mut().into_iter().flatten() {
            let secrets = client["secrets"].as_array().into_iter().flatten();
            let active = secrets.filter(|secret| secret["state"] == "active").count();
            client["activeSecrets"] = active.into();
        }
    }
    Ok(output.list(&clients, "oauthClients", &LISTED)?)
}

async fn secrets(client: &AdminClient, output: Output, tenant: &str) -> Result<(), Failure> {
    let clients = read(client, tenant).await?;
    let mut secrets = Vec::new();
    for client in clients["oauthClients"].as_array().into_iter().flatten() {
        for secret in client["secrets"].as_array().into_iter().flatten() {
            let mut secret = secret.clone();
            secret["clientId"] = client["clientId"].clone();
            secrets.push(secret);
        }
    }
    Ok(output.list(&json!({ "secrets": secrets }), "secrets", &SECRETS)?)
}

async fn add(client: &AdminClient, output: Output, it: &Add) -> Result<(), Failure> {
    let Client { tenant, client: id } = &it.client;
    let path = client.path(&["tenants", tenant, "oauth-clients", id, "secrets"])?;
    let added = client.put(Method::POST, &path, &json!({ "expiresInDays": it.expires_in_days })).await?;
    output.record(&added, &ADDED)?;
    Ok(output.say("\nThe secret is shown only once.")?)
}
