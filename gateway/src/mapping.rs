//! Mapping: a tenant's chain of plugins, from the source document to the mapped one.

pub mod breaker;
pub mod call;
pub mod chain;
mod compiled;
mod document;
mod lane;
mod report;
pub mod run;
pub mod slow;
mod step;

pub use call::{LONGEST, MapError, Outcome};
pub use chain::{Chain, OnFailure, Step};
pub use run::{Bounds, Mapper};
