//! Runs one plugin call safely: a fresh WASM instance for one document, within limits, with a result whatever the
//! plugin does. Has no SCIM (the embedder implements [`Document`]) and no async runtime.
//!
//! Another WASM runtime in the same process must be started before the first [`Host`]: both install signal handlers,
//! and the one installed last must forward the signals that are not its own.

mod artifact;
mod bindings;
mod complexity;
mod component;
mod document;
mod engine;
mod error;
mod host_calls;
mod instance;
mod interface;
mod limits;
mod prepare;
mod schema;
mod state;
mod ticker;
mod wasi;

pub use artifact::Key;
pub use component::{Component, Manifest};
pub use document::{Document, PathError};
pub use engine::{Host, HostConfig, LARGE_UPLOAD};
pub use error::{Error, Failure, FailureKind};
pub use instance::{CallResult, Context, Decision};
pub use interface::RUNS;
pub use limits::Limits;
pub use prepare::wrap;
pub use state::{Level, LogLine};
pub use wasi::WASI_INTERFACES;
