//! Calls that send the statements of remaps and plans.

use std::time::Duration;

use scimgate::store::TenantStore;
use scimgate::store::event::EventKind;
use scimgate::store::held::{HeldKind, Hold, HoldChange};
use scimgate::store::job::{JobKind, JobLease, JobProgress};
use scimgate::store::mapped_unique::UniqueChange;
use scimgate::store::mapping_reason::{MappingReason, ReasonChange};
use scimgate::store::plan::NewPlan;
use scimgate::store::planned_unique::PlannedWrite;
use scimgate::store::resource::key::Key;
use scimgate::store::resource::read::{MappingState, Stored};
use scimgate::store::resource::remap::{MappedBy, Remapped};
use scimgate::store::shadow::ShadowRow;
use scimgate_tests::{Tenant, TestGateway};
use uuid::Uuid;

/// A batch of a remap, in which users become visible.
pub(super) async fn remap(gateway: &TestGateway, tenant: &Tenant) {
    let paused = gateway.gateway.job_rounds.acquire().await;
    let id = gateway.gateway.store.control().find_tenant(&tenant.name).await.unwrap().unwrap().id;
    gateway.gateway.forget_tenant(id).await;
    let ctx = gateway.context(&tenant.name).await;
    let store = &ctx.store;
    let _ = store.cancel_job(JobKind::Remap, gateway.clock.now()).await.unwrap();
    let _ = store.begin_remap_anew(gateway.clock.now()).await.unwrap();
    let (kind, holder, ttl) = (JobKind::Remap, Uuid::new_v4(), Duration::from_secs(30));
    let job = store.claim_job(kind, holder, ttl).await.unwrap().unwrap();
    let lease = JobLease { kind, id: job.id, holder, ttl };
    let revision = ctx.settings.chain.revision;
    let read = store.unmapped_after(Uuid::nil(), 100, revision + 1).await.unwrap();
    let documents: Vec<Remapped> =
        read.into_iter().filter_map(|it| it.stored).map(|stored| remapped(stored, HoldChange::None)).take(8).collect();
    let by = MappedBy { mapping: revision, schemas: ctx.settings.schema_revision };
    let done = store.store_remapped(&lease, by, &documents, JobProgress::default(), &ctx.stamp()).await.unwrap();
    assert_eq!(done.unwrap().changed, i64::try_from(documents.len()).unwrap());
    let batch = store.hold_protected(Uuid::now_v7(), &ctx.stamp()).await.unwrap().held.unwrap().batch;
    let hold = |stored: &Stored| Hold {
        batch,
        kind: HeldKind::Excluded,
        event: "user.deleted".to_owned(),
        source: stored.source.clone(),
        set_aside: None,
        mapped: None,
        mapping_state: MappingState::Excluded,
        mapping_revision: revision,
    };
    for step in 0..3 {
        let read = store.unmapped_after(Uuid::nil(), 100, revision + 1).await.unwrap();
        let changes = read.into_iter().filter_map(|it| it.stored).take(2).map(|stored| {
            let change = match step {
                0 => HoldChange::Keep(Box::new(hold(&stored))),
                1 => HoldChange::Stale,
                _ => HoldChange::Cancel,
            };
            Remapped { resource_type: "Group".to_owned(), ..remapped(stored, change) }
        });
        let changes: Vec<Remapped> = changes.collect();
        let done = store.store_remapped(&lease, by, &changes, JobProgress::default(), &ctx.stamp()).await.unwrap();
        assert_eq!(done.unwrap().changed, i64::try_from(changes.len()).unwrap());
    }
    let _ = store.count_by_mapping().await.unwrap();
    plan(gateway, store).await;
    let row = ShadowRow { process: holder, report: "{}".to_owned(), dropped: 0 };
    store.begin_shadow(1, 10).await.unwrap();
    store.save_shadow(1, &row, gateway.clock.now()).await.unwrap();
    assert_eq!(store.shadow(1).await.unwrap().len(), 1);
    store.end_shadow().await.unwrap();
    drop(paused);
}

/// A document that becomes visible.
fn remapped(stored: Stored, hold: HoldChange) -> Remapped {
    Remapped {
        unique: UniqueChange::Set(vec![Key { attribute: "1 title".into(), key: stored.id.to_string() }]),
        id: stored.id,
        row: stored.row_version(),
        resource_type: stored.resource_type,
        state: MappingState::Same,
        mapped: None,
        keeps_mapped: false,
        event: Some(EventKind::Created),
        failure: None,
        reason: if stored.id.as_u128().is_multiple_of(2) {
            ReasonChange::Drop
        } else {
            ReasonChange::Keep(MappingState::Excluded, MappingReason::new(1, "scoping@1", "userType is Contractor"))
        },
        hold,
    }
}

/// A plan and a batch of it.
async fn plan(gateway: &TestGateway, store: &TenantStore) {
    let now = gateway.clock.now();
    let new = NewPlan {
        revision: 1,
        base_mapping: 0,
        schema_revision: 0,
        sample: Some(10),
        seed: 1,
        max_hash: Some(0),
        total: 10,
        report: "{}",
    };
    store.begin_plan(&new, now).await.unwrap();
    let (kind, holder, ttl) = (JobKind::Plan, Uuid::new_v4(), Duration::from_secs(30));
    let job = store.claim_job(kind, holder, ttl).await.unwrap().unwrap();
    assert_eq!(store.plan(1).await.unwrap().unwrap().id, job.id);
    let lease = JobLease { kind, id: job.id, holder, ttl };
    let _ = store.planned_after(Uuid::nil(), 100, (1, Some(0))).await.unwrap();
    let key = ("User".to_owned(), Key { attribute: "1 title".into(), key: "dr".to_owned() });
    let (mut planned, conflict) = (PlannedWrite::default(), Uuid::new_v4());
    planned.claim(&key, Some(conflict));
    planned.conflict(conflict);
    assert!(store.save_plan(&lease, (1, "{}"), &JobProgress::default(), &planned, (false, now)).await.unwrap());
    let holders = store.planned_holders(job.id, std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(holders.get(&key), Some(&Some(conflict)));
    assert_eq!(store.planned_conflicts(job.id, Uuid::nil(), 10).await.unwrap(), [conflict]);
    let mut planned = PlannedWrite::default();
    planned.resolve(conflict);
    assert!(store.save_plan(&lease, (1, "{}"), &JobProgress::default(), &planned, (true, now)).await.unwrap());
    assert!(store.planned_conflicts(job.id, Uuid::nil(), 10).await.unwrap().is_empty());
    assert!(store.forget_planned(job.id).await.unwrap());
    while store.forget_planned(job.id).await.unwrap() {}
    let _ = store.cancel_job(kind, now).await.unwrap();
}
