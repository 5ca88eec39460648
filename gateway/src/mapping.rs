//! Mapping: a tenant's chain of plugins, from the source document to the mapped one.

pub mod breaker;
pub mod chain;
mod compiled;
mod document;
mod report;
pub mod run;
pub mod slow;

pub use chain::{Chain, OnFailure, Step};
pub use run::{Bounds, LONGEST, MapError, Mapper, Outcome};
