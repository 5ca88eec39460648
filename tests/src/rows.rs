//! Invariants of a database's rows when no write is in progress, also after a killed writer.

use crate::harness::poll;

/// Each violation, and a query that finds it.
const WRONG: &[(&str, &str)] = &[
    (
        "a unique key of a missing or deleted resource",
        "SELECT 1 FROM unique_key k LEFT JOIN resource r USING (tenant_id, id) WHERE r.id IS NULL OR r.deleted_at IS NOT NULL",
    ),
    (
        "two users with one name",
        "SELECT 1 FROM resource WHERE resource_type = 'User' AND deleted_at IS NULL GROUP BY tenant_id, name_key HAVING count(*) > 1",
    ),
    (
        "a user whose name differs from its document's",
        "SELECT 1 FROM resource WHERE resource_type = 'User' AND name_key IS DISTINCT FROM lower(source::json ->> 'userName')",
    ),
    (
        "a column that differs from its document",
        "SELECT 1 FROM resource WHERE external_id IS DISTINCT FROM source::json ->> 'externalId'
         OR active IS DISTINCT FROM (source::json ->> 'active')::boolean",
    ),
    (
        "a search key of a missing or deleted resource",
        "SELECT 1 FROM search_key k LEFT JOIN resource r USING (tenant_id, id) WHERE r.id IS NULL OR r.deleted_at IS NOT NULL",
    ),
    (
        "a mail address without a key, or a key without a mail address",
        "SELECT 1 FROM resource r WHERE deleted_at IS NULL AND
         (SELECT array_agg(h ORDER BY h) FROM (SELECT DISTINCT search_key_hash('emails.value', lower(e ->> 'value')) AS h
           FROM json_array_elements(r.source::json -> 'emails') e WHERE e ->> 'value' IS NOT NULL) wanted) IS DISTINCT FROM
         (SELECT array_agg(k.h ORDER BY k.h) FROM search_key k WHERE k.tenant_id = r.tenant_id AND k.id = r.id)",
    ),
    ("an event whose count was not added", "SELECT 1 FROM event WHERE seq IS NOT NULL AND delta IS NOT NULL"),
    (
        "a mapping state that does not fit the documents",
        "SELECT 1 FROM resource WHERE (mapped IS NULL) <> (mapping_state IN ('same', 'excluded', 'never'))",
    ),
    (
        "a counter that is not the number of resources",
        "SELECT 1 FROM (SELECT tenant_id, resource_type, sum(n) AS n FROM resource_count GROUP BY 1, 2) c FULL JOIN
         (SELECT tenant_id, resource_type, count(*) FILTER (WHERE deleted_at IS NULL) AS n FROM resource GROUP BY 1, 2) r
         USING (tenant_id, resource_type) WHERE coalesce(c.n, 0) <> coalesce(r.n, 0)",
    ),
    (
        "a membership of a missing or deleted resource",
        "SELECT 1 FROM membership m WHERE CASE WHEN m.group_id = m.member_id THEN 1 ELSE 2 END <> (SELECT count(*) FROM resource r
         WHERE r.tenant_id = m.tenant_id AND r.id IN (m.group_id, m.member_id) AND r.deleted_at IS NULL)",
    ),
    (
        "a tombstone key of a resource that is not deleted",
        "SELECT 1 FROM tombstone_key k JOIN resource r USING (tenant_id, id) WHERE r.deleted_at IS NULL",
    ),
    ("a gap in the numbers", "SELECT 1 FROM event GROUP BY tenant_id HAVING max(seq) <> count(*) OR min(seq) <> 1"),
    (
        "a head that is not the last event's number",
        "SELECT 1 FROM event_head h WHERE last_seq <> (SELECT max(seq) FROM event e WHERE e.tenant_id = h.tenant_id)",
    ),
    (
        "a version without an event",
        "SELECT 1 FROM resource r JOIN (SELECT tenant_id, resource_id, max(version) AS newest FROM event GROUP BY 1, 2) e
           ON e.tenant_id = r.tenant_id AND e.resource_id = r.id WHERE r.version <> e.newest",
    ),
];

/// Waits until the sequencer has numbered all events, and counted by them.
pub async fn numbered(owner: &tokio_postgres::Client) {
    poll("every event has its number", async || {
        let left = owner.query("SELECT 1 FROM event WHERE seq IS NULL LIMIT 1", &[]).await.unwrap();
        left.is_empty().then_some(())
    })
    .await;
}

/// Checks every invariant, once all events have their number.
pub async fn check(owner: &tokio_postgres::Client) {
    numbered(owner).await;
    for (what, sql) in WRONG {
        assert_eq!(owner.query(*sql, &[]).await.unwrap().len(), 0, "{what}");
    }
}
