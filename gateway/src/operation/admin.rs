//! What operators do, one noun a file. Every use case takes the [`Operator`](super::Operator) it runs for, and logs what it
//! changes.

pub mod audit;
pub mod bundled;
pub mod client;
mod definition;
pub mod demo;
pub mod erasures;
pub mod export;
pub mod group_rules;
pub mod guard;
pub mod health;
pub mod held;
pub mod import;
pub mod log_redaction;
pub mod mappings;
pub mod oauth_clients;
pub mod operator_keys;
pub mod packs;
pub mod plugins;
pub mod provisioning_log;
pub mod resource_types;
pub mod retention;
pub mod schemas;
pub mod search_attributes;
pub mod setup_links;
pub mod signing_keys;
pub mod tenant_names;
pub mod tenants;
pub mod tokens;
