//! Plays an identity provider against any SCIM URL, keeps the state that must come of it, and names what a server did
//! wrong.
//!
//! It is a client like any other: nothing of the gateway is imported, and nothing is printed. The engine (`client`,
//! `session`, `recorder`, `model`, `population`, `compare`, `readback`, `report`) knows no provider; `users`, `groups` and
//! `cycles` do what all of them do. A provider is a file of its own that says what it does in its own way (`provider`).

pub mod address;
pub mod attribute;
pub mod chance;
pub mod change;
pub mod client;
pub mod compare;
mod cycles;
pub mod directory;
pub mod discovery;
pub mod entra;
pub mod error;
pub mod exchange;
pub mod finding;
pub mod garbage;
pub mod groups;
pub mod jumpcloud;
pub mod limits;
pub mod list;
pub mod message;
pub mod model;
pub mod okta;
pub mod onelogin;
pub mod options;
pub mod ping;
pub mod play;
pub mod population;
mod provider;
pub mod readback;
pub mod recorder;
pub mod report;
pub mod rippling;
pub mod sailpoint;
pub mod secret;
pub mod session;
pub mod shape;
pub mod step;
pub mod users;

pub use entra::run as entra;
pub use error::Error;
pub use finding::{Finding, Kind};
pub use garbage::run as garbage;
pub use jumpcloud::run as jumpcloud;
pub use limits::run as limits;
pub use okta::run as okta;
pub use onelogin::run as onelogin;
pub use options::{Dialect, Directory, Options, Pace, Size};
pub use ping::run as ping;
pub use report::Report;
pub use rippling::run as rippling;
pub use sailpoint::run as sailpoint;
pub use step::{Silent, Step, Watcher};
