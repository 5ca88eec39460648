//! The language by its table, by its page in the documentation, and by its bounds.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bounds;
mod import;
mod page;
mod patterns;
mod row;
mod table;
