//! The embedded database of `scimgate dev`: PostgreSQL compiled to WASM, in this process, with one connection.
//!
//! It runs on a WASM runtime of its own. That runtime and the plugin host's can share a process only if the database is
//! started **before** the first plugin engine is made; [`start`] therefore comes first, and a test checks it.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pglite_oxide::PgliteServer;

use crate::config::Pooler;
use crate::store::Store;
use crate::store::postgres::connect::{BATCH_TIMEOUT, ConnectError, pool};

/// Memory that is cleared at each start: enough for a demo, where the library's 128 MB cost a start a quarter of its time.
const SHARED_BUFFERS: &str = "16MB";
/// Queries that may time out before the first answer.
const MAX_START_ATTEMPTS: u32 = 6;

/// A running embedded database. It stops when dropped, after its one client has disconnected.
pub struct Embedded {
    /// The one-connection store on it.
    pub store: Store,
    _server: PgliteServer,
    _socket: Socket,
}

/// The directory of the database's socket, open to its owner alone. A TCP port would be open to every user of the machine,
/// and an answer of several packets would take 40 ms longer, for the acknowledgement of the first.
struct Socket(PathBuf);

impl Socket {
    /// In the directory for temporary files: a socket's path must be short, and that of a data directory may not be.
    fn new() -> Result<Self, EmbeddedError> {
        let path = std::env::temp_dir();
        let own = path.join(format!("scimgate-{}", uuid::Uuid::new_v4().simple()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&own);
        made.map(|()| Self(own)).map_err(|source| EmbeddedError::Socket { path, source })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // At worst an empty directory is left.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Why the embedded database could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Another process holds the directory.
    #[error("the data directory {} is in use by another process; stop that one or give another --data-dir", .0.display())]
    InUse(PathBuf),
    /// The database cannot be opened.
    #[error("the embedded database in {} does not start ({why}); move the directory away to begin anew, or use --ephemeral", .path.display())]
    Start {
        /// The directory.
        path: PathBuf,
        /// The reason in short.
        why: String,
    },
    /// The directory for its socket cannot be made.
    #[error("no directory for the embedded database's socket can be made in {}; TMPDIR can name another place", .path.display())]
    Socket {
        /// The directory for temporary files.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The pool for it cannot be built.
    #[error("the embedded database cannot be connected to")]
    Connect(#[source] ConnectError),
}

/// Starts the database and waits until it answers: 0.1 to 3 s, longer after a kill. Without a `directory` it is in a
/// temporary one, which is removed at the end.
pub async fn start(directory: Option<&Path>) -> Result<Embedded, EmbeddedError> {
    let owned = directory.map(Path::to_path_buf);
    let socket = Socket::new()?;
    let path = socket.0.join(".s.PGSQL.5432");
    let started = tokio::task::spawn_blocking(move || start_server(owned.as_deref(), path)).await;
    let server = started.map_err(|gone| failed(directory, gone.to_string()))??;
    let pool = pool(&server.database_url(), 1, Pooler::Session, &[]).map_err(EmbeddedError::Connect)?;
    let store = Store::over(pool.keep_on_timeout());
    // Damage shows only when the database reads its files for the first client.
    first_answer(&store).await.map_err(|error| failed(directory, reason(&error)))?;
    Ok(Embedded { store, _server: server, _socket: socket })
}

/// After a kill the database first recovers from its log, which on a busy machine takes longer than one query may.
async fn first_answer(store: &Store) -> Result<i32, crate::store::Error> {
    for _ in 1..MAX_START_ATTEMPTS {
        let begun = Instant::now();
        let answer = store.schema_version().await;
        // A connection that cannot be opened is reported somewhat before the timeout.
        if answer.is_ok() || begun.elapsed() < BATCH_TIMEOUT / 2 {
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
    builder.postgres_config("shared_buffers", SHARED_BUFFERS).unix(socket).start().map_err(|source| {
        let why = format!("{source:#}");
        match directory {
            Some(path) if why.contains("lock") => EmbeddedError::InUse(path.to_path_buf()),
            // The library's chain lists its internals line by line; the first line is what an operator can use.
            _ => failed(directory, why.lines().next().unwrap_or("unknown reason").to_owned()),
        }
    })
}

fn failed(directory: Option<&Path>, why: String) -> EmbeddedError {
    EmbeddedError::Start { path: directory.map_or_else(std::env::temp_dir, Path::to_path_buf), why }
}

/// The database's own last message, out of the errors around it.
fn reason(error: &crate::store::Error) -> String {
    let text = crate::telemetry::chain(error);
    let message = text.lines().find_map(|line| line.split_once("PANIC:").or_else(|| line.split_once("FATAL:")));
    message.map_or_else(|| text.lines().next().unwrap_or_default().to_owned(), |(_, it)| it.trim().to_owned())
}
