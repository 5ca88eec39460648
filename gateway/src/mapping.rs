//! Mapping: a tenant's chain of plugins, from the source document to the mapped one.

pub mod chain;
mod document;
pub mod run;

pub use chain::{Chain, OnFailure, Step};
pub use run::{MapError, Mapper, Outcome};
