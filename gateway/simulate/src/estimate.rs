//! How many requests a simulation will send, before it sends any. The numbers are those of runs of several sizes; the population decides the
//! rest, so that a real run differs by some per cent.

use std::time::Duration;

use reqwest::Method;
use tokio::time::Instant;

use crate::client::Request;
use crate::error::Error;
use crate::options::Options;
use crate::simulation::Simulation;
use crate::step::NoProgress;

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (estimate)");
/// A request of a simulation takes about so many times as long as the one that is measured, since many of them write.
const WRITES_FACTOR: f64 = 2.0;
/// A server answers more requests at once, but each of them later.
const MAX_PARALLEL: f64 = 4.0;

/// Requests of one kind of simulation: whatever the size, and for each user, group and member, once and in each cycle.
struct Model {
    provider: &'static str,
    fixed: f64,
    user: f64,
    group: f64,
    /// Of providers that send members one by one.
    member: f64,
    user_cycle: f64,
    group_cycle: f64,
    member_cycle: f64,
    /// Of these, for each user and group, those that delete it at the end.
    clean_up: f64,
}

const fn model(provider: &'static str, once: [f64; 4], cycle: [f64; 3]) -> Model {
    let ([fixed, user, group, member], [user_cycle, group_cycle, member_cycle]) = (once, cycle);
    Model { provider, fixed, user, group, member, user_cycle, group_cycle, member_cycle, clean_up: 1.0 }
}

const MODELS: [Model; 9] = [
    model("entra", [25.0, 5.2, 7.0, 0.0], [2.25, 5.9, 0.0]),
    model("okta", [16.0, 3.2, 6.0, 0.0], [2.75, 2.5, 0.0]),
    model("onelogin", [12.0, 3.2, 6.0, 0.0], [2.1, 3.4, 0.0]),
    model("jumpcloud", [28.0, 3.2, 5.0, 1.0], [2.1, 3.3, 0.13]),
    model("ping", [12.0, 3.2, 6.0, 0.0], [2.1, 2.5, 0.0]),
    model("rippling", [16.0, 3.8, 6.0, 0.0], [2.1, 2.5, 0.0]),
    model("sailpoint", [18.0, 3.2, 5.0, 1.0], [2.1, 3.3, 0.13]),
    model("garbage", [200.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    model("limits", [2.0, 3.0, 5.0, 0.0], [0.0, 0.0, 0.0]),
];

/// About how many requests a simulation of this kind sends; none for a kind that there is not.
#[must_use]
pub fn requests(provider: &str, options: &Options) -> Option<u64> {
    let model = MODELS.iter().find(|model| model.provider == provider)?;
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let size = &options.size;
    let (users, groups) = (number(size.users), number(size.groups));
    let members = groups * number(size.members_per_group.min(size.users));
    let once = model.fixed + users * model.user + groups * model.group + members * model.member;
    let cycle = users * model.user_cycle + groups * model.group_cycle + members * model.member_cycle;
    let kept = if options.keep { (users + groups) * model.clean_up } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "far below the largest integer")]
    let requests = (once + cycle * number(size.cycles) - kept).max(1.0) as u64;
    Some(requests)
}

/// About how long so many requests take, by the time that the server takes for one.
///
/// # Errors
/// The server does not answer.
pub async fn duration(requests: u64, options: &Options) -> Result<Duration, Error> {
    let requests = f64::from(u32::try_from(requests).unwrap_or(u32::MAX));
    if let Some(rate) = options.pace.rate {
        return Ok(Duration::from_secs_f64(requests / rate));
    }
    let simulation = Simulation::new(options, USER_AGENT, &NoProgress)?;
    let request = || Request::new("estimate", Method::GET, "/ServiceProviderConfig").once();
    // The first one also connects.
    simulation.session.send_unchecked(&request()).await?;
    let begun = Instant::now();
    simulation.session.send_unchecked(&request()).await?;
    let parallel = f64::from(u32::try_from(options.pace.concurrency).unwrap_or(u32::MAX)).clamp(1.0, MAX_PARALLEL);
    Ok(begun.elapsed().mul_f64(requests * WRITES_FACTOR / parallel))
}
