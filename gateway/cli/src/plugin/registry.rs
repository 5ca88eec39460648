//! `scimgate plugin push | pull | list | show | used-by | remove | yank | unyank`: the registry, over the admin API.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output, printable, read};

const COLUMNS: [Column; 13] = [
    ("name", "/name"),
    ("version", "/version"),
    ("tenant", "/tenant"),
    ("resource types", "/resourceTypes"),
    ("digest", "/digest"),
    ("bytes", "/size"),
    ("dev push", "/dev"),
    ("signed by", "/signedBy"),
    ("source", "/source"),
    ("uploaded", "/createdAt"),
    ("author", "/author"),
    ("yanked", "/yankedAt"),
    ("yanked by", "/yankedBy"),
];

const LISTED: [Column; 8] = [
    ("name", "/name"),
    ("version", "/version"),
    ("tenant", "/tenant"),
    ("resource types", "/resourceTypes"),
    ("uploaded", "/createdAt"),
    ("yanked", "/yankedAt"),
    ("signed by", "/signedBy"),
    ("digest", "/digest"),
];

const USES: [Column; 3] = [("tenant", "/tenant"), ("revision", "/revision"), ("state", "/state")];

/// What to do with the gateway's plugins.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Upload a plugin and release it under its name and version. The same bytes again change nothing; other bytes need another version.
    Push(Push),
    /// Have the gateway pull a plugin from an OCI registry that it is started with, and release it.
    Pull(Pull),
    /// List the plugins that all tenants may use, or one tenant.
    List(List),
    /// Show a release of a plugin.
    Show(Release),
    /// List the mapping revisions that use a release.
    UsedBy(Release),
    /// Remove a release that no mapping revision uses.
    Remove(Release),
    /// Keep new mapping revisions from a release. Those that use it go on.
    Yank(Release),
    /// Take a yank back.
    Unyank(Release),
}

/// Whose plugin.
#[derive(Debug, clap::Args)]
struct Owner {
    /// The tenant that owns the plugin and alone may use it; without it, all tenants may.
    #[arg(long)]
    tenant: Option<String>,
}

/// As what a plugin is released.
#[derive(Debug, clap::Args)]
struct As {
    #[command(flatten)]
    owner: Owner,
    /// Release it between versions: as its version with the digest of its bytes, 0.1.0+sha256-0123456789ab.
    #[arg(long)]
    dev: bool,
    /// The signature that `minisign -S` wrote.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

impl As {
    fn signature(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.signature.as_deref().map(read).transpose()
    }
}

/// What to upload.
#[derive(Debug, clap::Args)]
pub(super) struct Push {
    /// The plugin's .wasm file, or - for standard input.
    file: PathBuf,
    #[command(flatten)]
    release: As,
}

/// What to pull.
#[derive(Debug, clap::Args)]
pub(super) struct Pull {
    /// The reference: registry.example.com/plugins/house:1.0.0, with @sha256:… behind it or in place of the tag.
    reference: String,
    #[command(flatten)]
    release: As,
}

/// What to list.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// The plugins that this tenant may use: its own, and those of all tenants.
    #[arg(long)]
    tenant: Option<String>,
    /// Only releases of this name.
    #[arg(long)]
    name: Option<String>,
}

/// A release.
#[derive(Debug, clap::Args)]
pub(super) struct Release {
    /// The plugin as NAME@VERSION.
    #[arg(value_name = "NAME@VERSION")]
    plugin: String,
    #[command(flatten)]
    owner: Owner,
}

pub(super) async fn run(operator: &OperatorOptions, command: Command) -> Result<(), Failure> {
    let (client, output) = operator.open()?;
    match command {
        Command::Push(it) => push(&client, output, &it).await,
        Command::Pull(it) => pull(&client, output, &it).await,
        Command::List(it) => list(&client, output, &it).await,
        Command::Show(it) => Ok(output.record(&client.get(&it.path(&client, &[])?).await?, &COLUMNS)?),
        Command::UsedBy(it) => used_by(&client, output, &it).await,
        Command::Remove(it) => {
            client.delete(&it.path(&client, &[])?).await?;
            Ok(output.say(&format!("{} is removed.", it.plugin))?)
        }
        Command::Yank(it) => it.set_yanked(&client, output, true).await,
        Command::Unyank(it) => it.set_yanked(&client, output, false).await,
    }
}

impl Release {
    fn path(&self, client: &AdminClient, rest: &[&str]) -> Result<String, Failure> {
        let (name, version) = self.plugin.split_once('@').ok_or_else(|| {
            let plugin = &self.plugin;
            Failure::new(format!(
                "{plugin} is not a release: name one as NAME@VERSION; `scimgate plugin list` lists them"
            ))
        })?;
        let path = client.path(&[&["plugins", name, version], rest].concat())?;
        Ok(format!("{path}{}", query(&[("tenant", self.owner.tenant.as_deref())])))
    }

    async fn set_yanked(&self, client: &AdminClient, output: Output, yanked: bool) -> Result<(), Failure> {
        let release = client.put(Method::PATCH, &self.path(client, &[])?, &json!({ "yanked": yanked })).await?;
        Ok(output.record(&release, &COLUMNS)?)
    }
}

/// The parameters that are given.
fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let given: Vec<String> =
        given.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))).collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

async fn push(client: &AdminClient, output: Output, it: &Push) -> Result<(), Failure> {
    let As { owner, dev, .. } = &it.release;
    let parameters = query(&[("tenant", owner.tenant.as_deref()), ("dev", dev.then_some("true"))]);
    let path = format!("{}{parameters}", client.path(&["plugins"])?);
    let wasm = read(&it.file)?;
    let release = match it.release.signature()? {
        Some(signature) => client.upload_signed(&path, wasm, &STANDARD.encode(signature)).await?,
        None => client.upload(&path, wasm).await?,
    };
    pushed(output, &release)
}

async fn pull(client: &AdminClient, output: Output, it: &Pull) -> Result<(), Failure> {
    let As { owner, dev, .. } = &it.release;
    let signature = it.release.signature()?.map(|text| String::from_utf8_lossy(&text).into_owned());
    let wanted = json!({ "reference": it.reference, "tenant": owner.tenant, "dev": dev, "signature": signature });
    pushed(output, &client.put(Method::POST, &client.path(&["plugins", "pull"])?, &wanted).await?)
}

/// Prints what came of an upload.
fn pushed(output: Output, release: &Value) -> Result<(), Failure> {
    output.record(release, &COLUMNS)?;
    if release.get("added") == Some(&json!(false)) {
        output.say("\nIt was released before, with the same bytes.")?;
    }
    for warning in release.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        output.say(&format!("\nWarning: {}", printable(warning.as_str().unwrap_or_default())))?;
    }
    Ok(())
}

/// Every page of the tenant's own, and then of those of all tenants.
async fn list(client: &AdminClient, output: Output, it: &List) -> Result<(), Failure> {
    let path = client.path(&["plugins"])?;
    let mut plugins = Vec::new();
    let owners = [it.tenant.as_deref(), None];
    for owner in owners.into_iter().skip(usize::from(it.tenant.is_none())) {
        let parameters = [("tenant", owner), ("name", it.name.as_deref())];
        plugins.append(&mut pages(client, &path, &parameters, "plugins").await?);
    }
    Ok(output.list(&json!({ "plugins": plugins }), "plugins", &LISTED)?)
}

async fn used_by(client: &AdminClient, output: Output, it: &Release) -> Result<(), Failure> {
    let path = it.path(client, &["uses"])?;
    let (path, _) = path.split_once('?').unwrap_or((&path, ""));
    let uses = pages(client, path, &[("tenant", it.owner.tenant.as_deref())], "uses").await?;
    Ok(output.list(&json!({ "uses": uses }), "uses", &USES)?)
}

async fn pages(
    client: &AdminClient,
    path: &str,
    parameters: &[(&str, Option<&str>)],
    list: &str,
) -> Result<Vec<Value>, Failure> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let parameters = [parameters, &[("after", after.as_deref())]].concat();
        let mut page = client.get(&format!("{path}{}", query(&parameters))).await?;
        if let Some(Value::Array(mut more)) = page.get_mut(list).map(Value::take) {
            all.append(&mut more);
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(all),
        }
    }
}
