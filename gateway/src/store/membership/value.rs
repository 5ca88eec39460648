//! What a member's value means: one rule, for what a request adds or removes and for what it is refused for.
//!
//! It is the id of a living resource; else the externalId of a user, to the letter (RFC 7643 §3.1: "caseExact"); else a
//! user's userName, as names are compared. So it means one resource at most: by whatever else it might be read, it is not
//! another one's. Where several users have the externalId nobody can tell who is meant, and it means nobody.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Values in the forms in which they are looked for.
pub(in crate::store) struct Values<'a> {
    texts: &'a [String],
    keys: Vec<String>,
    /// None where the text cannot be an id.
    ids: Vec<Option<Uuid>>,
}

impl<'a> Values<'a> {
    pub(in crate::store) fn of(texts: &'a [String]) -> Self {
        Self {
            texts,
            keys: texts.iter().map(|text| scimgate_scim::fold::fold(text)).collect(),
            ids: texts.iter().map(|text| text.parse().ok()).collect(),
        }
    }

    /// The parameters of [`meaning`].
    pub(in crate::store) fn params(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.texts, &self.keys, &self.ids]
    }
}

/// What the values in the parameter `first` and the two after it mean, as named sets of a statement: `{set}` has the ids of
/// those meant, `{set}_unknown` the values that mean nobody, and `{set}_other` all that are no ids.
///
/// Only what is no id is looked for by its names. Each is looked up by itself (`LATERAL`), by an index that the server takes
/// even where it has no statistics; of users who have one externalId two are as good as all. No set is held against another
/// but through one that the database makes once: eight thousand values against as many would outlast the statement's time.
pub(in crate::store) fn meaning(set: &str, first: usize) -> String {
    let (texts, keys, ids) = (first, first + 1, first + 2);
    format!(
        "
{set}_by_id AS (SELECT r.id FROM unnest(${ids}::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT r.id, r.deleted_at FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id LIMIT 1) r WHERE r.deleted_at IS NULL),
{set}_other AS (SELECT v.value, v.key FROM unnest(${texts}::text[], ${keys}::text[], ${ids}::uuid[]) v (value, key, id)
  WHERE v.id IS NULL OR v.id NOT IN (SELECT id FROM {set}_by_id)),
{set}_by_external_id AS (SELECT o.value, count(*) AS n, (array_agg(r.id))[1] AS id FROM {set}_other o CROSS JOIN LATERAL
  (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.resource_type = 'User' AND r.deleted_at IS NULL
    AND r.external_id = o.value LIMIT 2) r GROUP BY o.value),
{set}_by_name AS (SELECT o.key, k.id FROM {set}_other o CROSS JOIN LATERAL
  (SELECT k.id FROM unique_key k WHERE k.tenant_id = $1 AND k.resource_type = 'User' AND k.attribute = 'userName'
    AND k.key = o.key LIMIT 1) k WHERE o.value NOT IN (SELECT value FROM {set}_by_external_id)),
{set}_unknown AS (SELECT value, key FROM {set}_other WHERE CASE WHEN value IN (SELECT value FROM {set}_by_external_id)
  THEN value IN (SELECT value FROM {set}_by_external_id WHERE n > 1) ELSE key NOT IN (SELECT key FROM {set}_by_name) END),
{set} AS (SELECT id FROM {set}_by_id UNION SELECT id FROM {set}_by_external_id WHERE n = 1 UNION SELECT id FROM {set}_by_name)"
    )
}
