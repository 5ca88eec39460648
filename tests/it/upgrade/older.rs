//! The version before the new key layout: its rows, and a replica of it that still reads and writes, by its own statements.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// Its users, as it stored them. Every tenth is deleted.
pub(super) const FILL: &str = "
INSERT INTO tenant (id, name, created_at, modified_at) VALUES ('{TENANT}', 'acme', now(), now());
CREATE FUNCTION pg_temp.id(n bigint) RETURNS uuid LANGUAGE sql AS
  $$ SELECT ('0198c0de-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, mapping_state, mapping_revision,
    version, created_at, modified_at, deleted_at)
  SELECT '{TENANT}', pg_temp.id(n), 'User', format('u%s@corp.test', n), 'x' || n, true,
    json_build_object('schemas', ARRAY['urn:ietf:params:scim:schemas:core:2.0:User'], 'userName', format('U%s@corp.test', n),
      'externalId', 'x' || n, 'active', true,
      'emails', json_build_array(json_build_object('type', 'work', 'value', format('M%s@corp.test', n))))::text,
    'same', 0, 1, now(), now(), CASE WHEN n % 10 = 0 THEN now() END
  FROM generate_series(1, {USERS}) n;
INSERT INTO unique_key SELECT tenant_id, resource_type, 'userName', name_key, id FROM resource WHERE deleted_at IS NULL;
INSERT INTO resource_key SELECT tenant_id, 'emails.value', lower(source::json #>> '{emails,0,value}'), id FROM resource
  WHERE deleted_at IS NULL;
INSERT INTO resource_count SELECT tenant_id, 'User', 3, count(*) FROM resource WHERE deleted_at IS NULL GROUP BY tenant_id;
INSERT INTO event (tenant_id, seq, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT tenant_id, row_number() OVER (ORDER BY id), 'user.created', 'User', id, 1, 'x', 'x', now() FROM resource;
INSERT INTO event_head SELECT tenant_id, count(*) FROM event GROUP BY tenant_id;
";

const CREATE: &str = "
WITH w AS (
  INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, set_aside, mapped,
    mapping_state, mapping_revision, version, created_at, modified_at)
  SELECT t.id, $2, 'User', $3, NULL, true, $4, NULL, NULL, 'same', 0, 1, now(), now() FROM tenant t
  WHERE t.id = $1 AND t.active_mapping = 0 RETURNING tenant_id, id, version),
u AS (INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id) SELECT w.tenant_id, 'User', 'userName', $3, w.id FROM w),
s AS (INSERT INTO resource_key (tenant_id, attribute, key, id) SELECT w.tenant_id, 'emails.value', $5, w.id FROM w),
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, 'User', 5, 1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + 1),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, 'user.created', 'User', w.id, w.version, 'x', 'x', now() FROM w)
SELECT version FROM w";

const MOVE: &str = "
WITH w AS (UPDATE resource r SET source = $3, version = r.version + 1, modified_at = now()
  WHERE r.tenant_id = $1 AND r.id = $2 AND r.resource_type = 'User' AND r.deleted_at IS NULL RETURNING r.tenant_id, r.id, r.version),
s AS (INSERT INTO resource_key (tenant_id, attribute, key, id) SELECT w.tenant_id, 'emails.value', $5, w.id FROM w),
sd AS (DELETE FROM resource_key k USING w WHERE k.tenant_id = $1 AND k.attribute = 'emails.value' AND k.key = $4 AND k.id = w.id),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, 'user.updated', 'User', w.id, w.version, 'x', 'x', now() FROM w)
SELECT version FROM w";

const DELETE: &str = "
WITH w AS (UPDATE resource r SET deleted_at = now(), version = r.version + 1, modified_at = now()
  WHERE r.tenant_id = $1 AND r.id = $2 AND r.resource_type = 'User' AND r.deleted_at IS NULL RETURNING r.tenant_id, r.id, r.version),
u AS (DELETE FROM unique_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id),
s AS (DELETE FROM resource_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id),
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, 'User', 5, -1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n - 1),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, 'user.deleted', 'User', w.id, w.version, 'x', 'x', now() FROM w)
SELECT version FROM w";

const LOCK_HEAD: &str = "SELECT last_seq FROM event_head WHERE tenant_id = $1 FOR UPDATE";
const NUMBER: &str = "
WITH head AS (SELECT last_seq FROM event_head WHERE tenant_id = $1),
todo AS (SELECT id, row_number() OVER (ORDER BY id) AS nth
  FROM (SELECT id FROM event WHERE tenant_id = $1 AND seq IS NULL ORDER BY id LIMIT 1000) unnumbered),
numbered AS (UPDATE event e SET seq = head.last_seq + todo.nth FROM todo, head
  WHERE e.tenant_id = $1 AND e.id = todo.id RETURNING e.seq)
UPDATE event_head h SET last_seq = h.last_seq + (SELECT count(*) FROM numbered) WHERE h.tenant_id = $1";

const BY_MAIL: &str = "
SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.deleted_at IS NULL AND r.resource_type = 'User'
  AND r.id = ANY(ARRAY(SELECT k.id FROM resource_key k WHERE k.tenant_id = $1 AND k.attribute = 'emails.value' AND k.key = $2))";
const BY_NAME: &str = "
SELECT r.id FROM unique_key k JOIN resource r ON r.tenant_id = $1 AND r.id = k.id AND r.deleted_at IS NULL
WHERE k.tenant_id = $1 AND k.resource_type = 'User' AND k.attribute = 'userName' AND k.key = $2";
const TOTAL: &str =
    "SELECT coalesce(sum(n), 0)::bigint FROM resource_count WHERE tenant_id = $1 AND resource_type = 'User'";

/// A replica of the version before.
pub(super) struct Older {
    client: Client,
    tenant: Uuid,
}

impl Older {
    /// On a connection as the owner.
    pub(super) async fn new(client: Client, tenant: Uuid) -> Self {
        let role = format!("SET ROLE scimgate_tenant; SET scimgate.tenant_id = '{tenant}'");
        client.batch_execute(&role).await.unwrap();
        Self { client, tenant }
    }

    /// Creates a user; none where the name is taken.
    pub(super) async fn create(&self, name: &str, mail: &str) -> Option<Uuid> {
        let id = Uuid::now_v7();
        let source = format!(r#"{{"userName":"{name}","active":true,"emails":[{{"value":"{mail}"}}]}}"#);
        let made = self.client.query(CREATE, &[&self.tenant, &id, &name, &source, &mail]).await;
        match made {
            Ok(rows) => {
                assert_eq!(rows.len(), 1);
                Some(id)
            }
            Err(refused) => {
                assert_eq!(refused.code(), Some(&SqlState::UNIQUE_VIOLATION), "{refused:?}");
                None
            }
        }
    }

    /// Gives a user another mail address.
    pub(super) async fn change_mail(&self, id: Uuid, name: &str, (before, after): (&str, &str)) {
        let source = format!(r#"{{"userName":"{name}","active":true,"emails":[{{"value":"{after}"}}]}}"#);
        let moved = self.client.query(MOVE, &[&self.tenant, &id, &source, &before, &after]).await.unwrap();
        assert_eq!(moved.len(), 1);
    }

    pub(super) async fn delete(&self, id: Uuid) {
        assert_eq!(self.client.query(DELETE, &[&self.tenant, &id]).await.unwrap().len(), 1);
    }

    /// Numbers events, as its sequencer does.
    pub(super) async fn number(&self) {
        self.client.batch_execute("BEGIN").await.unwrap();
        self.client.query(LOCK_HEAD, &[&self.tenant]).await.unwrap();
        self.client.query(NUMBER, &[&self.tenant]).await.unwrap();
        self.client.batch_execute("COMMIT").await.unwrap();
    }

    pub(super) async fn by_mail(&self, mail: &str) -> Vec<Uuid> {
        self.ids(BY_MAIL, mail).await
    }

    pub(super) async fn by_name(&self, name: &str) -> Vec<Uuid> {
        self.ids(BY_NAME, name).await
    }

    pub(super) async fn total(&self) -> i64 {
        self.client.query_one(TOTAL, &[&self.tenant]).await.unwrap().get(0)
    }

    async fn ids(&self, sql: &str, key: &str) -> Vec<Uuid> {
        self.client.query(sql, &[&self.tenant, &key]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}
