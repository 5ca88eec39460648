//! Writers of a provisioning cycle, each with a record of its acknowledged writes. After a fault each record is compared
//! with the stored state: they differ at most by the one request in progress, which is applied completely or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::tenant::{group, patch, user};
use crate::{Request, Tenant, event_feed, poll};

/// The group in which every writer has members.
const SHARED: &str = "shared";
const WRITERS: usize = 4;
const SEED: u64 = 7644;

/// Numbers that are the same for the same seed.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    /// A number below another.
    fn below(&mut self, end: usize) -> usize {
        // Splitmix64: short, and good enough to choose by.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len())].clone())
    }
}

/// Users with their titles and groups with their members, all by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    users: BTreeMap<String, String>,
    groups: BTreeMap<String, BTreeSet<String>>,
}

/// The stored state, with the ids.
#[derive(Clone, Debug)]
struct Stored {
    state: State,
    ids: BTreeMap<String, String>,
}

/// One write.
#[derive(Clone, Debug)]
enum Write {
    CreateUser(String, String),
    SetTitle(String, String),
    DeleteUser(String),
    CreateGroup(String, BTreeSet<String>),
    AddMembers(String, BTreeSet<String>),
    RemoveMembers(String, BTreeSet<String>),
    /// Another externalId and another member in one PATCH.
    ChangeGroup(String, String),
    DeleteGroup(String),
}

/// The progress of all writers.
#[derive(Debug, Default)]
struct Progress {
    acknowledged: AtomicUsize,
    stop: AtomicBool,
}

/// The writers of one tenant, from fault to fault.
pub struct Cycle {
    writers: Vec<Writer>,
    random: Random,
}

/// One writer.
struct Writer {
    name: String,
    random: Random,
    created: usize,
    acknowledged: State,
    ids: BTreeMap<String, String>,
    in_progress: Option<Write>,
}

impl Cycle {
    /// Starts on a tenant that may have other resources.
    pub async fn begin(tenant: &Tenant) -> Self {
        let _ = tenant.group(SHARED).await;
        let writers = (0..WRITERS).map(|number| Writer::new(number, SEED)).collect();
        let mut cycle = Self { writers, random: Random(SEED) };
        cycle.check(tenant).await;
        cycle
    }

    /// Runs the writers and causes a fault after a number of acknowledged writes and a delay, both by the seed. A writer
    /// stops at its first request without an answer, at the latest after the fault.
    pub async fn interrupt(&mut self, tenant: &Tenant, fault: impl AsyncFnOnce()) {
        let progress = Arc::new(Progress::default());
        let writers = self.writers.drain(..).map(|writer| {
            let (tenant, progress) = (tenant.clone(), progress.clone());
            tokio::spawn(async move { writer.write(tenant, &progress).await })
        });
        let writers: Vec<_> = writers.collect();
        let number = 5 + self.random.below(40);
        let acknowledged = || progress.acknowledged.load(Ordering::Relaxed);
        poll("enough writes are acknowledged", async || (acknowledged() >= number).then_some(())).await;
        let delay = u64::try_from(self.random.below(5_000)).unwrap();
        tokio::time::sleep(Duration::from_micros(delay)).await;
        fault().await;
        progress.stop.store(true, Ordering::Relaxed);
        self.writers = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    }

    /// Compares the acknowledged writes, the stored state and the feed.
    pub async fn check(&mut self, tenant: &Tenant) {
        let stored = Stored::read(tenant).await;
        for writer in &mut self.writers {
            writer.check(&stored);
        }
        let _ = event_feed::check(tenant).await;
    }
}

/// A complete cycle from any state, then a second one, which must change nothing.
pub async fn whole_cycles(tenant: &Tenant) {
    provision(tenant, 12).await;
    let first = event_feed::check(tenant).await;
    provision(tenant, 12).await;
    assert_eq!(event_feed::check(tenant).await, first, "a second cycle changes nothing");
}

impl State {
    fn apply(&mut self, write: &Write) {
        match write {
            Write::CreateUser(name, title) | Write::SetTitle(name, title) => {
                self.users.insert(name.clone(), title.clone());
            }
            Write::DeleteUser(name) => {
                self.users.remove(name);
                for members in self.groups.values_mut() {
                    members.remove(name);
                }
            }
            Write::CreateGroup(group, members) => {
                self.groups.insert(group.clone(), members.clone());
            }
            Write::AddMembers(group, members) => self.members(group).extend(members.iter().cloned()),
            Write::RemoveMembers(group, members) => self.members(group).retain(|member| !members.contains(member)),
            Write::ChangeGroup(group, member) => {
                self.members(group).insert(member.clone());
            }
            Write::DeleteGroup(group) => {
                self.groups.remove(group);
            }
        }
    }

    fn members(&mut self, group: &str) -> &mut BTreeSet<String> {
        self.groups.entry(group.to_owned()).or_default()
    }

    /// The part that one writer created.
    fn of(&self, writer: &str) -> Self {
        let own = |name: &String| name.starts_with(writer);
        let mut part = self.clone();
        part.users.retain(|name, _| own(name));
        part.groups.retain(|name, _| own(name) || name == SHARED);
        part.groups.values_mut().for_each(|members| members.retain(own));
        part
    }
}

impl Stored {
    /// Reads it.
    async fn read(tenant: &Tenant) -> Self {
        let mut stored = Self { state: State::default(), ids: BTreeMap::new() };
        let mut names = BTreeMap::new();
        for user in list(tenant, "/Users").await {
            let name = user["userName"].as_str().unwrap().trim_end_matches("@corp.test").to_owned();
            let title = user["title"].as_str().unwrap().to_owned();
            // A write is stored completely or not at all.
            assert_eq!(user["emails"][0]["value"], format!("{title}@corp.test"), "{user}");
            names.insert(id(&user), name.clone());
            assert_eq!(stored.ids.insert(name.clone(), id(&user)), None, "{name} exists twice");
            stored.state.users.insert(name, title);
        }
        for group in list(tenant, "/Groups").await {
            let name = group["displayName"].as_str().unwrap().to_owned();
            let members = group["members"].as_array().into_iter().flatten();
            let members: BTreeSet<String> =
                members.map(|member| names[member["value"].as_str().unwrap()].clone()).collect();
            assert_eq!(stored.ids.insert(name.clone(), id(&group)), None, "{name} exists twice");
            stored.state.groups.insert(name, members);
        }
        stored
    }
}

async fn list(tenant: &Tenant, path: &str) -> Vec<Value> {
    tenant.get(&format!("{path}?count=1000")).await.expect(200).body["Resources"].as_array().unwrap().clone()
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap().to_owned()
}

impl Writer {
    fn new(number: usize, seed: u64) -> Self {
        let random = Random(seed ^ (u64::try_from(number).unwrap() << 32));
        let acknowledged = State { groups: BTreeMap::from([(SHARED.to_owned(), BTreeSet::new())]), ..State::default() };
        Self { name: format!("w{number}-"), random, created: 0, acknowledged, ids: BTreeMap::new(), in_progress: None }
    }

    /// Writes until a request fails or gets 503, or until `stop`.
    async fn write(mut self, tenant: Tenant, progress: &Progress) -> Self {
        while !progress.stop.load(Ordering::Relaxed) {
            let write = self.next();
            let request = self.request(&write);
            self.in_progress = Some(write.clone());
            let Ok(answer) = tenant.scim.try_send(request).await else { return self };
            if answer.status == 503 {
                return self;
            }
            assert!(matches!(answer.status, 200 | 201 | 204), "{write:?}: {}", answer.text);
            if let (Write::CreateUser(name, _) | Write::CreateGroup(name, _), 201) = (&write, answer.status) {
                self.ids.insert(name.clone(), answer.id());
            }
            self.acknowledged.apply(&write);
            self.in_progress = None;
            progress.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    /// Compares the record with the stored state, which decides whether the write in progress counts.
    fn check(&mut self, stored: &Stored) {
        let there = stored.state.of(&self.name);
        if let Some(write) = self.in_progress.take() {
            let before = self.acknowledged.clone();
            self.acknowledged.apply(&write);
            if there == before {
                self.acknowledged = before;
            } else {
                assert_eq!(
                    there, self.acknowledged,
                    "{write:?} is stored in part, or an acknowledged write is missing; before: {before:?}"
                );
            }
        }
        assert_eq!(there, self.acknowledged, "the acknowledged writes of {}", self.name);
        self.ids.clone_from(&stored.ids);
    }

    fn next(&mut self) -> Write {
        let users: Vec<String> = self.acknowledged.users.keys().cloned().collect();
        let groups: Vec<String> = self.acknowledged.groups.keys().cloned().collect();
        let own: Vec<String> = groups.iter().filter(|name| *name != SHARED).cloned().collect();
        self.created += 1;
        let new = format!("{}{}", self.name, self.created);
        let some: BTreeSet<String> = (0..3).filter_map(|_| self.random.pick(&users)).collect();
        let (one, group) = (self.random.pick(&users), self.random.pick(&groups).unwrap());
        match (self.random.below(16), one, self.random.pick(&own)) {
            (4..=6, Some(user), _) => Write::SetTitle(user, format!("{new}-again")),
            (7, Some(user), _) if users.len() > 5 => Write::DeleteUser(user),
            (8, ..) => Write::CreateGroup(new, some),
            (9..=11, Some(_), _) => Write::AddMembers(group, some),
            (12 | 13, Some(_), _) => Write::RemoveMembers(group, some),
            (14, Some(user), Some(group)) => Write::ChangeGroup(group, user),
            (15, _, Some(group)) if own.len() > 2 => Write::DeleteGroup(group),
            _ => Write::CreateUser(new.clone(), format!("{new}-new")),
        }
    }

    fn request(&self, write: &Write) -> Request {
        let path = |what: &str, name: &String| format!("/{what}/{}", self.ids[name]);
        let members = |names: &BTreeSet<String>| -> Value {
            names.iter().map(|name| json!({ "value": self.ids[name] })).collect()
        };
        let change =
            |group: &String, operations: Value| Request::new("PATCH", &path("Groups", group)).json(&patch(operations));
        match write {
            Write::CreateUser(name, title) => Request::new("POST", "/Users").json(&titled(name, title)),
            Write::SetTitle(name, title) => Request::new("PATCH", &path("Users", name)).json(&patch(json!([
                { "op": "replace", "path": "title", "value": title },
                { "op": "replace", "path": "emails[type eq \"work\"].value", "value": format!("{title}@corp.test") },
            ]))),
            Write::DeleteUser(name) => Request::new("DELETE", &path("Users", name)),
            Write::CreateGroup(name, first) => {
                let mut body = group(name);
                body["members"] = members(first);
                Request::new("POST", "/Groups").json(&body)
            }
            Write::AddMembers(group, names) => {
                change(group, json!([{ "op": "add", "path": "members", "value": members(names) }]))
            }
            Write::RemoveMembers(group, names) => {
                change(group, json!([{ "op": "remove", "path": "members", "value": members(names) }]))
            }
            Write::ChangeGroup(group, name) => change(
                group,
                json!([
                    { "op": "replace", "path": "externalId", "value": format!("with {name}, {}", self.created) },
                    { "op": "add", "path": "members", "value": [{ "value": self.ids[name] }] },
                ]),
            ),
            Write::DeleteGroup(group) => Request::new("DELETE", &path("Groups", group)),
        }
    }
}

fn titled(name: &str, title: &str) -> Value {
    let mut body = user(name);
    body["title"] = title.into();
    body["emails"][0]["value"] = format!("{title}@corp.test").into();
    body
}

/// A complete cycle like a provider's, from any state: looks up each user by name, creates the missing ones, corrects the
/// others, and sets the members.
async fn provision(tenant: &Tenant, number: usize) {
    let mut ids = Vec::new();
    for nth in 0..number {
        let (name, title) = (format!("p-{nth}"), format!("p-{nth}-right"));
        let found = tenant.get(&format!("/Users?filter=userName eq \"{name}@corp.test\"")).await.expect(200);
        if let Some(there) = found.body["Resources"].as_array().and_then(|all| all.first()) {
            let right = patch(json!([{ "op": "replace", "path": "title", "value": title }]));
            let _ = tenant.patch(&format!("/Users/{}", id(there)), &right).await.expect(200);
            ids.push(id(there));
        } else {
            ids.push(tenant.post("/Users", &titled(&name, &title)).await.expect(201).id());
        }
    }
    let found = tenant.get("/Groups?filter=displayName eq \"p-crew\"").await.expect(200);
    let crew = match found.body["Resources"].as_array().and_then(|all| all.first()) {
        Some(there) => id(there),
        None => tenant.group("p-crew").await,
    };
    let members: Value = ids.iter().map(|id| json!({ "value": id })).collect();
    let set = patch(json!([{ "op": "add", "path": "members", "value": members }]));
    let answer = tenant.patch(&format!("/Groups/{crew}"), &set).await;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
}
