//! Plays an identity provider against any SCIM URL, keeps the state that must come of it, and names what a server did
//! wrong.
//!
//! It is a client like any other: nothing of the gateway is imported, and nothing is printed. The engine (`client`,
//! `session`, `recorder`, `model`, `population`, `compare`, `readback`, `report`) knows no provider; a provider is a
//! file of its own beside it.

pub mod address;
pub mod attribute;
pub mod chance;
pub mod change;
pub mod client;
pub mod compare;
pub mod directory;
pub mod entra;
pub mod error;
pub mod exchange;
pub mod finding;
pub mod list;
pub mod model;
pub mod options;
pub mod population;
pub mod readback;
pub mod recorder;
pub mod report;
pub mod secret;
pub mod session;
pub mod step;

pub use entra::run as entra;
pub use error::Error;
pub use finding::{Finding, Kind};
pub use options::{Dialect, Directory, Options, Pace, Size};
pub use report::Report;
pub use step::{Silent, Step, Watcher};
