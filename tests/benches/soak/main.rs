//! Whether a gateway that serves the same mix of requests for an hour stays as it was: its memory, descriptors, threads, connections
//! and queues. Prints docs/soak.md.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

mod load;
mod page;
mod picture;
mod sample;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::rows;
use scimgate_tests::served::Prepared;
use tokio::time::{MissedTickBehavior, interval_at};

use load::{Lane, Outcomes};
use sample::{Sample, Sampler};

/// Clients that send requests, each one at a time. Half of them belong to a tenant with a mapping, half to one without.
const LANES: u32 = 16;
/// Refused tokens come from other addresses than the rest, as a proxy reports them: each address may have a hundred in a minute.
const OPTIONS: [&str; 2] = ["--trusted-proxy", "127.0.0.0/8"];

/// Sends a mix of requests at a fixed rate, and samples what the gateway uses.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Minutes that it lasts.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Requests a second.
    #[arg(long, default_value_t = 60.0)]
    rate: f64,
    /// Seconds between two samples.
    #[arg(long, default_value_t = 10.0)]
    every: f64,
    /// Further options of `scimgate serve`, separated by spaces.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    options: String,
    /// Where to write the picture. The page names it.
    #[arg(long, default_value = "docs/soak.svg")]
    picture: PathBuf,
    /// Cargo adds it.
    #[arg(long, hide = true)]
    bench: bool,
}

/// All that the page is made of.
struct Soak {
    arguments: Arguments,
    samples: Vec<Sample>,
    outcomes: Outcomes,
    /// Users and groups that the tenants have at the end; the script deletes what it creates.
    left: u64,
}

async fn run(arguments: Arguments) -> bool {
    let fresh = Fresh::empty().await;
    let prepared = Prepared::new(&fresh.url, &[]).await;
    let further: Vec<&str> = arguments.options.split_whitespace().collect();
    let served = prepared.serve(&[&OPTIONS[..], &further].concat()).await;
    let tenants = [
        served.tenant("acme").await,
        scimgate_tests::Tenant::plain(&served.operator, "globex", served.addresses()).await,
    ];
    let outcomes = Outcomes::default();
    let mut lanes = Vec::new();
    for number in 0..LANES {
        lanes.push(Lane::new(number, &tenants[(number % 2) as usize], &outcomes).await);
    }
    let (begun, duration) = (Instant::now(), Duration::from_secs_f64(arguments.minutes * 60.0));
    let period = Duration::from_secs_f64(f64::from(LANES) / arguments.rate);
    let start = |(number, lane): (u32, Lane)| {
        let first = tokio::time::Instant::from_std(begun) + period * number / LANES;
        tokio::spawn(lane.run(first, period, begun + duration))
    };
    let running: Vec<_> = (0..LANES).zip(lanes).map(start).collect();
    let sampler = Sampler::new(&served, fresh.owner().await);
    let samples = sample_until(begun + duration, (&arguments, begun), &sampler, &outcomes).await;
    for lane in running {
        lane.await.unwrap();
    }
    let mut left = 0;
    for tenant in &tenants {
        for endpoint in ["/Users", "/Groups"] {
            left += tenant.get(&format!("{endpoint}?count=0")).await.expect(200).body["totalResults"].as_u64().unwrap();
        }
    }
    rows::check(&fresh.owner().await).await;
    assert!(served.running.terminate().await.0.success(), "the gateway ended with an error");
    fresh.drop().await;
    let soak = Soak { arguments, samples, outcomes, left };
    page::print(&soak);
    std::fs::write(&soak.arguments.picture, picture::svg(&soak.samples)).unwrap();
    verdict::problems(&soak).is_empty()
}

async fn sample_until(
    end: Instant,
    (arguments, begun): (&Arguments, Instant),
    sampler: &Sampler,
    outcomes: &Arc<load::Shared>,
) -> Vec<Sample> {
    let pause = Duration::from_secs_f64(arguments.every);
    let mut ticks = interval_at(tokio::time::Instant::now() + pause, pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut samples: Vec<Sample> = Vec::new();
    while Instant::now() < end {
        ticks.tick().await;
        let sample = sampler.read(begun.elapsed(), outcomes.median_since_last_call()).await;
        if samples.len().is_multiple_of(6) {
            eprintln!("{}", sample.line());
        }
        samples.push(sample);
    }
    samples
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if block_on(run(arguments)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
