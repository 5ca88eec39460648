//! How statements reach the database: connections and their roles, transactions, migrations, leases.

pub(crate) mod connect;
pub mod diagnosis;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod lease;
pub mod migrate;
pub(in crate::store) mod parameter_types;
pub(crate) mod pool;
pub mod pooler;
pub(crate) mod session;
pub(super) mod sql;
pub mod statistics;
pub mod upgrade;
