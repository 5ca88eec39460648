//! `scimgate mapping shadow`: a draft that also maps live writes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::AdminClient;
use crate::failure::Failure;
use crate::mapping::plan::{counts, details, newest_draft};
use crate::output::{Output, write_styled};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Let a draft also map live writes. Nothing is stored of resources.
    On(On),
    /// Switch it off. What it found stays.
    Off(Named),
    /// Show what the draft makes of live writes, compared with the active mapping.
    Report(Named),
}

#[derive(Debug, clap::Args)]
pub(super) struct On {
    /// The tenant's name.
    tenant: String,
    /// The revision; the newest draft by default.
    #[arg(long, value_name = "NUMBER")]
    draft: Option<i64>,
    /// How many writes, in per cent.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    percent: u8,
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The tenant's name.
    tenant: String,
}

pub(super) async fn run(client: &AdminClient, output: Output, command: &Command) -> Result<(), Failure> {
    let path = |tenant: &str| client.path(&["tenants", tenant, "mapping", "shadow"]);
    match command {
        Command::On(it) => {
            let revision = match it.draft {
                Some(draft) => draft,
                None => newest_draft(client, &it.tenant).await?,
            };
            let body = json!({ "revision": revision, "percent": it.percent });
            let reply = client.put(Method::PUT, &path(&it.tenant)?, &body).await?;
            if output == Output::Json {
                return Ok(output.json(&reply)?);
            }
            let (tenant, percent) = (&it.tenant, it.percent);
            let sentence = format!(
                "Revision {revision} also maps {percent} % of the writes. `scimgate mapping shadow report {tenant}` shows what it finds."
            );
            Ok(output.say(&sentence)?)
        }
        Command::Off(it) => {
            client.delete(&path(&it.tenant)?).await?;
            Ok(output.say(&format!("No draft maps live writes of the tenant {}.", it.tenant))?)
        }
        Command::Report(it) => {
            let report = client.get(&path(&it.tenant)?).await?;
            match output {
                Output::Json => Ok(output.json(&report)?),
                Output::Table | Output::Csv => Ok(write_styled(&text(&report))?),
            }
        }
    }
}

fn text(report: &Value) -> String {
    let state = match report["percent"].as_i64() {
        Some(0) => "switched off".to_owned(),
        percent => format!("{} % of the writes", percent.unwrap_or_default()),
    };
    format!(
        "Revision {} against revision {}: {} writes, {state}; {} found no room in the queue.\n\n{}{}",
        report["revision"],
        report["activeRevision"],
        report["examined"],
        report["dropped"],
        counts(report),
        details(report)
    )
}
