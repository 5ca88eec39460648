//! Random sequences of whatever changes what rules give. After each, what was announced is what the directory shows, and every user whom
//! the product saw before and after has exactly one event if something else is shown of it, and none otherwise.

use std::collections::BTreeSet;

use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::{Change, Watched, role, set_rules};
use crate::remap::helpers::{finished, map, stop_jobs};

on_postgres!(what_is_announced_is_what_is_shown);

const ROUNDS: u32 = 30;
const USERS: [&str; 4] = ["ada", "bob", "eve", "sam"];
const NAMES: [&str; 4] = ["Crew", "crew", "Band", "Other"];
const GROUPS: usize = 3;
const RULES: [&[(&str, &str)]; 4] = [
    &[("Crew", "admin"), ("Band", "admin"), ("Other", "reader")],
    &[("Crew", "admin"), ("Band", "player")],
    &[("Other", "admin"), ("Crew", "reader")],
    &[],
];

/// Pseudo-random numbers of a fixed seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }
}

struct World<'g> {
    watched: Watched<'g>,
    dice: Dice,
    users: Vec<String>,
    groups: Vec<String>,
}

impl World<'_> {
    fn member(&mut self) -> String {
        let index = self.dice.below(self.users.len());
        self.users[index].clone()
    }

    fn members(&mut self) -> Value {
        let chosen: Vec<Value> =
            self.users.clone().iter().filter(|_| self.dice.below(2) == 0).map(|id| json!({ "value": id })).collect();
        chosen.into()
    }

    /// One request of the identity provider.
    async fn request(&mut self) -> String {
        let index = self.dice.below(GROUPS);
        let (place, member, name) = (self.groups[index].clone(), self.member(), self.dice.of(&NAMES));
        let tenant = self.watched.tenant.clone();
        let path = format!("/Groups/{place}");
        match self.dice.below(8) {
            0 | 1 => self.watched.add(&place, &member).await,
            2 => self.watched.remove(&place, &member).await,
            3 => {
                let mut body = group(name);
                body["members"] = self.members();
                let _ = tenant.put(&path, &body).await.expect(200);
            }
            4 => self.watched.rename(&place, name).await,
            5 => {
                let _ = tenant.delete(&path).await.expect(204);
                let mut body = group(name);
                body["members"] = self.members();
                self.groups[index] = tenant.post("/Groups", &body).await.expect(201).id();
            }
            6 => {
                let roles: Vec<Value> = ["admin", "reader"]
                    .iter()
                    .filter(|_| self.dice.below(2) == 0)
                    .map(|it| json!({ "value": it }))
                    .collect();
                let set = patch(json!([{ "op": "replace", "path": "roles", "value": roles }]));
                let _ = tenant.patch(&format!("/Users/{member}"), &set).await.expect(200);
            }
            _ => {
                let _ = tenant.delete(&format!("/Users/{member}")).await.expect(204);
                let index = self.users.iter().position(|id| *id == member).unwrap();
                let back = tenant.post("/Users", &contractor(USERS[index])).await.expect(201).id();
                self.users[index] = back;
            }
        }
        format!("{place} {member} {name}")
    }

    /// Something that a job follows, or several requests at once.
    async fn round(&mut self) -> Vec<String> {
        let gateway = self.watched.gateway;
        match self.dice.below(9) {
            0 => {
                let rules: Vec<Value> =
                    RULES[self.dice.below(4)].iter().map(|(group, value)| role(group, value)).collect();
                set_rules(gateway, &rules).await;
                vec![format!("{rules:?}")]
            }
            1 => {
                let exclude = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
                let _ = map(gateway, "tutorial", &exclude, "refuse").await;
                let _ = finished(gateway, &self.watched.tenant).await;
                vec!["exclude".to_owned()]
            }
            2 => {
                let _ = gateway.operator.delete("/tenants/acme/mapping").await;
                let _ = finished(gateway, &self.watched.tenant).await;
                vec!["include".to_owned()]
            }
            many => {
                let _stop = stop_jobs(gateway).await;
                let mut done = Vec::new();
                for _ in 0..many - 2 {
                    done.push(self.request().await);
                }
                done
            }
        }
    }
}

fn contractor(name: &str) -> Value {
    let mut body = user(name);
    if name == "eve" || name == "sam" {
        body["userType"] = "Contractor".into();
    }
    body
}

/// The rows of what is announced, and what they would be by what the product sees now.
async fn check_rows(gateway: &TestGateway, users: &[String]) {
    let ctx = gateway.context("acme").await;
    let ids: Vec<_> = users.iter().map(|id| id.parse().unwrap()).collect();
    let rows = ctx.store.announced_grants(&ids).await.unwrap();
    let rows: BTreeSet<_> = rows.into_iter().map(|row| (row.member, row.group)).collect();
    let rules = &ctx.settings.group_rules;
    let now = ctx.store.ruled_memberships(&ids, rules.keys()).await.unwrap();
    assert_eq!(rows, now.into_iter().map(|it| (it.user, it.group.id)).collect());
    let groups = ctx.store.announced_groups().await.unwrap();
    assert!(groups.iter().all(|(_, group)| group.walk_after.is_none() && !group.grants.is_empty()), "{groups:?}");
}

fn check(change: &Change, done: &[String]) {
    let Change { differ, announced, events } = change;
    let once: BTreeSet<&String> = announced.iter().collect();
    assert_eq!(once.len(), announced.len(), "a user is announced twice: {announced:?} {done:?}");
    let of_user = |id: &String| events.iter().filter(|(kind, it)| it == id && kind.starts_with("user")).count();
    for id in differ {
        assert!(of_user(id) > 0, "{id} differs and has no event: {done:?} {events:?}");
    }
    // The write of a user announces what it changes itself, and what rules change beside it may be announced with it.
    for id in announced.iter().filter(|id| !differ.contains(*id)) {
        assert!(of_user(id) > 1, "{id} is announced without a change: {done:?} {events:?}");
    }
}

async fn what_is_announced_is_what_is_shown(gateway: &TestGateway) {
    let watched = Watched::new(gateway).await;
    let mut world = World { watched, dice: Dice(0x9e37_79b9_7f4a_7c15), users: Vec::new(), groups: Vec::new() };
    for name in USERS {
        world.users.push(world.watched.tenant.post("/Users", &contractor(name)).await.expect(201).id());
    }
    for name in NAMES.iter().take(GROUPS) {
        world.groups.push(world.watched.tenant.group(name).await);
    }
    let rules: Vec<Value> = RULES[0].iter().map(|(group, value)| role(group, value)).collect();
    set_rules(gateway, &rules).await;
    let _ = world.watched.look().await;
    let mut announced = 0;
    for _ in 0..ROUNDS {
        let done = world.round().await;
        let change = world.watched.look().await;
        check(&change, &done);
        announced += change.announced.len();
        check_rows(gateway, &world.users).await;
    }
    assert!(announced > 10, "{announced}");
}
