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

/// What measures, on a thread and with connections of its own: what the attackers' clients compute is not in its times.
struct Crowd {
    wanted: std::sync::mpsc::Sender<usize>,
    times: tokio::sync::mpsc::UnboundedReceiver<Vec<Duration>>,
}

impl Crowd {
    fn start(readers: &[Reader]) -> Self {
        let (wanted, begins) = std::sync::mpsc::channel();
        let (sender, times) = tokio::sync::mpsc::unbounded_channel();
        let readers = readers.to_vec();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            // A client's connections belong to the runtime that opened them.
            let own = Client::new(String::new());
            let readers: Vec<Reader> = readers
                .into_iter()
                .map(|(client, path)| {
                    (own.at(client.base.clone()).authorized(client.authorization.as_ref().unwrap()), path)
                })
                .collect();
            for first in begins {
                let _ = sender.send(runtime.block_on(slice(&readers, first)));
            }
        });
        Self { wanted, times }
    }

    async fn slice(&mut self, first: usize) -> Vec<Duration> {
        self.wanted.send(first).unwrap();
        self.times.recv().await.unwrap()
    }
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
async fn row(what: &str, crowd: &mut Crowd, disturb: impl Fn(&Flag, &Count)) {
    let mut times = [Vec::new(), Vec::new()];
    let answered = Count::default();
    for pair in 0..SLICE_PAIRS {
        times[0].extend(crowd.slice(pair * 200).await);
        let stop = Flag::default();
        disturb(&stop, &answered);
        times[1].extend(crowd.slice(pair * 200 + 100).await);
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
    let mut crowd = Crowd::start(&readers(&served).await);
    // The first requests open connections and read what is cached afterwards.
    let _ = crowd.slice(0).await;
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
        row(what, &mut crowd, |stop, answered| drop(send_all(FLOODING, &evil.scim, &request, (stop, answered)))).await;
    }
    let stranger = Client::new(evil.scim.base.clone());
    row(
        "10,000 unknown tokens a second from one address, half of them of tenants that do not exist",
        &mut crowd,
        |stop, answered| {
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
                    let (stranger, answered) = (stranger.clone(), answered.clone());
                    let requests = (0..PORTION).map(move |number| {
                        let (stranger, answered) = (stranger.clone(), answered.clone());
                        async move {
                            let id = if number % 2 == 0 { uuid::Uuid::now_v7() } else { uuid::Uuid::new_v4() };
                            let secret = Token::generate(Kind::Scim, TenantId(id));
                            if stranger.with(secret.reveal()).try_send(Request::new("GET", "/Users")).await.is_ok() {
                                answered.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    });
                    drop(tokio::spawn(join_all(requests)));
                }
            }));
        },
    )
    .await;
    served.running.kill().await;
    fresh.drop().await;
}
