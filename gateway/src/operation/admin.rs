//! What operators do, one noun a file.

pub mod demo;
pub mod mappings;
pub mod packs;
pub mod plugins;
pub mod resource_types;
pub mod schemas;
pub mod tenants;
pub mod tokens;
