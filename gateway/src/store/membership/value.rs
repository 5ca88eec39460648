//! Which resource a member value names: one rule for the values a request adds or removes and for those it is refused for.
//!
//! It is the id of a living resource; else the externalId of a user, case-sensitively (RFC 7643 §3.1: "caseExact"); else a
//! user's userName, as names are compared. So it names at most one resource. A value that is the externalId of several users
//! names none.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Values in the forms in which they are looked up.
pub(in crate::store) struct MemberValues<'a> {
    texts: &'a [String],
    keys: Vec<String>,
    /// None where the text cannot be an id.
    ids: Vec<Option<Uuid>>,
}

impl<'a> MemberValues<'a> {
    pub(in crate::store) fn of(texts: &'a [String]) -> Self {
        Self {
            texts,
            keys: texts.iter().map(|text| scimgate_scim::fold::fold(text)).collect(),
            ids: texts.iter().map(|text| text.parse().ok()).collect(),
        }
    }

    /// The parameters of [`resolve_sql`].
    pub(in crate::store) fn params(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.texts, &self.keys, &self.ids]
    }
}

/// Resolves the values in the parameter `first` and the two after it, as named sets of a statement: `{set}` has the ids of
/// the resources, `{set}_unknown` the values that name none, and `{set}_other` all values that are not ids.
///
/// Only values that are not ids are looked up by name. Each is looked up on its own (`LATERAL`), by an index that the planner
/// chooses even without statistics, and two users with one externalId are enough to read. Sets are only compared through `IN`, which the
/// server hashes: comparing eight thousand values pairwise would exceed the statement's time limit.
pub(in crate::store) fn resolve_sql(set: &str, first: usize) -> String {
    let (texts, keys, ids) = (first, first + 1, first + 2);
    format!(
        "
{set}_by_id AS (SELECT r.id FROM unnest(${ids}::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT r.id, r.deleted_at FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id LIMIT 1) r WHERE r.deleted_at IS NULL),
{set}_other AS (SELECT v.value, v.key FROM unnest(${texts}::text[], ${keys}::text[], ${ids}::uuid[]) v (value, key, id)
  WHERE v.id IS NULL OR v.id NOT IN (SELECT id FROM {set}_by_id)),
{set}_by_external_id AS (SELECT o.value, count(*) AS n, (array_agg(r.id))[1] AS id FROM {set}_other o CROSS JOIN LATERAL
  (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.external_id = o.value AND r.deleted_at IS NULL
    AND CASE WHEN r.tenant_id = $1 THEN r.resource_type = 'User' END LIMIT 2) r GROUP BY o.value),
{set}_by_name AS (SELECT o.key, k.id FROM {set}_other o CROSS JOIN LATERAL
  (SELECT k.id FROM resource k WHERE k.tenant_id = $1 AND k.resource_type = 'User' AND k.name_key = o.key
    AND k.deleted_at IS NULL LIMIT 1) k WHERE o.value NOT IN (SELECT value FROM {set}_by_external_id)),
{set}_unknown AS (SELECT value, key FROM {set}_other WHERE CASE WHEN value IN (SELECT value FROM {set}_by_external_id)
  THEN value IN (SELECT value FROM {set}_by_external_id WHERE n > 1) ELSE key NOT IN (SELECT key FROM {set}_by_name) END),
{set} AS (SELECT id FROM {set}_by_id UNION SELECT id FROM {set}_by_external_id WHERE n = 1 UNION SELECT id FROM {set}_by_name)"
    )
}
