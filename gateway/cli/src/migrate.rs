//! `scimgate migrate`: migrates the database.

use scimgate::store;

use crate::failure::Failure;
use crate::output::print;

/// The database.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) database: Database,
}

/// The URL of a PostgreSQL database.
#[derive(Debug, clap::Args)]
pub(super) struct Database {
    /// The database, e.g. `postgres://scimgate:secret@db.internal/scimgate?sslmode=require`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(super) database_url: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let store = store::connect(&arguments.database.database_url, 1)?;
    let applied = store.migrate().await?;
    if applied.is_empty() {
        print(&format!("The schema is already at version {}.", store::postgres::migrate::KNOWN));
    } else {
        let versions: Vec<String> = applied.iter().map(ToString::to_string).collect();
        print(&format!(
            "Applied {}. The schema is at version {}.",
            versions.join(", "),
            store::postgres::migrate::KNOWN
        ));
    }
    Ok(())
}
