//! Attributes that no schema of the resource type defines. They are kept per resource as a log of the changes that the client
//! made, since it does not send them again, and become part of the document once a schema defines them.

pub(crate) mod log;
mod name;
mod omitted;
mod reconcile;
mod refit;
mod secret;

pub use log::{MAX_BYTES, MAX_ENTRIES, UnknownAttributes};
pub use omitted::keep_omitted;
pub use reconcile::{Reconciled, RejectedValue, reconcile};
pub use refit::refit;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
