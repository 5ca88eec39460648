//! `scimgate tenant erase` and `tenant erasures`: erase a tenant, and see how far it has come.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::AdminClient;
use crate::failure::Failure;
use crate::output::{Column, Output};
use scimgate::store::erasure::MAX_LISTED_ERASURES;
use scimgate::store::tenant::deleted::MAX_LISTED_DELETED;

const LISTED: [Column; 5] = [
    ("tenant", "/tenant"),
    ("name", "/name"),
    ("state", "/state"),
    ("requested", "/requestedAt"),
    ("finished", "/finishedAt"),
];

const SHOWN: [Column; 8] = [
    ("tenant", "/tenant"),
    ("name", "/name"),
    ("state", "/state"),
    ("requested", "/requestedAt"),
    ("by the operator key", "/key"),
    ("rows erased", "/erased"),
    ("stopped by", "/problem"),
    ("finished", "/finishedAt"),
];

const TABLES: [Column; 4] = [("table", "/name"), ("erased", "/erased"), ("before", "/counted"), ("found", "/found")];

const DELETED: [Column; 4] =
    [("id", "/id"), ("name", "/name"), ("deleted", "/deletedAt"), ("being erased", "/erasing")];

/// How often a running erasure is asked for its progress.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct Erase {
    /// The tenant's name; of a deleted tenant also its id.
    name: String,
    /// Confirm by the tenant's name once more, in place of the question.
    #[arg(long, value_name = "NAME")]
    yes: Option<String>,
    /// Return at once; `scimgate tenant erasures ID --wait` waits for the end.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Erasures {
    /// The erased tenant's id; without it, the latest erasures are listed.
    id: Option<String>,
    /// Follow it until it ends.
    #[arg(long, requires = "id")]
    wait: bool,
}

/// Erases a tenant, once its name was typed again, and waits for the end.
pub(super) async fn erase(client: &AdminClient, output: Output, it: &Erase) -> Result<(), Failure> {
    let confirm = match &it.yes {
        Some(name) => name.clone(),
        None => ask(&it.name)?,
    };
    let path = client.path(&["tenants", &it.name, "erasure"])?;
    let begun = client.put(Method::POST, &path, &json!({ "confirm": confirm })).await?;
    if it.no_wait {
        return Ok(output.record(&begun, &SHOWN)?);
    }
    let id = begun["tenant"].as_str().unwrap_or_default().to_owned();
    let name = &it.name;
    writeln!(
        io::stderr(),
        "Erasing {name} (id {id}). It goes on if you leave; `scimgate tenant erasures {id}` shows it."
    )?;
    let erased = follow(client, &id).await?;
    show(output, &erased)
}

/// Lists the latest erasures, or shows one.
pub(super) async fn erasures(client: &AdminClient, output: Output, it: &Erasures) -> Result<(), Failure> {
    let Some(id) = &it.id else {
        let erasures = client.get(&client.path(&["erasures"])?).await?;
        return Ok(output.at_most(&erasures, "erasures", &LISTED, MAX_LISTED_ERASURES)?);
    };
    let erasure =
        if it.wait { follow(client, id).await? } else { client.get(&client.path(&["erasures", id])?).await? };
    show(output, &erasure)
}

/// Lists deleted tenants whose rows are still there.
pub(super) async fn list_deleted(client: &AdminClient, output: Output) -> Result<(), Failure> {
    let tenants = client.get(&client.path(&["deleted-tenants"])?).await?;
    Ok(output.at_most(&tenants, "tenants", &DELETED, MAX_LISTED_DELETED)?)
}

/// Asks for the name, where somebody can answer.
fn ask(name: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(format!(
            "this erases all rows of the tenant {name}, without a way back; confirm with `scimgate tenant erase {name} --yes {name}`"
        )));
    }
    let mut line = String::new();
    write!(io::stderr(), "This erases all rows of the tenant {name}, without a way back. Type its name to confirm: ")?;
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// The erasure at its end; until then a bar on standard error says how far it has come.
async fn follow(client: &AdminClient, id: &str) -> Result<Value, Failure> {
    let path = client.path(&["erasures", id])?;
    let bar = ProgressBar::new_spinner();
    loop {
        let erasure = client.get(&path).await?;
        if erasure["state"] != "running" {
            bar.finish_and_clear();
            return Ok(erasure);
        }
        let [erased, total] = ["erased", "total"].map(|name| erasure[name].as_u64().unwrap_or_default());
        let form = if total > 0 { "{bar:30} {percent:>3} % {msg} ({elapsed})" } else { "{spinner} {msg} ({elapsed})" };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.set_length(total.max(erased));
        bar.set_position(erased);
        bar.set_message(match erasure["problem"].as_str() {
            Some(problem) => format!("{erased} rows erased; tried again, since {problem}"),
            None => format!("{erased} rows erased"),
        });
        bar.tick();
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The erasure, what it did in each table, and the proof in a sentence.
fn show(output: Output, erasure: &Value) -> Result<(), Failure> {
    output.record(erasure, &SHOWN)?;
    if output == Output::Table && erasure["tables"].is_array() {
        output.say("")?;
        output.list(erasure, "tables", &TABLES)?;
    }
    let [tables, rows] = ["tables", "rows"].map(|name| erasure["proof"][name].as_i64());
    if let (Some(tables), Some(rows)) = (tables, rows) {
        output
            .say(&format!("\nA search over every table with rows of tenants found {rows} rows in {tables} tables."))?;
    }
    Ok(())
}
