//! What runs in the background: bounded runs, on leases where one replica alone may work.

pub mod change_poll;
pub mod event_readers;
pub mod expiry;
pub mod figures;
pub mod first_use;
pub mod health;
pub mod jobs;
pub mod last_used;
pub mod leniency_flush;
pub mod provisioning_log;
pub mod sequencer;
pub mod shadow;
pub mod statistics;
pub mod traces;
pub mod webhooks;
