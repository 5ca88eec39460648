//! `scimgate resource-type`: define, list, show and remove a tenant's own resource types.

use std::path::PathBuf;

use reqwest::Method;

use crate::client::OperatorOptions;
use crate::failure::Failure;
use crate::output::{Column, read_object};

const COLUMNS: [Column; 5] = [
    ("name", "/name"),
    ("endpoint", "/endpoint"),
    ("schema", "/schema/id"),
    ("named by", "/nameAttribute"),
    ("description", "/description"),
];

const FORM: &str = r#"The file:
  {
    "name": "Device", "endpoint": "/Devices", "nameAttribute": "displayName",
    "schema": {
      "id": "urn:example:Device", "name": "Device",
      "attributes": [{ "name": "displayName", "required": true }, { "name": "serial", "uniqueness": "server" }]
    }
  }

nameAttribute is displayName by default. Extensions of a type are added with
`scimgate schema add TENANT FILE --resource-type Device`."#;

/// What to do with resource types.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add a resource type, or replace the one with its name, unless stored resources conflict with it.
    Put(Put),
    /// List a tenant's own resource types.
    List(Tenant),
    /// Show one in the form that `put` accepts.
    Show(One),
    /// Remove one with its extensions, if it has no resources.
    Remove(One),
}

#[derive(Debug, clap::Args)]
#[command(after_help = FORM)]
struct Put {
    /// The tenant's name.
    tenant: String,
    /// The definition: a JSON file, or - for standard input.
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Tenant {
    /// The tenant's name.
    tenant: String,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The tenant's name.
    tenant: String,
    /// The resource type's name.
    name: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    let of = |tenant: &str| client.path(&["tenants", tenant, "resource-types"]);
    match arguments.command {
        Command::Put(it) => {
            let put = client.put_file(Method::POST, &of(&it.tenant)?, (&read_object(&it.file)?, &it.file)).await?;
            Ok(output.record(&put, &COLUMNS)?)
        }
        Command::List(it) => Ok(output.list(&client.get(&of(&it.tenant)?).await?, "resourceTypes", &COLUMNS)?),
        Command::Show(it) => {
            let path = client.path(&["tenants", &it.tenant, "resource-types", &it.name])?;
            Ok(output.json(&client.get(&path).await?)?)
        }
        Command::Remove(it) => {
            client.delete(&client.path(&["tenants", &it.tenant, "resource-types", &it.name])?).await?;
            Ok(output.say(&format!("The resource type {} is removed.", it.name))?)
        }
    }
}
