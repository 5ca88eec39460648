//! The statements of group rules, and of what is announced of them.

use std::time::Duration;

use scimgate::store::announced::{AnnouncedGrant, AnnouncedGroup, Announcement};
use scimgate::store::guard::MembersGuard;
use scimgate::store::held::HoldChange;
use scimgate::store::job::{JobKind, JobLease, JobProgress};
use scimgate::store::mapped_unique::UniqueChange;
use scimgate::store::mapping_reason::ReasonChange;
use scimgate::store::resource::content::{Content, Written};
use scimgate::store::resource::read::ReadOptions;
use scimgate::store::resource::update::Update;
use scimgate_tests::{Tenant, TestGateway, many_users};
use serde_json::json;
use uuid::Uuid;

use super::fine;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, (ada, round): (&str, &str)) {
    let group = tenant.group(&format!("{round}-ruled")).await;
    // The job is at work only where its statements are sent one by one.
    let jobs = gateway.gateway.job_rounds.acquire().await;
    let path = format!("/tenants/{}/group-rules", tenant.name);
    let names = [json!({ "id": group }), json!({ "externalId": "x7" }), json!({ "displayName": "g7" })];
    let rules: Vec<_> = names.iter().map(|group| json!({ "group": group, "role": { "value": "admin" } })).collect();
    let _ = fine(gateway.operator.put(&path, &json!({ "rules": rules })).await.expect(200));
    let _ = fine(gateway.operator.get(&path).await.expect(200));
    for path in [format!("/users/{ada}"), "/users?limit=5".to_owned()] {
        let _ = fine(tenant.directory(&path).await.expect(200));
    }
    let group = group.parse().unwrap();
    announce(gateway, tenant, (ada, group)).await;
    rename_unseen(gateway, tenant, group).await;
    let _ = fine(gateway.operator.delete(&path).await.expect(200));
    let ctx = gateway.context(&tenant.name).await;
    let _ = ctx.store.cancel_job(JobKind::GroupRules, gateway.clock.now()).await.unwrap();
    drop(jobs);
}

async fn announce(gateway: &TestGateway, tenant: &Tenant, (ada, group): (&str, Uuid)) {
    let ctx = gateway.context(&tenant.name).await;
    let (store, kind, holder, ttl) = (&ctx.store, JobKind::GroupRules, Uuid::new_v4(), Duration::from_secs(30));
    let job = store.claim_job(kind, holder, ttl).await.unwrap().unwrap();
    let lease = JobLease { kind, id: job.id, holder, ttl };
    store.settle_group_rules(&lease).await.unwrap();
    let (last, wakes) = (store.last_seq().await.unwrap(), store.wakes().await.unwrap());
    let _ = store.events_to_follow(last - 5, 5).await.unwrap();
    let users: Vec<Uuid> =
        [ada.parse().unwrap()].into_iter().chain((1..20).map(|n| many_users::id(n).parse().unwrap())).collect();
    let _ = store
        .members_to_compare("0198c0de-0001-7000-8000-0000000000c8".parse().unwrap(), Uuid::nil(), 50)
        .await
        .unwrap();
    assert!(!store.mapped_texts(&users).await.unwrap().is_empty());
    let grants = |user: &Uuid| AnnouncedGrant { group, member: *user, grants: "[]".to_owned() };
    let kept = AnnouncedGroup { grants: "[]".to_owned(), walk_after: None };
    let mut some = Announcement {
        updated: users[..1].to_vec(),
        grants: users.iter().map(grants).collect(),
        groups: vec![(group, kept)],
        seq: Some(last),
        wakes,
        ..Announcement::default()
    };
    let progress = JobProgress::default();
    assert_eq!(store.announce(&lease, &some, &progress, &ctx.stamp()).await.unwrap(), 1);
    assert_eq!(store.announced_grants(&users).await.unwrap().len(), users.len());
    assert_eq!(store.announced_groups().await.unwrap().len(), 1);
    (some.withdrawn, some.forgotten) = (users.iter().map(|user| (group, *user)).collect(), vec![group]);
    (some.grants, some.groups, some.updated) = (Vec::new(), Vec::new(), Vec::new());
    let _ = store.announce(&lease, &some, &progress, &ctx.stamp()).await.unwrap();
    assert_eq!(store.announced_grants(&users).await.unwrap(), []);
}

/// The source of a group changes, and the product sees the same.
async fn rename_unseen(gateway: &TestGateway, tenant: &Tenant, id: Uuid) {
    let ctx = gateway.context(&tenant.name).await;
    let stored = ctx.store.get("Group", id, ReadOptions::default()).await.unwrap().unwrap();
    let document = serde_json::from_str(&stored.source).unwrap();
    let keys = ctx.settings.keys(&document, ctx.settings.registry.resource_type("Group").unwrap());
    let content = Content {
        source: stored.source.clone(),
        set_aside: None,
        mapped: stored.mapped.clone(),
        mapping_state: stored.mapping_state,
        mapping_revision: ctx.settings.chain.revision,
        schema_revision: ctx.settings.schema_revision,
        key_layout: ctx.settings.search.layout,
        awaits_references: ctx.settings.awaits_references,
        keys: keys.clone(),
        event: None,
        reason: ReasonChange::None,
        hold: HoldChange::None,
        unique: UniqueChange::None,
        origin: None,
        has_ruled_names: true,
    };
    let update = Update {
        resource_type: "Group",
        id,
        row: stored.row_version(),
        member_changes: None,
        before: &keys,
        content: &content,
        members: None,
        members_guard: &MembersGuard::Off,
        reads_groups: false,
    };
    let (written, ..) = ctx.store.update(&update, &ctx.stamp()).await.unwrap();
    assert_eq!(written, Written::Done(stored.own_version + 1));
}
