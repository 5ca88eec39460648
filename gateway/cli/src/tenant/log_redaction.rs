//! `scimgate tenant log-redaction`: the attributes whose values the provisioning log does not have.

use reqwest::Method;
use serde_json::json;

use crate::client::AdminClient;
use crate::failure::Failure;
use crate::output::{Column, Output};

const COLUMNS: [Column; 2] = [("name", "/name"), ("not in the provisioning log", "/logRedaction")];

#[derive(Debug, clap::Args)]
pub(super) struct LogRedaction {
    /// The tenant's name.
    name: String,
    /// An attribute whose values are not logged (may be repeated).
    ///
    /// Such as name.givenName or emails, with its sub-attributes; `*` for all. All that are to be redacted must be given.
    #[arg(long = "attribute", value_name = "NAME")]
    attributes: Vec<String>,
    /// Log all values, but for secrets.
    #[arg(long, conflicts_with = "attributes")]
    none: bool,
}

/// Sets what is given, or shows what is set.
pub(super) async fn run(client: &AdminClient, output: Output, it: &LogRedaction) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.name])?;
    let tenant = if it.none || !it.attributes.is_empty() {
        client.put(Method::PATCH, &path, &json!({ "logRedaction": it.attributes })).await?
    } else {
        client.get(&path).await?
    };
    Ok(output.record(&tenant, &COLUMNS)?)
}
