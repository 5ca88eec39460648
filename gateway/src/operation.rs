//! The use cases, one file each, without HTTP: a request's meaning in, a reply's content out.

pub mod admin;
pub mod admission;
pub mod bulk;
pub mod client;
mod client_signal;
pub mod closed_guards;
mod context;
pub mod directory;
pub mod directory_schema;
pub mod error;
pub mod event_readers;
pub mod events_waiting;
pub mod explain;
pub mod group_rules;
pub mod guard;
pub mod job;
pub mod keyed_lock;
pub mod large;
pub mod leniency_use;
pub mod list;
pub mod oauth;
pub mod operator;
pub(crate) mod pace;
pub mod plan;
pub mod plugin_loader;
pub mod resource;
pub mod retention;
pub mod schema_change;
pub mod settings;
pub mod shadow;
pub mod shadow_queue;
pub(crate) mod signature;
pub mod stretch;

pub use context::{Context, Gateway};
pub use error::{Error, tenant_deleted};
pub use operator::Operator;
