//! Runs one plugin step, safely: a fresh WASM instance for one document, within limits, and an answer whatever the
//! plugin does. Knows neither SCIM (the document is the embedder's, behind [`Document`]) nor an async runtime.
//!
//! Another WASM runtime in the same process must be started before the first [`Host`]: both install signal handlers,
//! and the one installed last must be the one that hands foreign signals on.

mod artifact;
mod bindings;
mod component;
mod document;
mod engine;
mod error;
mod instance;
mod limits;
mod schema;
mod shape;
mod ticker;

pub use artifact::Key;
pub use component::{Component, Manifest};
pub use document::{Document, PathError};
pub use engine::{Host, HostConfig};
pub use error::{Error, Failure, FailureKind};
pub use instance::{Context, Level, LogLine, Outcome, StepResult};
pub use limits::Limits;
