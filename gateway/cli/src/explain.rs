//! `scimgate explain`: where a user or a group stands and why, and which resources are not mapped.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output, printable};

const STEPS: [Column; 4] = [("step", "/number"), ("plugin", "/plugin"), ("result", "/result"), ("reason", "/reason")];

const EVENTS: [Column; 4] = [("seq", "/seq"), ("at", "/at"), ("type", "/type"), ("request", "/requestId")];

const UNMAPPED: [Column; 6] = [
    ("id", "/id"),
    ("type", "/resourceType"),
    ("name", "/name"),
    ("since", "/reason/since"),
    ("step", "/reason/step"),
    ("reason", "/reason/reason"),
];

/// Which resource to explain, or which to list.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    /// The tenant's name.
    tenant: String,
    /// The userName, displayName, externalId or id.
    #[arg(required_unless_present = "state", conflicts_with = "state")]
    resource: Option<String>,
    /// The resource's type, where resources of several types have the name.
    #[arg(long = "type", value_name = "TYPE", requires = "resource")]
    resource_type: Option<String>,
    /// List the resources of which the product does not see what the source says.
    #[arg(long, value_name = "STATE", value_parser = ["excluded", "stale", "never"])]
    state: Option<String>,
    /// The maximum number of listed resources.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000), requires = "state")]
    limit: u16,
    /// The id to continue after.
    #[arg(long, requires = "state")]
    after: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match (&arguments.state, &arguments.resource) {
        (Some(state), _) => list(&client, output, state, &arguments).await,
        (None, Some(resource)) => explain(&client, output, resource, &arguments).await,
        (None, None) => Ok(()),
    }
}

async fn explain(client: &AdminClient, output: Output, name: &str, arguments: &Arguments) -> Result<(), Failure> {
    let path = client.path(&["tenants", &arguments.tenant, "explanation"])?;
    let of_type = arguments.resource_type.as_ref().map_or_else(String::new, |name| format!("&type={}", escaped(name)));
    let path = format!("{path}?resource={}{of_type}", escaped(name));
    let found = client.get(&path).await?;
    if output == Output::Json {
        return Ok(output.json(&found)?);
    }
    for sentence in found["sentences"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        output.say(&printable(sentence))?;
    }
    if found["now"]["steps"].as_array().is_some_and(|steps| !steps.is_empty()) {
        output.say(&format!("\nThe steps of revision {} on its source:", found["now"]["revision"]))?;
        output.list(&found["now"], "steps", &STEPS)?;
    }
    output.say("\nIts source:")?;
    output.json(&found["source"])?;
    if found["mapped"].is_object() {
        output.say("\nWhat the product reads:")?;
        output.json(&found["mapped"])?;
    }
    output.say("\nThe last events about it:")?;
    Ok(output.list(&found, "events", &EVENTS)?)
}

async fn list(client: &AdminClient, output: Output, state: &str, arguments: &Arguments) -> Result<(), Failure> {
    let path = client.path(&["tenants", &arguments.tenant, "unmapped"])?;
    let after = arguments.after.as_ref().map_or_else(String::new, |after| format!("&after={}", escaped(after)));
    let path = format!("{path}?state={state}&limit={}{after}", arguments.limit);
    let page = client.get(&path).await?;
    output.list(&page, "resources", &UNMAPPED)?;
    match page["next"].as_str() {
        Some(next) => Ok(output.say(&format!("\nThere are more: continue with --after {next}"))?),
        None => Ok(()),
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
