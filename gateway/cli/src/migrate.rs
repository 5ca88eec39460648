//! `scimgate migrate`: migrates the database.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use scimgate::clock::Clock;
use scimgate::config::Pooler;
use scimgate::store::postgres::migrate::KNOWN;
use scimgate::store::postgres::pooler::CONNECTIONS;
use scimgate::store::postgres::upgrade::Finished;
use scimgate::store::{self, Store};
use serde_json::json;

use crate::audit;
use crate::authorities;
use crate::failure::Failure;
use crate::output::Output;

/// The database.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) database: Database,
    /// Finish an upgrade, once no replica of the version before runs: it could not read what is written from then on.
    #[arg(long)]
    finish: bool,
    /// How to print what was done.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// The URL of a PostgreSQL database.
#[derive(clap::Args)]
#[command(next_help_heading = "Database")]
pub(super) struct Database {
    /// The database, as `postgres://user:password@host:port/database?sslmode=require`.
    ///
    /// `sslmode` is `disable`, `prefer` or `require`; without it TLS is required, unless the database is on this machine. With TLS, certificate
    /// and name are always checked, so `verify-full` means the same as `require`. Of several hosts the one that takes writes is connected to.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// A file with certificates of authorities, in PEM, that are trusted for the database's TLS beside the machine's.
    ///
    /// For the database alone: issuers, webhooks, collectors and registries are checked as before.
    #[arg(long, env = "SCIMGATE_DATABASE_CA_FILE", value_name = "FILE", hide_short_help = true)]
    database_ca_file: Option<PathBuf>,
    /// The mode of a pooler between Scimgate and the database.
    ///
    /// `session` also where there is none. With `transaction` role and tenant are set in every transaction, and statements are not kept
    /// prepared. Another mode than the pooler's own is found out at the start and refused. `migrate` needs the server itself.
    #[arg(long, env = "SCIMGATE_POOLER", value_enum, default_value_t)]
    pooler: Pooler,
}

/// It holds a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl Database {
    /// The database, with a pool of so many connections; none is opened yet.
    pub(super) fn open(&self, connections: usize) -> Result<Store, Failure> {
        self.connect(connections, self.pooler)
    }

    /// Refuses another pooler than the setting says: what is set on its connections would be set for other clients. Opens at most so many
    /// connections.
    pub(super) async fn check_pooler(&self, store: &Store, connections: usize) -> Result<(), Failure> {
        if self.pooler == Pooler::Session && store.pooler(connections).await? == Pooler::Transaction {
            return Err(Failure::new(
                "the address of the database leads through a pooler in transaction mode, which does not keep what is set on a connection; \
                 set SCIMGATE_POOLER or --pooler to transaction, or the pooler to session mode",
            ));
        }
        Ok(())
    }

    fn connect(&self, connections: usize, pooler: Pooler) -> Result<Store, Failure> {
        let url = self.database_url.as_deref().map(str::trim).filter(|url| !url.is_empty()).ok_or_else(|| {
            Failure::new(
                "no database is named: set DATABASE_URL, --database-url, or database_url in the file of --config, to an address such as \
                 postgres://scimgate:secret@127.0.0.1/scimgate",
            )
        })?;
        let authorities = authorities::of_database("--database-ca-file", self.database_ca_file.as_deref())?;
        Ok(store::connect(url, connections, pooler, &authorities)?)
    }
}

/// Refuses a database whose schema is older than this binary needs.
pub(super) async fn require_schema(store: &Store) -> Result<(), Failure> {
    match store.schema_version().await? {
        0 => Err(Failure::new("the database has no schema yet; run `scimgate migrate` first")),
        version if version < KNOWN => Err(Failure::new(format!(
            "the database's schema is at version {version} and this binary needs {KNOWN}; run `scimgate migrate` first"
        ))),
        _ => Ok(()),
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    // Two: while one builds an index, the other keeps a second runner waiting.
    let store = arguments.database.connect(2, Pooler::Session)?;
    if store.pooler(CONNECTIONS).await? == Pooler::Transaction {
        return Err(Failure::new(
            "migrations set timeouts for a session and build indexes outside of transactions, which a pooler in transaction mode does not \
             keep to one connection; give DATABASE_URL of this command the address of the server itself",
        ));
    }
    let applied = store.migrate().await?;
    let mut sentence = format!("The schema is already at version {KNOWN}.");
    if !applied.is_empty() {
        let versions: Vec<String> = applied.iter().map(ToString::to_string).collect();
        store
            .control()
            .record(audit::record(&Clock::system(), "migrate", "schema.migrate", &versions.join(", ")))
            .await?;
        sentence = format!("Applied {}. The schema is at version {KNOWN}.", versions.join(", "));
    }
    let output = arguments.output;
    output.told(&sentence, &json!({ "applied": applied, "schemaVersion": KNOWN }))?;
    if arguments.finish { finish(&store, output).await } else { Ok(()) }
}

/// A replica whose poll for changes fails drops its cached settings after 30 seconds.
const SETTINGS_AGE: Duration = Duration::from_secs(35);

async fn finish(store: &Store, output: Output) -> Result<(), Failure> {
    let sentence = match store.finish_upgrade(SETTINGS_AGE).await? {
        Finished::Done(0) => "No tenant had anything left of the version before.".to_owned(),
        Finished::Done(tenants) => {
            let subject = format!("version {KNOWN}");
            store.control().record(audit::record(&Clock::system(), "migrate", "schema.finish", &subject)).await?;
            format!("The upgrade is finished, for {tenants} tenants.")
        }
        Finished::Unready(tenants) => {
            return Err(Failure::new(format!(
                "The search keys of these tenants are not complete: {}. Replicas of this version complete them in the background \
                 (`scimgate job show TENANT search-keys --wait`); repeat this command after that.",
                tenants.join(", ")
            )));
        }
    };
    Ok(output.say(&sentence)?)
}
