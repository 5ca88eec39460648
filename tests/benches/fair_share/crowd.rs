//! A thousand tenants with a few requests each, beside one that floods, and beside a stranger with unknown tokens: the times of
//! their GETs in alternating slices without and with it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use scimgate::auth::token::{Kind, Token};
use scimgate::tenant::TenantId;
use scimgate_tests::database::{self, Fresh};
use scimgate_tests::served::Prepared;
use scimgate_tests::{Client, Request, Tenant};
use tokio::time::{sleep, sleep_until};

use super::{Count, Flag, milliseconds, send_all};

const TENANTS: usize = 1_000;
/// Between two requests of all of them.
const PAUSE: Duration = Duration::from_millis(50);
const SLICE: Duration = Duration::from_secs(5);
/// Pairs of an undisturbed and a disturbed slice.
const SLICE_PAIRS: usize = 4;
/// Clients of the flooding tenant.
const FLOODING: usize = 64;
/// The stranger's requests a second.
const UNKNOWN_TOKENS: u64 = 10_000;

const HEADING: &str = "
## A thousand tenants

A thousand tenants send twenty requests a second in all, each reading a user, in alternating slices of five seconds alone and
beside what the row says. *p99 ratio* compares the two.

| beside | answered a second | p50 alone, ms | p50 beside, ms | p99 alone, ms | p99 beside, ms | p99 ratio |
|---|--:|--:|--:|--:|--:|--:|";

/// One tenant's client and the address of its user.
type Reader = (Client, String);

async fn readers(served: &scimgate_tests::served::Served) -> Vec<Reader> {
    let mut readers = Vec::with_capacity(TENANTS);
    for batch in 0..TENANTS / 20 {
        let made = join_all((0..20).map(async |number| {
            let tenant = Tenant::plain(&served.operator, &format!("t{batch}-{number}"), served.addresses()).await;
            let path = format!("/Users/{}", tenant.user("ada").await);
            (tenant.scim.clone(), path)
        }));
        readers.extend(made.await);
    }
    readers
}

/// Every tenant in turn, on time even if an answer is late.
async fn slice(readers: &[Reader], first: usize) -> Vec<Duration> {
    let begun = tokio::time::Instant::now();
    let count = usize::try_from(SLICE.as_millis() / PAUSE.as_millis()).unwrap();
    let requests = (0..count).map(|number| {
        let (client, path) = readers[(first + number) % readers.len()].clone();
        tokio::spawn(async move {
            sleep_until(begun + PAUSE * u32::try_from(number).unwrap()).await;
            let sent = Instant::now();
            let answer = client.get(&path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            sent.elapsed()
        })
    });
    join_all(requests).await.into_iter().map(Result::unwrap).collect()
}

/// One row. `disturb` begins what happens beside, until the flag is set.
async fn row(what: &str, readers: &[Reader], disturb: impl Fn(&Flag, &Count)) {
    let mut times = [Vec::new(), Vec::new()];
    let answered = Count::default();
    for pair in 0..SLICE_PAIRS {
        times[0].extend(slice(readers, pair * 200).await);
        let stop = Flag::default();
        disturb(&stop, &answered);
        times[1].extend(slice(readers, pair * 200 + 100).await);
        stop.store(true, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
    }
    let seconds = SLICE.as_secs() * SLICE_PAIRS as u64;
    let [alone, beside] = times.map(|mut times| {
        times.sort_unstable();
        [50, 99].map(|percent| milliseconds(&times, percent))
    });
    println!(
        "| {what} | {} | {:.2} | {:.2} | {:.2} | {:.2} | **{:.2}** |",
        answered.load(Ordering::Relaxed) / seconds,
        alone[0],
        beside[0],
        alone[1],
        beside[1],
        beside[1] / alone[1]
    );
}

pub(super) async fn run() {
    let fresh = Fresh::empty().await;
    let served = Prepared::new(&fresh.url, &[]).await.serve(&[]).await;
    let readers = readers(&served).await;
    let evil = Tenant::plain(&served.operator, "evil", served.addresses()).await;
    scimgate_tests::many_users::fill(&database::owner(&fresh.url).await, "evil", 20_000).await;
    println!("{HEADING}");
    let first = Request::new("GET", "/Users?count=1");
    for (what, request) in [
        ("64 clients of a tenant that read one user", first),
        (
            "64 clients of a tenant with a filter that no index decides",
            Request::new("GET", "/Users?filter=title co \"zzz\""),
        ),
        ("64 clients of a tenant that read pages of 1,000 users", Request::new("GET", "/Users?count=1000")),
    ] {
        row(what, &readers, |stop, answered| drop(send_all(FLOODING, &evil.scim, &request, (stop, answered)))).await;
    }
    let stranger = Client::new(evil.scim.base.clone());
    row("10,000 unknown tokens a second from one address", &readers, |stop, answered| {
        // In portions, since a timer is no finer than a millisecond.
        const PORTION: u64 = 50;
        let (stranger, stop, answered) = (stranger.clone(), stop.clone(), answered.clone());
        drop(tokio::spawn(async move {
            let begun = tokio::time::Instant::now();
            for portion in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                sleep_until(begun + Duration::from_micros(portion * PORTION * 1_000_000 / UNKNOWN_TOKENS)).await;
                let requests = (0..PORTION).map(|_| async {
                    let secret = Token::generate(Kind::Scim, TenantId(uuid::Uuid::now_v7()));
                    stranger.with(secret.reveal()).try_send(Request::new("GET", "/Users")).await.is_ok()
                });
                let count = join_all(requests).await.into_iter().filter(|it| *it).count();
                answered.fetch_add(count as u64, Ordering::Relaxed);
            }
        }));
    })
    .await;
    served.running.kill().await;
    fresh.drop().await;
}
