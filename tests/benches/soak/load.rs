//! The requests: each lane creates a user, does with it what a provider and a product do, and deletes it again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use scimgate::auth::token::Token;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Answer, Request, Tenant};
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval_at};

/// Addresses that refused tokens come from.
const STRANGERS: u32 = 250;
/// Failed requests that are kept with their text.
const MAX_EXAMPLES: usize = 20;
/// Turns of a lane of which one presents an unknown token: of a tenant's more than sixty in a minute the log drops, which would count as
/// lost.
const REFUSED_ONE_IN: u32 = 8;

/// The kinds of requests, in the order in which a lane sends them.
const SCRIPT: [Kind; 12] = [
    Kind::Create,
    Kind::Get,
    Kind::Filter,
    Kind::Join,
    Kind::Patch,
    Kind::Refused,
    Kind::List,
    Kind::Directory,
    Kind::Feed,
    Kind::Leave,
    Kind::Bulk,
    Kind::Delete,
];

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Create,
    Get,
    Filter,
    Join,
    Patch,
    Refused,
    List,
    Directory,
    Feed,
    Leave,
    Bulk,
    Delete,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create a user",
            Self::Get => "read a user",
            Self::Filter => "find a user by name",
            Self::Join => "add a member to a group",
            Self::Patch => "change a user",
            Self::Refused => "present an unknown token",
            Self::List => "list users",
            Self::Directory => "product: read a user",
            Self::Feed => "product: read events",
            Self::Leave => "remove a member",
            Self::Bulk => "create and delete by a bulk request",
            Self::Delete => "delete a user",
        }
    }

    /// Why a reply is not what must come.
    fn wrong(self, answer: &Answer) -> Option<String> {
        let wanted: &[u16] = match self {
            Self::Create => &[201],
            Self::Join | Self::Leave => &[200, 204],
            Self::Refused => &[401],
            Self::Delete => &[204],
            _ => &[200],
        };
        if !wanted.contains(&answer.status) {
            return Some(format!("{} was answered {} {}", answer.asked, answer.status, answer.text));
        }
        let is_right = match self {
            Self::Filter => answer.body["totalResults"] == 1,
            Self::Bulk => answer.body["Operations"]
                .as_array()
                .is_some_and(|all| all.len() == 2 && all[0]["status"] == "201" && all[1]["status"] == "204"),
            _ => true,
        };
        (!is_right).then(|| format!("{} was answered with another content: {}", answer.asked, answer.text))
    }
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    times: Mutex<BTreeMap<Kind, Vec<Duration>>>,
    recent: Mutex<Vec<Duration>>,
    failures: Mutex<Vec<String>>,
    failed: AtomicU32,
}

pub(crate) type Outcomes = Arc<Shared>;

impl Shared {
    fn record(&self, kind: Kind, time: Duration, wrong: Option<String>) {
        self.times.lock().unwrap().entry(kind).or_default().push(time);
        self.recent.lock().unwrap().push(time);
        let Some(wrong) = wrong else { return };
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap();
        if failures.len() < MAX_EXAMPLES {
            eprintln!("{wrong}");
            failures.push(wrong);
        }
    }

    /// The median time of a request since the last call, in milliseconds; none if there was no request.
    pub(crate) fn median_since_last_call(&self) -> Option<f64> {
        let mut times = std::mem::take(&mut *self.recent.lock().unwrap());
        times.sort_unstable();
        times.get(times.len() / 2).map(|time| time.as_secs_f64() * 1e3)
    }

    /// The sorted times of each kind of request.
    pub(crate) fn times(&self) -> BTreeMap<Kind, Vec<Duration>> {
        let mut all = self.times.lock().unwrap().clone();
        all.values_mut().for_each(|times| times.sort_unstable());
        all
    }

    /// How many requests failed, and the first of them.
    pub(crate) fn failures(&self) -> (u32, Vec<String>) {
        (self.failed.load(Ordering::Relaxed), self.failures.lock().unwrap().clone())
    }
}

/// A client that sends one request at a time.
pub(crate) struct Lane {
    number: u32,
    tenant: Tenant,
    group: String,
    /// The last event that this lane has read.
    position: AtomicI64,
    outcomes: Outcomes,
}

/// The user of one turn of the script.
struct Turn {
    name: String,
    id: Option<String>,
}

impl Lane {
    pub(crate) async fn new(number: u32, tenant: &Tenant, outcomes: &Outcomes) -> Self {
        let group = tenant.group(&format!("group {number}")).await;
        Self { number, tenant: tenant.clone(), group, position: AtomicI64::new(0), outcomes: outcomes.clone() }
    }

    /// Sends the script again and again, a request each period, and ends with a complete turn. A request that is due while another
    /// one is in progress is sent as soon as that has been answered; its time counts from when it was due.
    pub(crate) async fn run(self, first: tokio::time::Instant, period: Duration, end: Instant) {
        let mut ticks = interval_at(first, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut number = 0;
        while Instant::now() < end {
            self.turn(number, &mut ticks).await;
            number += 1;
        }
        let _ = self.tenant.delete(&format!("/Groups/{}", self.group)).await.expect(204);
    }

    async fn turn(&self, number: u32, ticks: &mut Interval) {
        let mut turn = Turn { name: format!("lane{}-{number}", self.number), id: None };
        for kind in SCRIPT {
            if kind == Kind::Refused && number % REFUSED_ONE_IN != self.number % REFUSED_ONE_IN {
                continue;
            }
            let due = ticks.tick().await.into_std();
            let Some(request) = self.request(kind, &turn, number) else { return };
            let client = match kind {
                Kind::Directory | Kind::Feed => self.tenant.directory.clone(),
                Kind::Refused => self.tenant.scim.with(&self.unknown_token()),
                _ => self.tenant.scim.clone(),
            };
            let answer = client.try_send(request).await;
            let wrong = match &answer {
                Ok(answer) => kind.wrong(answer).or_else(|| self.gap(kind, answer)),
                Err(error) => Some(format!("{}: no reply: {error:?}", kind.name())),
            };
            if kind == Kind::Create && wrong.is_none() {
                turn.id = answer.ok().map(|answer| answer.id());
            }
            self.outcomes.record(kind, due.elapsed(), wrong);
        }
    }

    /// A token in the right format that was never issued.
    fn unknown_token(&self) -> String {
        let header = self.tenant.scim.authorization.as_ref().unwrap().to_str().unwrap();
        let issued = Token::parse(header.trim_start_matches("Bearer ")).unwrap();
        Token::generate(issued.kind, issued.tenant).reveal().to_owned()
    }

    /// None where the user is needed and could not be created.
    fn request(&self, kind: Kind, turn: &Turn, number: u32) -> Option<Request> {
        let Turn { name, id } = turn;
        let id = if kind == Kind::Create { "" } else { id.as_deref()? };
        let get = |path: String| Request::new("GET", &path);
        let group = format!("/Groups/{}", self.group);
        Some(match kind {
            Kind::Create => Request::new("POST", "/Users").json(&user(name)),
            Kind::Get => get(format!("/Users/{id}")),
            Kind::Filter => get(format!("/Users?filter=userName%20eq%20%22{name}%40corp.test%22")),
            Kind::Join => {
                let added = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
                Request::new("PATCH", &group).json(&patch(added))
            }
            Kind::Patch => {
                let title = json!([{ "op": "replace", "path": "title", "value": format!("number {number}") }]);
                Request::new("PATCH", &format!("/Users/{id}")).json(&patch(title))
            }
            Kind::Refused => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let address = NEXT.fetch_add(1, Ordering::Relaxed) % STRANGERS;
                get("/Users?count=1".to_owned()).header("x-forwarded-for", &format!("192.0.2.{address}"))
            }
            Kind::List => get("/Users?count=20".to_owned()),
            Kind::Directory => get(format!("/users/{id}")),
            Kind::Feed => get(format!("/events?after={}&limit=1000", self.position.load(Ordering::Relaxed))),
            Kind::Leave => {
                let removed = json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
                Request::new("PATCH", &group).json(&patch(removed))
            }
            Kind::Bulk => Request::new("POST", "/Bulk").json(&bulk(name)),
            Kind::Delete => Request::new("DELETE", &format!("/Users/{id}")),
        })
    }

    /// Events have numbers without gaps; a page of them moves this lane's position on.
    fn gap(&self, kind: Kind, answer: &Answer) -> Option<String> {
        let events = if kind == Kind::Feed { answer.body["events"].as_array()? } else { return None };
        let position = self.position.load(Ordering::Relaxed);
        let is_without = (position + 1..).zip(events).all(|(number, event)| event["seq"] == number);
        let last = answer.body["lastSeq"].as_i64().unwrap_or(position);
        self.position.store(last, Ordering::Relaxed);
        (!is_without).then(|| format!("the events after {position} have gaps"))
    }
}

/// A user that is created and deleted in one request.
fn bulk(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "one", "data": user(&format!("{name}-bulk")) },
            { "method": "DELETE", "path": "/Users/bulkId:one" },
        ],
    })
}
