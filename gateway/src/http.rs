//! The doors: which address leads to which use case, and how its outcome becomes a reply.

mod accept;
pub mod access;
pub mod admin;
pub mod body;
mod connection;
pub mod directory;
pub mod error;
mod forwarded;
pub mod probe;
pub mod response;
pub mod router;
pub mod scim;
pub mod server;
mod unreadable;
mod upload;
pub mod uri;
