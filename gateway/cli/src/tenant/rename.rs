//! `scimgate tenant rename` and `tenant forget-name`.

use reqwest::Method;
use serde_json::json;

use crate::client::AdminClient;
use crate::failure::Failure;
use crate::output::{Column, Output};

const COLUMNS: [Column; 4] =
    [("name", "/name"), ("id", "/id"), ("former names", "/formerNames"), ("scim url", "/scimUrl")];

#[derive(Debug, clap::Args)]
pub(super) struct Rename {
    /// The tenant's name.
    name: String,
    /// The new one: lower-case letters, digits and hyphens.
    new: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct ForgetName {
    /// The tenant's name.
    tenant: String,
    /// The former name.
    name: String,
}

pub(super) async fn rename(client: &AdminClient, output: Output, it: &Rename) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.name])?;
    let tenant = client.put(Method::PATCH, &path, &json!({ "name": it.new })).await?;
    Ok(output.record(&tenant, &COLUMNS)?)
}

pub(super) async fn forget(client: &AdminClient, output: Output, it: &ForgetName) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.tenant, "former-names", &it.name])?;
    client.delete(&path).await?;
    let name = &it.name;
    Ok(output.say(&format!("The name {name} is forgotten: requests to the address with it are refused."))?)
}
