//! How soon a revoked credential is refused by another process, whether refusals can be told apart by their time, what a forged
//! assertion costs, what a verified credential costs, and what row-level security costs. Prints docs/credential-costs.md.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

mod forgeries;
mod refusals;
mod revocation;
mod verification;
mod walls;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::{Client, Request, Tenant};

/// Every address may have so many unknown credentials looked up in a minute; the measurements come from many, as a proxy reports
/// them.
const OPTIONS: [&str; 2] = ["--trusted-proxy", "127.0.0.0/8"];

/// A request from an address that no other has.
fn from_new_address(request: Request) -> Request {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, a, b, c] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    request.header("x-forwarded-for", &format!("10.{a}.{b}.{c}"))
}

async fn status(client: &Client, path: &str) -> u16 {
    client.send(from_new_address(Request::new("GET", path))).await.status
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The value below which so many percent of the sorted ones are.
fn percentile<T: Copy>(sorted: &[T], percent: usize) -> T {
    sorted[(sorted.len() - 1) * percent / 100]
}

async fn tenant(served: &Served) -> Tenant {
    Tenant::plain(&served.operator, "acme", served.addresses()).await
}

async fn run() {
    let fresh = Fresh::empty().await;
    let prepared = Prepared::new(&fresh.url, &[]).await;
    let (served, other) = (prepared.serve(&OPTIONS).await, prepared.serve(&OPTIONS).await);
    let tenant = tenant(&served).await;
    println!("# What credentials cost\n\n<!-- Written by `make bench-credentials`. -->\n");
    println!("Client, gateway and PostgreSQL share the machine's two cores. Quote the ratios.");
    revocation::print(&served, &other).await;
    other.running.kill().await;
    refusals::print(&served, &tenant).await;
    forgeries::print(&served).await;
    served.running.kill().await;
    walls::print(&prepared, &fresh).await;
    fresh.drop().await;
    verification::print().await;
}

fn main() {
    block_on(run());
}
