//! The HTTP surfaces: SCIM for identity providers, pages for the administrators who connect them, the admin API for operators, the
//! directory for the product, and probes. Here an address leads to a use case, and the use case's outcome becomes a reply.

mod accept;
mod access;
mod admin;
pub mod connection;
mod directory;
pub mod error;
mod json;
mod oauth;
mod openapi;
mod page;
mod probe;
mod query;
pub mod router;
mod scim;
mod scope;
mod setup;
