//! Held changes of many resources that are mapped again, in the transaction that stores them.

use uuid::Uuid;

use crate::store::held::{Hold, HoldChange};
use crate::store::postgres::pool::Statement;
use crate::store::stamp::Stamp;

/// As of one resource: a batch that is closed by now ends the transaction.
const KEEP_MANY: &str = "
WITH w AS (UPDATE resource r SET held = v.batch
  FROM (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int4[])
      v (id, batch, kind, event, source, set_aside, next_mapped, next_state, next_revision) LIMIT (SELECT 1000000)) v
  WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END
  RETURNING r.resource_type, v.*),
b AS (SELECT b.id FROM (SELECT DISTINCT v.id FROM unnest($3::uuid[]) v (id) ORDER BY 1) v CROSS JOIN LATERAL
  (SELECT b.id FROM held_batch b WHERE b.tenant_id = $1 AND b.id = v.id
    AND CASE WHEN b.tenant_id = $1 THEN b.state IN ('open', 'releasing', 'rejecting') END FOR SHARE) b),
h AS (INSERT INTO held AS h (tenant_id, id, resource_type, batch_id, kind, event, source, set_aside, next_mapped, next_state, next_revision,
    since, at, actor, request_id)
  SELECT $1, w.id, w.resource_type, w.batch, w.kind, w.event, w.source, w.set_aside, w.next_mapped, w.next_state, w.next_revision,
    $11, $11, $12, $13 FROM w
  ON CONFLICT (tenant_id, id) DO UPDATE SET kind = excluded.kind, event = excluded.event, next_mapped = excluded.next_mapped,
    next_state = excluded.next_state, next_revision = excluded.next_revision, at = excluded.at, actor = excluded.actor,
    request_id = excluded.request_id)
SELECT CASE WHEN EXISTS (SELECT 1 FROM w WHERE w.batch NOT IN (SELECT id FROM b)) THEN lost_race() END";

const CANCEL_MANY: &str = "
WITH w AS (UPDATE resource r SET held = NULL FROM (SELECT v.id FROM unnest($2::uuid[]) v (id) LIMIT (SELECT 1000000)) v
  WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END RETURNING r.id)
DELETE FROM held h USING (SELECT h.place FROM w CROSS JOIN LATERAL
    (SELECT h.ctid AS place FROM held h WHERE h.tenant_id = $1 AND h.id = w.id LIMIT 1) h LIMIT (SELECT 1000000)) gone
  WHERE h.tenant_id = $1 AND h.ctid = gone.place";

const STALE_MANY: &str = "
UPDATE held h SET next_state = CASE WHEN h.next_state IN ('excluded', 'never') THEN 'never' ELSE 'stale' END
FROM (SELECT h.place FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
    (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id
      AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END LIMIT 1) r CROSS JOIN LATERAL
    (SELECT h.ctid AS place FROM held h WHERE h.tenant_id = $1 AND h.id = r.id LIMIT 1) h LIMIT (SELECT 1000000)) gone
WHERE h.tenant_id = $1 AND h.ctid = gone.place";

/// What a write of many resources changes about their holds.
#[derive(Default)]
pub(in crate::store) struct HoldChanges<'a> {
    ids: Vec<Uuid>,
    batches: Vec<Uuid>,
    kinds: Vec<&'static str>,
    events: Vec<&'a str>,
    sources: Vec<&'a str>,
    set_aside: Vec<Option<&'a str>>,
    mapped: Vec<Option<&'a str>>,
    states: Vec<&'static str>,
    revisions: Vec<i32>,
    cancelled: Vec<Uuid>,
    stale: Vec<Uuid>,
}

impl<'a> HoldChanges<'a> {
    pub(in crate::store) fn of(changes: impl Iterator<Item = (Uuid, &'a HoldChange)>) -> Self {
        let mut all = Self::default();
        for (id, change) in changes {
            match change {
                // A remap counts what it removes before.
                HoldChange::None | HoldChange::Count(_) => {}
                HoldChange::Keep(hold) => all.keep(id, hold),
                HoldChange::Stale => all.stale.push(id),
                HoldChange::Cancel => all.cancelled.push(id),
            }
        }
        all
    }

    fn keep(&mut self, id: Uuid, hold: &'a Hold) {
        self.ids.push(id);
        self.batches.push(hold.batch);
        self.kinds.push(hold.kind.word());
        self.events.push(&hold.event);
        self.sources.push(&hold.source);
        self.set_aside.push(hold.set_aside.as_deref());
        self.mapped.push(hold.mapped.as_deref());
        self.states.push(hold.mapping_state.column());
        self.revisions.push(hold.mapping_revision);
    }

    /// The statements to send after the one that writes the resources, in its transaction.
    pub(in crate::store) fn statements<'s>(
        &'s self,
        tenant: &'s Uuid,
        stamp: &'s Stamp,
    ) -> impl Iterator<Item = Statement<'s>> {
        let Self { ids, batches, kinds, events, sources, set_aside, mapped, states, revisions, cancelled, stale } =
            self;
        let Stamp { at, actor, request_id } = stamp;
        let keep = (!ids.is_empty()).then(|| {
            Statement::new(
                "holding resources",
                KEEP_MANY,
                &[
                    tenant, ids, batches, kinds, events, sources, set_aside, mapped, states, revisions, at, actor,
                    request_id,
                ],
            )
        });
        let cancel = (!cancelled.is_empty())
            .then(|| Statement::new("ending the holds of resources", CANCEL_MANY, &[tenant, cancelled]));
        let stale = (!stale.is_empty())
            .then(|| Statement::new("keeping older documents for the release", STALE_MANY, &[tenant, stale]));
        keep.into_iter().chain(cancel).chain(stale)
    }
}
