//! Tests of a plugin in plain `cargo test`, without WASM: [`run`] makes one call on a [`Resource`].
//!
//! The resource is a JSON object with simple paths: attribute, sub-attribute, a URN in front, and `[sub eq "value"]`.
//! It has no schemas, so no path is unknown and no value has the wrong type. Other paths need a test in the gateway.

mod fixture;
mod path;
mod resource;

use std::cell::RefCell;

use serde_json::Value;

use crate::{Context, Document, Error, Level, Mapping, Outcome};

pub use fixture::{Expected, Fixture};
pub use resource::Resource;

thread_local! {
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// The result of one call.
#[derive(Debug)]
pub struct Ran {
    /// The plugin's decision, or why there is none.
    pub outcome: Result<Outcome, Error>,
    /// The document as the plugin left it.
    pub document: Value,
    /// What the plugin logged.
    pub log: Vec<(Level, String)>,
}

/// Runs one call of `M` on a user.
#[must_use]
pub fn run<M: Mapping>(config: &Value, document: Value) -> Ran {
    run_in::<M>(&context("User"), config, document)
}

/// Runs one call of `M` in a context of your own.
#[must_use]
pub fn run_in<M: Mapping>(context: &Context, config: &Value, document: Value) -> Ran {
    LOG.take();
    let resource = Resource::new(document);
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

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn record_log(level: Level, message: &str) {
    LOG.with_borrow_mut(|log| log.push((level, message.to_owned())));
}
