//! What a SCIM client does with one resource, one verb a file, and what the verbs share. Every write goes through [`write`].

pub(crate) mod change;
pub(crate) mod conflicts;
pub(crate) mod content;
pub mod create;
pub mod delete;
pub(crate) mod document;
pub mod get;
pub(crate) mod import;
pub mod large_group;
pub(crate) mod mapped;
pub mod members;
pub(crate) mod new;
pub mod patch;
pub mod recent;
pub mod record;
pub(crate) mod remap;
mod removals;
pub mod replace;
pub mod reply;
pub(crate) mod restore;
pub(crate) mod start;
mod trace;
pub(crate) mod unique;
pub(crate) mod write;
