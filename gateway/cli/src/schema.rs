//! `scimgate schema`: define and list a tenant's extension schemas.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::json;

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output, read_object};

const COLUMNS: [Column; 5] = [
    ("id", "/id"),
    ("name", "/schema/name"),
    ("resource type", "/resourceType"),
    ("directory only", "/directoryOnly"),
    ("required", "/required"),
];

const SEARCH: [Column; 2] = [("search attributes", "/attributes"), ("ready", "/ready")];

const PACKS: [Column; 4] =
    [("name", "/name"), ("schemas", "/schemas"), ("endpoints", "/endpoints"), ("description", "/description")];

/// What to do with schemas.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add an extension schema, or replace the one with its URN, unless stored resources conflict with it.
    #[command(visible_alias = "put")]
    Add(Add),
    /// Show one of a tenant's extension schemas in the form that `add` accepts.
    Show(One),
    /// Remove an extension schema, if no resource has data of it.
    Remove(One),
    /// List the gateway's schema packs.
    Packs,
    /// Add a schema pack to a tenant: its extensions and its resource types.
    AddPack(AddPack),
    /// List a tenant's extension schemas.
    List(List),
    /// Show or change the attributes by whose values a filter with eq is a look-up.
    Search(Search),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The tenant's name.
    tenant: String,
    /// The definition in the form of /Schemas: a JSON file, or - for standard input.
    #[arg(required_unless_present = "pack", conflicts_with = "pack")]
    file: Option<PathBuf>,
    /// Only the extension of a pack; `add-pack` adds all of it. An older name of the same for packs with nothing else.
    #[arg(long, hide = true)]
    pack: Option<String>,
    /// The resource type that it extends.
    #[arg(long, default_value = "User")]
    resource_type: String,
    /// Only mapped documents may have it; the identity provider does not see it.
    #[arg(long, conflicts_with = "required")]
    directory_only: bool,
    /// Every resource must have it.
    #[arg(long)]
    required: bool,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The tenant's name.
    tenant: String,
    /// The schema's URN.
    urn: String,
}

#[derive(Debug, clap::Args)]
struct AddPack {
    /// The tenant's name.
    tenant: String,
    /// The pack's name, e.g. okta; `scimgate schema packs` lists them.
    pack: String,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The tenant's name.
    tenant: String,
}

#[derive(Debug, clap::Args)]
struct Search {
    /// The tenant's name.
    tenant: String,
    /// An attribute to add, such as `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber`.
    #[arg(long, value_name = "ATTRIBUTE")]
    add: Vec<String>,
    /// An attribute to give up.
    #[arg(long, value_name = "ATTRIBUTE")]
    remove: Vec<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Add(it) => add(&client, output, &it).await,
        Command::List(it) => {
            let schemas = client.get(&client.path(&["tenants", &it.tenant, "schemas"])?).await?;
            Ok(output.list(&schemas, "schemas", &COLUMNS)?)
        }
        Command::Show(it) => {
            let shown = client.get(&client.path(&["tenants", &it.tenant, "schemas", &it.urn])?).await?;
            let definition = shown.get("schema").cloned().unwrap_or_default();
            Ok(output.json(if output == Output::Json { &shown } else { &definition })?)
        }
        Command::Remove(it) => {
            client.delete(&client.path(&["tenants", &it.tenant, "schemas", &it.urn])?).await?;
            Ok(output.say(&format!("The schema {} is removed.", it.urn))?)
        }
        Command::Search(it) => search(&client, output, &it).await,
        Command::Packs => {
            let packs = client.get(&client.path(&["schema-packs"])?).await?;
            Ok(output.list(&packs, "packs", &PACKS)?)
        }
        Command::AddPack(it) => {
            let path = client.path(&["tenants", &it.tenant, "schema-packs"])?;
            let pack = client.put(Method::POST, &path, &json!({ "pack": it.pack })).await?;
            Ok(output.record(&pack, &PACKS)?)
        }
    }
}

async fn add(client: &AdminClient, output: Output, it: &Add) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.tenant, "schemas"])?;
    let mut wanted = json!({
        "resourceType": it.resource_type,
        "directoryOnly": it.directory_only,
        "required": it.required,
    });
    if let Some(file) = &it.file {
        wanted["schema"] = read_object(file)?;
    }
    if let Some(pack) = &it.pack {
        wanted["pack"] = pack.as_str().into();
    }
    let schema = match &it.file {
        Some(file) => client.put_file(Method::POST, &path, (&wanted, file)).await?,
        None => client.put(Method::POST, &path, &wanted).await?,
    };
    Ok(output.record(&schema, &COLUMNS)?)
}

async fn search(client: &AdminClient, output: Output, it: &Search) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.tenant, "search-attributes"])?;
    let now = client.get(&path).await?;
    if it.add.is_empty() && it.remove.is_empty() {
        return Ok(output.record(&now, &SEARCH)?);
    }
    let mut attributes: Vec<String> =
        serde_json::from_value(now.get("attributes").cloned().unwrap_or_default()).unwrap_or_default();
    for name in &it.remove {
        let before = attributes.len();
        attributes.retain(|known| !known.eq_ignore_ascii_case(name));
        if attributes.len() == before {
            return Err(Failure::new(format!("{name} is not a search attribute of {}.", it.tenant)));
        }
    }
    attributes.extend(it.add.iter().cloned());
    let after = client.put(Method::PUT, &path, &json!({ "attributes": attributes })).await?;
    Ok(output.record(&after, &SEARCH)?)
}
