//! Why a resource is hidden from the product, or why the product reads an older document of it. It is written in the transaction
//! of the resource's write, by a statement of its own: the writes of mapped resources have none.

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::postgres::pool::Statement;
use crate::store::resource::read::MappingState;
use crate::store::stamp::Stamp;
use crate::store::{Params, TenantStore};

/// Longest reason that is kept, in bytes; a longer one is truncated.
const MAX_REASON_BYTES: usize = 2_048;

/// Why the mapping has no document for the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingReason {
    /// The step's position in the chain, from 1.
    pub step: i32,
    /// The plugin as `name@version`; empty where it could not be loaded.
    pub plugin: String,
    /// The plugin's words.
    pub text: String,
}

impl MappingReason {
    /// A reason as it can be stored: of limited length, and without U+0000, which the database refuses.
    #[must_use]
    pub fn new(step: usize, plugin: &str, text: &str) -> Self {
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        let mut end = text.len().min(MAX_REASON_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self { step: i32::try_from(step).unwrap_or(i32::MAX), plugin: clean(plugin), text: clean(&text[..end]) }
    }
}

/// What a write changes about the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReasonChange {
    /// Nothing: the resource was mapped before and is mapped now.
    None,
    /// The mapping decided this, for this reason. Of a held resource, the row has another state.
    Keep(MappingState, MappingReason),
    /// It had one, and is mapped now.
    Drop,
}

/// A kept reason.
#[derive(Clone, Debug)]
pub struct KeptReason {
    /// The state of the resource that it explains.
    pub state: MappingState,
    /// The mapping revision that decided last.
    pub revision: i32,
    /// Why.
    pub reason: MappingReason,
    /// Since when the resource is in this state.
    pub since: SystemTime,
    /// The last write: when, by whom and by which request.
    pub last: Stamp,
}

/// Depends on the row that this transaction wrote, so that a write which lost its race keeps nothing.
const KEEP: &str = "
INSERT INTO mapping_reason AS m (tenant_id, id, state, revision, step, plugin, reason, since, at, actor, request_id)
SELECT r.tenant_id, r.id, $9, r.mapping_revision, $3, $4, $5, $6, $6, $7, $8 FROM resource r
WHERE r.tenant_id = $1 AND r.id = $2 AND CASE WHEN r.xmin = pg_current_xact_id()::xid THEN r.deleted_at IS NULL END
ON CONFLICT (tenant_id, id) DO UPDATE SET state = excluded.state, revision = excluded.revision, step = excluded.step,
  plugin = excluded.plugin, reason = excluded.reason, at = excluded.at, actor = excluded.actor, request_id = excluded.request_id,
  since = CASE WHEN m.state = excluded.state THEN m.since ELSE excluded.since END";

const DROP: &str = "
DELETE FROM mapping_reason m WHERE m.tenant_id = $1 AND m.id = $2 AND EXISTS (SELECT 1 FROM resource r
  WHERE r.tenant_id = $1 AND r.id = $2 AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END)";

/// The same of many resources that are mapped again, whose ids, states, steps, plugins and reasons are arrays. The last write of a
/// resource that has a reason already stays what it was.
const KEEP_MANY: &str = "
INSERT INTO mapping_reason AS m (tenant_id, id, state, revision, step, plugin, reason, since, at, actor, request_id)
SELECT $1, r.id, v.state, r.mapping_revision, v.step, v.plugin, v.reason, $7, $7, $8, $9
FROM unnest($2::uuid[], $3::text[], $4::int4[], $5::text[], $6::text[]) v (id, state, step, plugin, reason) CROSS JOIN LATERAL
  (SELECT r.id, r.mapping_revision FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id
    AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END LIMIT 1) r
ON CONFLICT (tenant_id, id) DO UPDATE SET state = excluded.state, revision = excluded.revision, step = excluded.step,
  plugin = excluded.plugin, reason = excluded.reason, since = CASE WHEN m.state = excluded.state THEN m.since ELSE excluded.since END";

/// By the rows' places, which are found one by one.
const DROP_MANY: &str = "
DELETE FROM mapping_reason m USING (SELECT m.place FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
    (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id
      AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END LIMIT 1) r CROSS JOIN LATERAL
    (SELECT m.ctid AS place FROM mapping_reason m WHERE m.tenant_id = $1 AND m.id = r.id LIMIT 1) m LIMIT (SELECT 1000000)) gone
  WHERE m.tenant_id = $1 AND m.ctid = gone.place";

const COLUMNS: &str = "m.state, m.revision, m.step, m.plugin, m.reason, m.since, m.at, m.actor, m.request_id";

impl ReasonChange {
    /// The statement to send after the one that writes the resource, in its transaction.
    pub(in crate::store) fn statement<'a>(
        &'a self,
        tenant: &'a Uuid,
        id: &'a Uuid,
        stamp: &'a Stamp,
    ) -> Option<Statement<'a>> {
        match self {
            Self::None => None,
            Self::Keep(state, MappingReason { step, plugin, text }) => Some(Statement::new(
                "keeping the reason of a mapping",
                KEEP,
                &[tenant, id, step, plugin, text, &stamp.at, &stamp.actor, &stamp.request_id, state.column()],
            )),
            Self::Drop => Some(drop_reason(tenant, id)),
        }
    }
}

/// What a write of many resources changes about their reasons.
#[derive(Default)]
pub(in crate::store) struct Reasons<'a> {
    ids: Vec<Uuid>,
    states: Vec<&'static str>,
    steps: Vec<i32>,
    plugins: Vec<&'a str>,
    texts: Vec<&'a str>,
    dropped: Vec<Uuid>,
}

impl<'a> Reasons<'a> {
    pub(in crate::store) fn of(changes: impl Iterator<Item = (Uuid, &'a ReasonChange)>) -> Self {
        let mut all = Self::default();
        for (id, change) in changes {
            match change {
                ReasonChange::None => {}
                ReasonChange::Drop => all.dropped.push(id),
                ReasonChange::Keep(state, reason) => {
                    all.ids.push(id);
                    all.states.push(state.column());
                    all.steps.push(reason.step);
                    all.plugins.push(&reason.plugin);
                    all.texts.push(&reason.text);
                }
            }
        }
        all
    }

    /// The statements to send after the one that writes the resources, in its transaction.
    pub(in crate::store) fn statements<'s>(
        &'s self,
        tenant: &'s Uuid,
        stamp: &'s Stamp,
    ) -> impl Iterator<Item = Statement<'s>> {
        let Self { ids, states, steps, plugins, texts, dropped } = self;
        let keep = (!ids.is_empty()).then(|| {
            Statement::new(
                "keeping the reasons of a mapping",
                KEEP_MANY,
                &[tenant, ids, states, steps, plugins, texts, &stamp.at, &stamp.actor, &stamp.request_id],
            )
        });
        let drop = (!dropped.is_empty())
            .then(|| Statement::new("dropping the reasons of a mapping", DROP_MANY, &[tenant, dropped]));
        keep.into_iter().chain(drop)
    }
}

/// Drops the reason of a resource that this transaction wrote or deleted.
pub(in crate::store) fn drop_reason<'a>(tenant: &'a Uuid, id: &'a Uuid) -> Statement<'a> {
    Statement::new("dropping the reason of a mapping", DROP, &[tenant, id])
}

/// Reads [`COLUMNS`] from this column on; none where the resource has no reason.
pub(in crate::store) fn from_row(row: &Row, first: usize) -> Result<Option<KeptReason>, Error> {
    let Some(state) = row.get::<_, Option<&str>>(first) else { return Ok(None) };
    Ok(Some(KeptReason {
        state: MappingState::from_word(state)?,
        revision: row.get(first + 1),
        reason: MappingReason {
            step: row.get::<_, Option<i32>>(first + 2).unwrap_or_default(),
            plugin: row.get(first + 3),
            text: row.get(first + 4),
        },
        since: row.get(first + 5),
        last: Stamp { at: row.get(first + 6), actor: row.get(first + 7), request_id: row.get(first + 8) },
    }))
}

/// A resource that the mapping has no current document for.
#[derive(Clone, Debug)]
pub struct Unmapped {
    /// Its id.
    pub id: Uuid,
    /// Its type's name.
    pub resource_type: String,
    /// Its source document's text.
    pub source: String,
    /// Why; none where it was written before reasons were kept.
    pub reason: Option<KeptReason>,
}

impl TenantStore {
    /// The reason that is kept of a resource.
    pub async fn mapping_reason(&self, id: Uuid) -> Result<Option<KeptReason>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM mapping_reason m WHERE m.tenant_id = $1 AND m.id = $2");
        let rows = self.query("reading the reason of a mapping", &sql, &[&self.tenant.0, &id]).await?;
        rows.first().map_or(Ok(None), |row| from_row(row, 0))
    }

    /// Living resources in a state other than mapped, after an id and in the order of ids.
    pub async fn unmapped(&self, state: MappingState, after: Uuid, count: i64) -> Result<Vec<Unmapped>, Error> {
        let sql = format!(
            "SELECT r.id, r.resource_type, r.source, {COLUMNS} FROM resource r LEFT JOIN LATERAL \
             (SELECT * FROM mapping_reason m WHERE m.tenant_id = $1 AND m.id = r.id LIMIT 1) m ON true \
             WHERE r.tenant_id = $1 AND r.mapping_state = $2 AND r.id > $3 AND r.deleted_at IS NULL \
             AND r.mapping_state IN ('excluded', 'stale', 'never') AND r.held IS NULL ORDER BY r.id LIMIT $4"
        );
        let params: Params<'_> = &[&self.tenant.0, state.column(), &after, &count];
        let rows = self.read("listing what is not mapped", &sql, params).await.map_err(|error| error.of_page(count))?;
        let unmapped = |row: &Row| {
            Ok(Unmapped { id: row.get(0), resource_type: row.get(1), source: row.get(2), reason: from_row(row, 3)? })
        };
        rows.iter().map(unmapped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_truncated_at_a_character_and_has_no_nul() {
        let reason = MappingReason::new(2, "scoping@1", &format!("a\0b{}", "é".repeat(MAX_REASON_BYTES)));
        assert_eq!(reason.step, 2);
        assert!(reason.text.starts_with("a\u{fffd}bé") && reason.text.len() <= MAX_REASON_BYTES + 2);
        assert_eq!(MappingReason::new(1, "", "userType is Contractor.").text, "userType is Contractor.");
    }
}
