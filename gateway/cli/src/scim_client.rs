//! `scimgate client`: the profile of a tenant's SCIM client, and its leniencies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::OperatorOptions;
use crate::failure::Failure;
use crate::output::{Column, Output};

const ABOUT: [Column; 5] = [
    ("profile", "/profile"),
    ("recognised", "/recognised/profile"),
    ("by", "/recognised/signal"),
    ("certainty", "/recognised/strength"),
    ("since", "/recognised/at"),
];

const LENIENCIES: [Column; 3] = [("leniency", "/name"), ("allowed", "/allowed"), ("by", "/by")];

const CHOICES: [Column; 3] = [("choice", "/name"), ("made", "/made"), ("by", "/by")];

const USED: [Column; 5] =
    [("used", "/leniency"), ("on", "/attribute"), ("times", "/uses"), ("first", "/firstAt"), ("last", "/lastAt")];

/// What to do with a tenant's SCIM client.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the profile, the recognised client, its leniencies, and which of them were used.
    Show(Show),
    /// Set the profile, or allow and refuse single leniencies and choices.
    Set(Set),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The tenant's name.
    tenant: String,
}

#[derive(Debug, clap::Args)]
struct Set {
    /// The tenant's name.
    tenant: String,
    /// The profile: `auto`, `strict`, or that of a client, such as `entra` or `okta`. This resets the recognised client.
    #[arg(long)]
    profile: Option<String>,
    /// A leniency or choice to allow regardless of the profile.
    #[arg(long, value_name = "NAME")]
    allow: Vec<String>,
    /// A leniency or choice to refuse regardless of the profile.
    #[arg(long, value_name = "NAME")]
    refuse: Vec<String>,
    /// A leniency or choice for which the profile applies again.
    #[arg(long, value_name = "NAME")]
    reset: Vec<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Show(it) => {
            let shown = client.get(&client.path(&["tenants", &it.tenant, "client"])?).await?;
            print(output, &shown)?;
            if matches!(output, Output::Table) {
                output.say("")?;
                output.list(&shown, "used", &USED)?;
            }
            Ok(())
        }
        Command::Set(it) => {
            let path = client.path(&["tenants", &it.tenant, "client"])?;
            let change = json!({ "profile": it.profile, "allow": it.allow, "refuse": it.refuse, "reset": it.reset });
            let shown = client.put(Method::PATCH, &path, &change).await?;
            print(output, &shown)
        }
    }
}

fn print(output: Output, shown: &Value) -> Result<(), Failure> {
    output.record(shown, &ABOUT)?;
    if matches!(output, Output::Table) {
        for (rows, columns) in [("leniencies", LENIENCIES.as_slice()), ("choices", &CHOICES)] {
            output.say("")?;
            output.list(shown, rows, columns)?;
        }
    }
    Ok(())
}
