//! What the integration tests share: a gateway in this process on a database of its own, HTTP clients, recorded exchanges,
//! and the built binary.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on panics")]

pub mod answer;
pub mod assertion;
pub mod attacks;
pub mod binary;
pub mod browser;
pub mod client;
pub mod cluster;
pub mod collector;
pub mod conformance;
pub mod cycle;
pub mod database;
mod embedded;
pub mod event_feed;
pub mod faulty_server;
pub mod gateway;
pub mod harness;
pub mod issuer;
pub mod jwt;
pub mod log;
pub mod many_users;
pub mod matching;
pub mod oci;
pub mod pgbouncer;
pub mod plugins;
pub mod proxy;
pub mod raw;
pub mod receiver;
pub mod redaction;
pub mod replay;
pub mod rows;
pub mod served;
pub mod simulation;
pub mod tap;
pub mod tenant;

use std::path::{Path, PathBuf};

pub use answer::Answer;
pub use client::{Client, Request};
pub use database::Database;
pub use gateway::TestGateway;
pub use harness::{poll, run};
pub use redaction::redacted;
pub use tenant::Tenant;

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Where plugins are kept compiled: each test is a process of its own.
#[must_use]
pub fn plugin_cache() -> PathBuf {
    root().join("target/tmp/plugin-cache")
}

/// The bytes of a plugin or guest in TypeScript or Python.
#[must_use]
pub fn language_plugin(name: &str) -> Vec<u8> {
    let path = root().join("target/plugin-languages").join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|why| panic!("{} cannot be read ({why}); run `make plugins-other`", path.display()))
}

/// The bytes of a plugin or guest as `make plugins` builds it.
#[must_use]
pub fn plugin(name: &str) -> Vec<u8> {
    let path = root().join("target/wasm32-unknown-unknown/plugin").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|why| panic!("{} cannot be read ({why}); run `make plugins`", path.display()))
}
