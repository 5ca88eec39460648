//! Below the routers: connections with their timers, and the properties of a request that its handler gets.

mod forwarded;
mod held;
mod log;
pub mod server;
mod stream;
mod timers;
mod unreadable;
mod upload;
mod uri;

use std::net::IpAddr;

use tokio::time::Instant;

pub(super) use forwarded::{client, origin};
pub(super) use held::Held;
pub(super) use upload::refusal;
pub(super) use uri::is_text;

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// The time limit of the request. No work begins after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub(super) Instant);
