//! The SCIM 2.0 protocol (RFC 7643, RFC 7644) as pure functions over JSON values.
//!
//! Values in, values out: nothing here reads a clock, a socket, a file or the environment, keeps state or logs.
//! No input makes it panic; every refusal is a [`error::ScimError`] whose sentence names what was wrong.

pub mod access;
pub mod attribute;
pub mod bulk;
pub mod decimal;
pub mod discovery;
mod effort;
pub mod error;
pub mod etag;
pub mod filter;
pub mod fold;
pub mod instant;
pub mod json;
pub mod leniency;
pub mod list;
pub mod member;
pub mod normalise;
pub mod patch;
pub mod path;
pub mod profile;
pub mod projection;
pub mod recognition;
pub mod resource;
pub mod schema;
pub mod search;
pub mod sort;
pub mod unknown;
mod verb;
