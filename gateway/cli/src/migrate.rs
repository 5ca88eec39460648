//! `scimgate migrate`: migrates the database.

use std::time::Duration;

use scimgate::clock::Clock;
use scimgate::store::postgres::migrate::KNOWN;
use scimgate::store::postgres::upgrade::Finished;
use scimgate::store::{self, Store};

use crate::audit;
use crate::failure::Failure;
use crate::output::print;

/// The database.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) database: Database,
    /// Finish an upgrade, once no replica of the version before runs: it could not read what is written from then on.
    #[arg(long)]
    finish: bool,
}

/// The URL of a PostgreSQL database.
#[derive(Debug, clap::Args)]
pub(super) struct Database {
    /// The database, e.g. `postgres://scimgate:secret@db.internal/scimgate?sslmode=require`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(super) database_url: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    // Two: while one builds an index, the other keeps a second runner waiting.
    let store = store::connect(&arguments.database.database_url, 2)?;
    let applied = store.migrate().await?;
    if applied.is_empty() {
        print(&format!("The schema is already at version {KNOWN}."));
    } else {
        let versions: Vec<String> = applied.iter().map(ToString::to_string).collect();
        store
            .control()
            .record(audit::record(&Clock::system(), "migrate", "schema.migrate", &versions.join(", ")))
            .await?;
        print(&format!("Applied {}. The schema is at version {KNOWN}.", versions.join(", ")));
    }
    if arguments.finish { finish(&store).await } else { Ok(()) }
}

/// A replica whose poll for changes fails drops its cached settings after 30 seconds.
const SETTINGS_AGE: Duration = Duration::from_secs(35);

async fn finish(store: &Store) -> Result<(), Failure> {
    match store.finish_upgrade(SETTINGS_AGE).await? {
        Finished::Done(0) => print("No tenant had anything left of the version before."),
        Finished::Done(tenants) => {
            let subject = format!("version {KNOWN}");
            store.control().record(audit::record(&Clock::system(), "migrate", "schema.finish", &subject)).await?;
            print(&format!("The upgrade is finished, for {tenants} tenants."));
        }
        Finished::Unready(tenants) => {
            return Err(Failure::new(format!(
                "The search keys of these tenants are not complete: {}. Replicas of this version complete them in the background \
                 (`scimgate job show TENANT search-keys --wait`); repeat this command after that.",
                tenants.join(", ")
            )));
        }
    }
    Ok(())
}
