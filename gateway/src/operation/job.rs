//! Background jobs over a tenant's stored resources.

pub mod reconcile;
