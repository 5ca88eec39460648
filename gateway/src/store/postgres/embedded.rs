//! The embedded database of `scimgate dev`: PostgreSQL compiled to WASM, in this process, with one connection.
//!
//! It runs on a WASM runtime of its own. That runtime and the plugin host's share a process only when the database
//! is started **before** the first plugin engine is made; [`start`] therefore comes first in `app`, and a test holds it.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pglite_oxide::PgliteServer;

use crate::store::ConnectError;
use crate::store::Store;
use crate::store::postgres::connect::TIMEOUT;
use crate::store::postgres::connect::connect;

/// Longest wait for the first answer, in questions that nobody answered in time.
const ATTEMPTS: u32 = 6;

/// A running embedded database. It stops when dropped, after its one client is gone.
pub struct Embedded {
    /// The one-connection store on it.
    pub store: Store,
    _server: PgliteServer,
    _socket: Socket,
}

/// The directory of the database's socket, which nobody else on the machine can enter. Through a TCP port anybody could ask
/// the database, and an answer of several packets would wait 40 ms for the acknowledgement of the first.
struct Socket(PathBuf);

impl Socket {
    /// In the directory for temporary files: the path of a socket is short, that of a data directory may not be.
    fn new() -> Result<Self, EmbeddedError> {
        let path = std::env::temp_dir();
        let own = path.join(format!("scimgate-{}", uuid::Uuid::new_v4().simple()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&own);
        made.map(|()| Self(own)).map_err(|source| EmbeddedError::Socket { path, source })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What is left of it is an empty directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Why the embedded database does not run.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Another process holds the directory.
    #[error("the data directory {} is in use by another process; stop that one or give another --data-dir", .0.display())]
    InUse(PathBuf),
    /// It cannot be opened.
    #[error("the embedded database in {} does not start ({why}); move the directory away to begin anew, or use --ephemeral", .path.display())]
    Start {
        /// The directory.
        path: PathBuf,
        /// The reason in short.
        why: String,
    },
    /// Its socket has no place.
    #[error("no directory for the embedded database's socket can be made in {}; TMPDIR can name another place", .path.display())]
    Socket {
        /// The directory for temporary files.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No connection to it.
    #[error("the embedded database cannot be connected to")]
    Connect(#[source] ConnectError),
}

/// Starts the database, in `directory` or, where there is none, in a temporary one that is removed at the end, and waits
/// until it answers: 0.1 to 3 s, longer after a kill.
///
/// # Errors
/// The directory is in use or damaged.
pub async fn start(directory: Option<&Path>) -> Result<Embedded, EmbeddedError> {
    let owned = directory.map(Path::to_path_buf);
    let socket = Socket::new()?;
    let path = socket.0.join(".s.PGSQL.5432");
    let started = tokio::task::spawn_blocking(move || start_server(owned.as_deref(), path)).await;
    let server = started.map_err(|gone| failed(directory, gone.to_string()))??;
    let store = connect(&server.database_url(), 1).map_err(EmbeddedError::Connect)?;
    let store = Store { pool: store.pool.keeping() };
    // Damage shows only when the database reads its files for the first client.
    first_answer(&store).await.map_err(|error| failed(directory, reason(&error)))?;
    Ok(Embedded { store, _server: server, _socket: socket })
}

/// After a kill the database first makes good what its log tells, which on a busy machine outlasts a question's time.
async fn first_answer(store: &Store) -> Result<i32, crate::store::Error> {
    for _ in 1..ATTEMPTS {
        let begun = Instant::now();
        let answer = store.schema_version().await;
        if answer.is_ok() || begun.elapsed() < TIMEOUT {
            return answer;
        }
    }
    store.schema_version().await
}

fn start_server(directory: Option<&Path>, socket: PathBuf) -> Result<PgliteServer, EmbeddedError> {
    let builder = match directory {
        Some(path) => PgliteServer::builder().path(path),
        None => PgliteServer::builder().temporary().relaxed_durability(true),
    };
    builder.unix(socket).start().map_err(|source| {
        let why = format!("{source:#}");
        match directory {
            Some(path) if why.contains("lock") => EmbeddedError::InUse(path.to_path_buf()),
            // The library's chain names its own internals line by line; the first line is what an operator can use.
            _ => failed(directory, why.lines().next().unwrap_or("unknown reason").to_owned()),
        }
    })
}

fn failed(directory: Option<&Path>, why: String) -> EmbeddedError {
    EmbeddedError::Start { path: directory.map_or_else(std::env::temp_dir, Path::to_path_buf), why }
}

/// What the database itself said on its way down, out of everything around it.
fn reason(error: &crate::store::Error) -> String {
    let words = crate::telemetry::chain(error);
    let said = words.lines().find_map(|line| line.split_once("PANIC:").or_else(|| line.split_once("FATAL:")));
    said.map_or_else(|| words.lines().next().unwrap_or_default().to_owned(), |(_, said)| said.trim().to_owned())
}
