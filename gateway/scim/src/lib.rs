//! The SCIM 2.0 protocol (RFC 7643, RFC 7644) as pure functions over JSON values.
//!
//! Nothing in this crate reads a clock, a socket, a file or the environment, keeps state or logs. No input causes a panic.
//! Errors are [`error::ScimError`]s whose detail names the problem.

pub mod access;
pub mod attribute;
pub mod bulk;
pub mod decimal;
pub mod difference;
pub mod directory_schema;
pub mod discovery;
pub mod effort;
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
pub mod sample;
pub mod schema;
pub mod search;
pub mod sort;
pub mod text;
pub mod unknown;
pub mod value;
mod verb;
