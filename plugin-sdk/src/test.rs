//! Tests of a plugin in plain `cargo test`, without WASM: [`run`] makes one call, and [`fixtures`] the calls that JSON files
//! describe.
//!
//! The document is the gateway's own: it is read as the gateway reads a client's, and paths, types and read-only attributes
//! are accepted and refused by the same code. Extensions beside the standard ones must be declared: [`Schemas`].

mod fixture;
mod report;
mod resource;
mod schemas;

use std::cell::RefCell;

use serde_json::Value;

use crate::{Context, Document, Level, Mapping, Outcome, Result};

pub use fixture::{Expected, Fixture, FixtureFile, Line, fixtures, read_fixtures};
pub use report::Found;
pub use resource::Resource;
pub use schemas::Schemas;

thread_local! {
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// The result of one call.
#[derive(Debug)]
pub struct Ran {
    /// The plugin's decision, or why there is none.
    pub outcome: Result<Outcome>,
    /// The document as the plugin left it. What the example left out, `id` and `schemas`, is left out here.
    pub document: Value,
    /// What the plugin logged.
    pub log: Vec<(Level, String)>,
}

/// Runs one call of `M` on a user of the standard schemas.
///
/// # Panics
/// If the gateway would not accept the document.
#[must_use]
pub fn run<M: Mapping>(config: &Value, document: Value) -> Ran {
    run_in::<M>(&context("User"), config, document)
}

/// Runs one call of `M` in a context of your own.
///
/// # Panics
/// If the gateway would not accept the document.
#[must_use]
pub fn run_in<M: Mapping>(context: &Context, config: &Value, document: Value) -> Ran {
    match Resource::new(&context.resource_type, document) {
        Ok(resource) => run_on::<M>(context, config, resource),
        Err(why) => panic!("the document: {why}"),
    }
}

/// Runs one call of `M` on a document of schemas of your own.
#[must_use]
pub fn run_on<M: Mapping>(context: &Context, config: &Value, resource: Resource) -> Ran {
    LOG.take();
    let outcome = crate::call::<M>(context, &config.to_string(), &Document::new(&resource));
    Ran { outcome, document: resource.into_value(), log: LOG.take() }
}

/// A context for tests.
#[must_use]
pub fn context(resource_type: &str) -> Context {
    Context {
        tenant: "acme".to_owned(),
        resource_type: resource_type.to_owned(),
        resource_id: "0198c0de-0000-7000-8000-000000000001".to_owned(),
        last_modified: "2026-01-02T03:04:05Z".to_owned(),
    }
}

pub(crate) fn record_log(level: Level, message: &str) {
    LOG.with_borrow_mut(|log| log.push((level, message.to_owned())));
}
