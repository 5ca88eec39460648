//! Simulates an identity provider against any SCIM URL, tracks the state that its requests must leave behind, and reports
//! what the server did wrong.
//!
//! It is a client like any other: it uses nothing of the gateway and prints nothing. The engine (`client`, `session`,
//! `requests`, `recorder`, `model`, `population`, `compare`, `readback`, `report`) is the same for all providers;
//! `users`, `groups` and `cycles` are what every provider does. Each provider is a file of its own with what it does
//! differently (`provider`).

mod address;
mod attribute;
mod change;
mod client;
mod compare;
mod cycles;
mod directory;
mod discovery;
mod entra;
mod error;
pub mod estimate;
mod finding;
mod garbage;
mod groups;
mod jumpcloud;
mod limits;
mod list;
mod message;
mod model;
mod okta;
mod onelogin;
mod options;
mod ping;
mod population;
mod provider;
mod readback;
mod recorder;
mod report;
mod requests;
mod resource_type;
mod response_checks;
mod rippling;
mod sailpoint;
mod secret;
mod seed;
mod session;
mod simulation;
mod step;
mod users;

pub use address::BaseUrl;
pub use compare::Comparison;
pub use directory::check_access as check_directory_access;
pub use entra::run as entra;
pub use error::Error;
pub use finding::{Finding, Kind};
pub use garbage::run as garbage;
pub use jumpcloud::run as jumpcloud;
pub use limits::{run as limits, size as limits_size};
pub use okta::{OktaApp, run as okta};
pub use onelogin::run as onelogin;
pub use options::{Dialect, Directory, Options, Pace, Size};
pub use ping::run as ping;
pub use recorder::{Latency, RequestStats};
pub use report::Report;
pub use rippling::run as rippling;
pub use sailpoint::run as sailpoint;
pub use secret::Secret;
pub use step::{NoProgress, Progress, Step};
