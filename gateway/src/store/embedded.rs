//! The embedded database of `scimgate dev`: PostgreSQL compiled to WASM, in this process, with one connection.
//!
//! It runs on a WASM runtime of its own. That runtime and the plugin host's share a process only when the database
//! is started **before** the first plugin engine is made; [`start`] therefore comes first in `app`, and a test holds it.

use std::path::{Path, PathBuf};

use pglite_oxide::PgliteServer;

use super::{ConnectError, Store, connect};

/// A running embedded database. It stops when dropped, after its one client is gone.
pub struct Embedded {
    /// The one-connection store on it.
    pub store: Store,
    _server: PgliteServer,
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
    /// No connection to it.
    #[error("the embedded database cannot be connected to")]
    Connect(#[source] ConnectError),
}

/// Starts the database, in `directory` or, where there is none, in a temporary one that is removed at the end.
/// Blocks for 0.1 to 3 s.
///
/// # Errors
/// The directory is in use or damaged.
pub fn start(directory: Option<&Path>) -> Result<Embedded, EmbeddedError> {
    let builder = match directory {
        Some(path) => PgliteServer::builder().path(path),
        None => PgliteServer::builder().temporary().relaxed_durability(true),
    };
    let server = builder.start().map_err(|source| explain(directory, &format!("{source:#}")))?;
    let store = connect(&server.database_url(), 1).map_err(EmbeddedError::Connect)?;
    Ok(Embedded { store, _server: server })
}

fn explain(directory: Option<&Path>, why: &str) -> EmbeddedError {
    let path = directory.map(Path::to_path_buf).unwrap_or_else(std::env::temp_dir);
    if why.contains("lock") {
        return EmbeddedError::InUse(path);
    }
    // The library's chain names its own internals line by line; the first sentence is what an operator can use.
    EmbeddedError::Start { path, why: why.lines().next().unwrap_or("unknown reason").to_owned() }
}
