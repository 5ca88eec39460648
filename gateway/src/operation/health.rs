//! The health of a tenant: what its identity provider does, and what is wrong with that. Traffic is counted where the rows of the
//! provisioning log are made; `work/health.rs` decides each tenant's health by it and announces what changes.

pub mod announcement;
pub mod delivery;
pub mod finding;
pub mod look;
pub mod seen;
pub mod traffic;
pub mod webhooks;
