//! How statements reach the database: connections and their roles, transactions, migrations, leases.

pub(crate) mod connect;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod lease;
pub mod migrate;
pub(crate) mod pool;
pub(crate) mod session;
pub(super) mod sql;
pub mod statistics;
pub mod upgrade;
