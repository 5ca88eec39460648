//! `scimgate doctor`: checks what `serve` needs, and says of each what is wrong and what to do. It changes nothing.

mod database;
mod finding;
mod public_url;

use std::sync::Arc;

use scimgate::auth::Auth;
use scimgate::clock::Clock;
use scimgate::root_key::{Keys, RootKey};
use scimgate::store::Store;
use scimgate::store::postgres::pooler::CONNECTIONS;
use scimgate::telemetry::chain;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Output, write};
use crate::{root_key, serve};
use finding::{AGAIN, Finding};

/// What keeps the root key out of the database.
const APART: &str = "set --root-key-file to keep it apart, and compiled plugins between starts";

/// The settings of `serve`, and how to print.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    #[command(flatten)]
    serve: serve::Arguments,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = Output::Table, help_heading = crate::screen::GLOBAL)]
    output: Output,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let found = examine(&arguments.serve).await;
    match arguments.output {
        Output::Json => {
            let rows: Vec<Value> = found.iter().map(Finding::json).collect();
            arguments.output.json(&json!({ "checks": rows }))?;
        }
        Output::Table | Output::Csv => {
            for finding in &found {
                write(&finding.lines())?;
            }
        }
    }
    match found.iter().filter(|finding| finding.is_wrong()).count() {
        0 => Ok(()),
        1 => Err(Failure::new("one check failed")),
        number => Err(Failure::new(format!("{number} checks failed"))),
    }
}

async fn examine(settings: &serve::Arguments) -> Vec<Finding> {
    let mut found = Vec::new();
    let problems = serve::problems(settings);
    if problems.is_empty() {
        found.push(Finding::good("settings", "valid; `scimgate config show` prints them"));
    }
    for problem in problems {
        found.push(Finding::wrong(
            "settings",
            problem.message,
            "correct the setting; `scimgate config show` says where it is set",
        ));
    }
    match settings.database.open(1) {
        Ok(store) => {
            let is_migrated = database::examine(&store, &mut found).await;
            if is_migrated && let Err(failure) = settings.database.check_pooler(&store, CONNECTIONS).await {
                found.push(Finding::wrong("pooler", failure.message, "set --pooler as the pooler is"));
            }
            found.push(if is_migrated {
                keys(settings, &store).await
            } else {
                Finding::skipped("root key", "the database is not ready")
            });
        }
        Err(_) => found.push(Finding::skipped("database", "no database is named")),
    }
    found.push(public_url::examine(settings.listeners.public_url.as_deref()).await);
    found
}

/// Whether the root key is there and is the one that encrypted what is stored.
async fn keys(settings: &serve::Arguments, store: &Store) -> Finding {
    const CHECK: &str = "root key";
    let clock = Clock::system();
    let Ok(given) = root_key::given(&settings.root_keys) else {
        // It is among what is wrong with the settings.
        return Finding::skipped(CHECK, "its setting is not valid");
    };
    let is_given = given.is_some();
    let keys = match given {
        Some(keys) => keys,
        None => match store.control().find_root_key().await.map(|key| key.map(|key| RootKey::from_bytes(&key))) {
            Ok(Some(Some(current))) => Keys { current, previous: None, in_database: true },
            Ok(None) => return Finding::note(CHECK, "none yet: `serve` will keep one in the database", APART),
            Ok(Some(None)) => {
                return Finding::wrong(CHECK, "the one in the database is malformed", "restore it from a backup");
            }
            Err(error) => return Finding::wrong(CHECK, chain(&error), AGAIN),
        },
    };
    let place = if is_given { "from the settings" } else { "kept in the database" };
    match Auth::new(store.clone(), clock, Arc::new(keys)).oauth.keys.is_readable().await {
        Err(error) => Finding::wrong(CHECK, chain(&error), AGAIN),
        Ok(Some(false)) => Finding::wrong(
            CHECK,
            format!("{place}, and not the one that encrypted the key which signs access tokens"),
            "set the root key that all processes on this database have; the earlier one goes to --previous-root-key",
        ),
        Ok(_) if !is_given => Finding::note(CHECK, "kept in the database: whoever can read the database has it", APART),
        Ok(_) => Finding::good(CHECK, place),
    }
}
