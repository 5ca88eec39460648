//! Scimgate: the SCIM 2.0 endpoint in front of a product. ARCHITECTURE.md, beside this folder, follows a request
//! through the files.

pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod counts;
pub mod docs;
pub mod http;
pub mod mapping;
pub mod oci;
pub mod operation;
pub mod outgoing;
mod public_address;
pub mod root_key;
pub mod store;
pub mod telemetry;
pub mod tenant;
pub mod trace;
pub mod work;
