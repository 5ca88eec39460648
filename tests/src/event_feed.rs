//! Replays the event feed: the result must equal the stored resources and members.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Tenant;

/// The resources according to a feed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FeedState {
    /// Users that are not deleted, with their versions.
    pub users: BTreeMap<String, i64>,
    /// Groups that are not deleted.
    pub groups: BTreeMap<String, Group>,
}

/// A group according to the feed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Group {
    own_version: i64,
    /// The requests that changed its members.
    changes: BTreeSet<String>,
    /// How many members were deleted while they were in it.
    deleted_members: i64,
    /// Its members.
    pub members: BTreeSet<String>,
}

impl Group {
    /// The version that its ETag has: every change of the members counts.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.own_version + i64::try_from(self.changes.len()).unwrap() + self.deleted_members
    }
}

impl FeedState {
    /// Applies events in order. None may repeat an earlier one or name a missing resource, and versions have no gaps.
    #[must_use]
    pub fn replay(events: &[Value]) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
    }

    fn apply(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let (id, member, request) = (text("resourceId"), text("memberId"), text("requestId"));
        let version = event["version"].as_i64();
        let group = self.groups.get_mut(&id);
        match event["type"].as_str().unwrap() {
            "user.created" => assert_eq!(self.users.insert(id, version.unwrap()), None, "{event}"),
            "user.updated" => {
                let before = self.users.insert(id, version.unwrap());
                assert_eq!(before.map(|before| before + 1), version, "{event}");
            }
            "user.deleted" => {
                assert_eq!(self.users.remove(&id).map(|before| before + 1), version, "{event}");
                for group in self.groups.values_mut() {
                    group.deleted_members += i64::from(group.members.remove(&id));
                }
            }
            "group.created" => {
                let created = Group { own_version: version.unwrap(), ..Group::default() };
                assert!(self.groups.insert(id, created).is_none(), "{event}");
            }
            "group.updated" => {
                let group = group.unwrap();
                group.own_version += 1;
                assert_eq!(Some(group.own_version), version, "{event}");
            }
            "group.deleted" => {
                let deleted = self.groups.remove(&id);
                assert_eq!(deleted.map(|group| group.own_version + 1), version, "{event}");
            }
            "membership.added" => {
                let group = group.unwrap();
                assert!(self.users.contains_key(&member) && group.members.insert(member), "{event}");
                group.changes.insert(request);
            }
            "membership.removed" => {
                let group = group.unwrap();
                assert!(group.members.remove(&member), "{event}");
                group.changes.insert(request);
            }
            other => panic!("an event of the type {other}"),
        }
    }
}

/// Replays a tenant's feed from its beginning and compares the result with what the SCIM client and the product read. No
/// chain may exclude anything, and every member must be a user.
pub async fn check(tenant: &Tenant) -> FeedState {
    let state = FeedState::replay(&tenant.events().await);
    let [users, groups] =
        [("/Users", state.users.len()), ("/Groups", state.groups.len())].map(|(path, number)| async move {
            let mut all = Vec::new();
            while all.len() < number || number == 0 {
                let query = format!("{path}?count=1000&startIndex={}", all.len() + 1);
                let page = tenant.get(&query).await.expect(200);
                assert_eq!(page.body["totalResults"], number, "the counter of {path}");
                let resources = page.body["Resources"].as_array().unwrap();
                all.extend_from_slice(resources);
                if resources.is_empty() {
                    break;
                }
            }
            all
        });
    let (users, groups) = (users.await, groups.await);
    let read: BTreeMap<String, i64> = users.iter().map(|user| (id(user), version(user))).collect();
    assert_eq!(read, state.users, "the users with their versions");
    check_groups(&state, &groups);

    let mapped = directory(tenant, "users").await;
    let titles = |users: &[Value]| -> BTreeMap<String, Value> {
        users.iter().map(|user| (id(user), user["title"].clone())).collect()
    };
    assert_eq!(titles(&mapped), titles(&users), "the mapped users have the titles of the source documents");
    check_groups(&state, &directory(tenant, "groups").await);
    state
}

async fn directory(tenant: &Tenant, what: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = format!("/{what}?limit=1000");
    loop {
        let page = tenant.directory(&next).await.expect(200);
        all.extend_from_slice(page.body["resources"].as_array().unwrap());
        let Some(cursor) = page.body["nextCursor"].as_str() else { return all };
        next = format!("/{what}?limit=1000&cursor={cursor}");
    }
}

fn check_groups(state: &FeedState, groups: &[Value]) {
    let ids: BTreeSet<String> = groups.iter().map(id).collect();
    assert_eq!(ids, state.groups.keys().cloned().collect(), "the groups");
    for group in groups {
        let expected = &state.groups[&id(group)];
        let members: BTreeSet<String> =
            group["members"].as_array().into_iter().flatten().map(|it| text(&it["value"])).collect();
        assert_eq!(members, expected.members, "the members of {group}");
        assert_eq!(version(group), expected.version(), "the version of {group}");
    }
}

fn id(resource: &Value) -> String {
    text(&resource["id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn version(resource: &Value) -> i64 {
    let tag = resource["meta"]["version"].as_str().unwrap();
    tag.trim_start_matches("W/\"").trim_end_matches('"').parse().unwrap()
}
