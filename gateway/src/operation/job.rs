//! Background jobs over a tenant's stored resources: what each does, and the runner that they share.

mod batch;
mod directory_check;
mod erase;
mod group_rules;
mod held;
mod plan;
mod progress;
mod reconcile;
mod remap;
mod retention;
pub mod runner;
mod search_keys;

pub use progress::{JobStatus, cancel, documents, start, status};
