//! Writers of a provisioning cycle, each with a record of what was acknowledged to it. After a fault each holds its
//! record against what is there: it differs by the one request that was under way, wholly or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::tenant::{group, patch, user};
use crate::{Request, Tenant, feed, poll};

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

/// The state as it is read, with the ids.
#[derive(Clone, Debug)]
struct Found {
    state: State,
    ids: BTreeMap<String, String>,
}

/// One write.
#[derive(Clone, Debug)]
enum Write {
    Hire(String, String),
    Retitle(String, String),
    Fire(String),
    Found(String, BTreeSet<String>),
    Join(String, BTreeSet<String>),
    Leave(String, BTreeSet<String>),
    /// Another externalId and another member in one PATCH.
    Both(String, String),
    Dissolve(String),
}

/// How far the writers are.
#[derive(Debug, Default)]
struct Progress {
    acknowledged: AtomicUsize,
    enough: AtomicBool,
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
    made: usize,
    acknowledged: State,
    ids: BTreeMap<String, String>,
    under_way: Option<Write>,
}

impl Cycle {
    /// Begins with what is there of others.
    pub async fn begin(tenant: &Tenant) -> Self {
        let _ = tenant.group(SHARED).await;
        let writers = (0..WRITERS).map(|number| Writer::new(number, SEED)).collect();
        let mut cycle = Self { writers, random: Random(SEED) };
        cycle.check(tenant).await;
        cycle
    }

    /// Lets the writers write and brings about a fault after a number of acknowledged writes that the seed tells, at a
    /// moment that it tells, too. The writers end at their first request without an answer, at the latest when the fault
    /// has passed.
    pub async fn cut(&mut self, tenant: &Tenant, fault: impl AsyncFnOnce()) {
        let progress = Arc::new(Progress::default());
        let writers = self.writers.drain(..).map(|writer| {
            let (tenant, progress) = (tenant.clone(), progress.clone());
            tokio::spawn(async move { writer.write(tenant, &progress).await })
        });
        let writers: Vec<_> = writers.collect();
        let many = 5 + self.random.below(40);
        let acknowledged = || progress.acknowledged.load(Ordering::Relaxed);
        poll("enough is acknowledged", async || (acknowledged() >= many).then_some(())).await;
        let moment = u64::try_from(self.random.below(5_000)).unwrap();
        tokio::time::sleep(Duration::from_micros(moment)).await;
        fault().await;
        progress.enough.store(true, Ordering::Relaxed);
        self.writers = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    }

    /// Holds what was acknowledged, what is there and what the feed tells against each other.
    pub async fn check(&mut self, tenant: &Tenant) {
        let found = Found::read(tenant).await;
        for writer in &mut self.writers {
            writer.settle(&found);
        }
        let _ = feed::check(tenant).await;
    }
}

/// A whole cycle from whatever is left, and once more: the second one finds everything right and changes nothing.
pub async fn whole_cycles(tenant: &Tenant) {
    provision(tenant, 12).await;
    let first = feed::check(tenant).await;
    provision(tenant, 12).await;
    assert_eq!(feed::check(tenant).await, first, "a cycle that finds everything right changes nothing");
}

impl State {
    fn apply(&mut self, write: &Write) {
        match write {
            Write::Hire(name, title) | Write::Retitle(name, title) => {
                self.users.insert(name.clone(), title.clone());
            }
            Write::Fire(name) => {
                self.users.remove(name);
                for members in self.groups.values_mut() {
                    members.remove(name);
                }
            }
            Write::Found(group, members) => {
                self.groups.insert(group.clone(), members.clone());
            }
            Write::Join(group, members) => self.members(group).extend(members.iter().cloned()),
            Write::Leave(group, members) => self.members(group).retain(|member| !members.contains(member)),
            Write::Both(group, member) => {
                self.members(group).insert(member.clone());
            }
            Write::Dissolve(group) => {
                self.groups.remove(group);
            }
        }
    }

    fn members(&mut self, group: &str) -> &mut BTreeSet<String> {
        self.groups.entry(group.to_owned()).or_default()
    }

    /// What one writer made.
    fn of(&self, writer: &str) -> Self {
        let own = |name: &String| name.starts_with(writer);
        let mut part = self.clone();
        part.users.retain(|name, _| own(name));
        part.groups.retain(|name, _| own(name) || name == SHARED);
        part.groups.values_mut().for_each(|members| members.retain(own));
        part
    }
}

impl Found {
    /// Reads what is there.
    async fn read(tenant: &Tenant) -> Self {
        let mut found = Self { state: State::default(), ids: BTreeMap::new() };
        let mut names = BTreeMap::new();
        for user in list(tenant, "/Users").await {
            let name = user["userName"].as_str().unwrap().trim_end_matches("@corp.test").to_owned();
            let title = user["title"].as_str().unwrap().to_owned();
            // Of one write all is there or nothing.
            assert_eq!(user["emails"][0]["value"], format!("{title}@corp.test"), "{user}");
            names.insert(id(&user), name.clone());
            assert_eq!(found.ids.insert(name.clone(), id(&user)), None, "{name} is there twice");
            found.state.users.insert(name, title);
        }
        for group in list(tenant, "/Groups").await {
            let name = group["displayName"].as_str().unwrap().to_owned();
            let members = group["members"].as_array().into_iter().flatten();
            let members: BTreeSet<String> =
                members.map(|member| names[member["value"].as_str().unwrap()].clone()).collect();
            assert_eq!(found.ids.insert(name.clone(), id(&group)), None, "{name} is there twice");
            found.state.groups.insert(name, members);
        }
        found
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
        Self { name: format!("w{number}-"), random, made: 0, acknowledged, ids: BTreeMap::new(), under_way: None }
    }

    /// Writes until no answer comes, or none but "try again", or it is enough.
    async fn write(mut self, tenant: Tenant, progress: &Progress) -> Self {
        while !progress.enough.load(Ordering::Relaxed) {
            let write = self.next();
            let request = self.request(&write);
            self.under_way = Some(write.clone());
            let Ok(answer) = tenant.scim.try_send(request).await else { return self };
            if answer.status == 503 {
                return self;
            }
            assert!(matches!(answer.status, 200 | 201 | 204), "{write:?}: {}", answer.text);
            if let (Write::Hire(name, _) | Write::Found(name, _), 201) = (&write, answer.status) {
                self.ids.insert(name.clone(), answer.id());
            }
            self.acknowledged.apply(&write);
            self.under_way = None;
            progress.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    /// Holds the record against what is there, and takes over what became of the write that was under way.
    fn settle(&mut self, found: &Found) {
        let there = found.state.of(&self.name);
        if let Some(write) = self.under_way.take() {
            let before = self.acknowledged.clone();
            self.acknowledged.apply(&write);
            if there == before {
                self.acknowledged = before;
            } else {
                assert_eq!(
                    there, self.acknowledged,
                    "{write:?} is there by half, or something acknowledged is not; before it was {before:?}"
                );
            }
        }
        assert_eq!(there, self.acknowledged, "what was acknowledged to {}", self.name);
        self.ids.clone_from(&found.ids);
    }

    fn next(&mut self) -> Write {
        let users: Vec<String> = self.acknowledged.users.keys().cloned().collect();
        let groups: Vec<String> = self.acknowledged.groups.keys().cloned().collect();
        let own: Vec<String> = groups.iter().filter(|name| *name != SHARED).cloned().collect();
        self.made += 1;
        let new = format!("{}{}", self.name, self.made);
        let some: BTreeSet<String> = (0..3).filter_map(|_| self.random.pick(&users)).collect();
        let (one, group) = (self.random.pick(&users), self.random.pick(&groups).unwrap());
        match (self.random.below(16), one, self.random.pick(&own)) {
            (4..=6, Some(user), _) => Write::Retitle(user, format!("{new}-again")),
            (7, Some(user), _) if users.len() > 5 => Write::Fire(user),
            (8, ..) => Write::Found(new, some),
            (9..=11, Some(_), _) => Write::Join(group, some),
            (12 | 13, Some(_), _) => Write::Leave(group, some),
            (14, Some(user), Some(group)) => Write::Both(group, user),
            (15, _, Some(group)) if own.len() > 2 => Write::Dissolve(group),
            _ => Write::Hire(new.clone(), format!("{new}-new")),
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
            Write::Hire(name, title) => Request::new("POST", "/Users").json(&titled(name, title)),
            Write::Retitle(name, title) => Request::new("PATCH", &path("Users", name)).json(&patch(json!([
                { "op": "replace", "path": "title", "value": title },
                { "op": "replace", "path": "emails[type eq \"work\"].value", "value": format!("{title}@corp.test") },
            ]))),
            Write::Fire(name) => Request::new("DELETE", &path("Users", name)),
            Write::Found(name, first) => {
                let mut body = group(name);
                body["members"] = members(first);
                Request::new("POST", "/Groups").json(&body)
            }
            Write::Join(group, names) => {
                change(group, json!([{ "op": "add", "path": "members", "value": members(names) }]))
            }
            Write::Leave(group, names) => {
                change(group, json!([{ "op": "remove", "path": "members", "value": members(names) }]))
            }
            Write::Both(group, name) => change(
                group,
                json!([
                    { "op": "replace", "path": "externalId", "value": format!("with {name}, {}", self.made) },
                    { "op": "add", "path": "members", "value": [{ "value": self.ids[name] }] },
                ]),
            ),
            Write::Dissolve(group) => Request::new("DELETE", &path("Groups", group)),
        }
    }
}

fn titled(name: &str, title: &str) -> Value {
    let mut body = user(name);
    body["title"] = title.into();
    body["emails"][0]["value"] = format!("{title}@corp.test").into();
    body
}

/// A whole cycle as a provider runs it, from whatever is there: looks for everybody by name, makes who is missing, puts
/// right who is wrong, and sets the members.
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
