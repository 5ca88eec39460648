//! `scimgate audit`: what operators changed.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use scimgate::store::audit::{Actor, Entry};
use serde_json::json;

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output, write};

const COLUMNS: [Column; 8] = [
    ("at", "/at"),
    ("actor", "/actor"),
    ("action", "/action"),
    ("subject", "/subject"),
    ("tenant", "/tenant"),
    ("after", "/after"),
    ("address", "/address"),
    ("request", "/requestId"),
];

/// Changes of one request.
const MAX_PAGE: usize = 500;

/// Which changes to read.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    /// Changes of this tenant: its name, or its id, by which those of a deleted one are found.
    #[arg(long)]
    tenant: Option<String>,
    /// Changes from this time on, such as 2026-05-01T09:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Changes before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The maximum number of changes, the latest first.
    #[arg(long, default_value_t = 100, conflicts_with = "export")]
    limit: usize,
    /// Print all of them as JSON lines, the oldest first.
    #[arg(long)]
    export: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    if arguments.export {
        return export(&client, &arguments).await;
    }
    let (mut changes, mut before) = (Vec::new(), None);
    let mut has_more = true;
    while changes.len() < arguments.limit {
        let limit = MAX_PAGE.min(arguments.limit - changes.len());
        let mut page = client.get(&path(&client, &arguments, ("before", before.as_deref()), limit)?).await?;
        changes.extend(page["changes"].as_array_mut().map(std::mem::take).unwrap_or_default());
        let Some(next) = page["next"].as_str() else {
            has_more = false;
            break;
        };
        before = Some(next.to_owned());
    }
    output.list(&json!({ "changes": changes }), "changes", &COLUMNS)?;
    if has_more && output == Output::Table {
        output.say("\nThere may be more: raise --limit, or print all with --export")?;
    }
    Ok(())
}

async fn export(client: &AdminClient, arguments: &Arguments) -> Result<(), Failure> {
    let mut after = Some(uuid::Uuid::nil().to_string());
    while let Some(from) = after {
        let page = client.get(&path(client, arguments, ("after", Some(&from)), MAX_PAGE)?).await?;
        for change in page["changes"].as_array().into_iter().flatten() {
            if !write(&change.to_string())? {
                return Ok(());
            }
        }
        after = page["next"].as_str().map(str::to_owned);
    }
    Ok(())
}

fn path(
    client: &AdminClient,
    arguments: &Arguments,
    (name, from): (&str, Option<&str>),
    limit: usize,
) -> Result<String, Failure> {
    let mut path = format!("{}?limit={limit}", client.path(&["audit"])?);
    let given = [
        ("tenant", arguments.tenant.as_deref()),
        ("since", arguments.since.as_deref()),
        ("until", arguments.until.as_deref()),
        (name, from),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            path = format!("{path}&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
    }
    Ok(path)
}

/// A record of what a command changes in the database without the admin API.
pub(super) fn record(clock: &scimgate::clock::Clock, command: &str, action: &'static str, subject: &str) -> Entry {
    let actor = Actor { name: command.to_owned(), key: None, request_id: clock.new_id().to_string(), address: None };
    Entry::new((clock.new_id(), clock.now()), actor, action, &subject)
}
