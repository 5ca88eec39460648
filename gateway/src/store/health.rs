//! The health of tenants: what was decided last of each, and what it is decided by. The control role reads it over all tenants.

pub mod delivery;
pub mod traffic;

use std::collections::HashMap;
use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::tenant::State;
use crate::store::tenant::client::{self, ClientRow};
use crate::store::{ControlStore, TenantStore};
use crate::tenant::TenantId;

/// Most held, stale or unmapped resources of one tenant that are counted.
pub const MAX_COUNTED: i64 = 1_000;
/// Most credentials of each kind of one tenant that are looked at, the newest.
const MAX_CREDENTIALS: i64 = 50;
/// Most causes of failures, and failures of which they are counted.
const MAX_CAUSES: i64 = 5;
const MAX_FAILURES: i64 = 2_000;

/// A tenant and what was decided of its health last.
#[derive(Clone, Debug)]
pub struct TenantRow {
    /// The tenant.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Whether an operator has suspended it.
    pub is_suspended: bool,
    /// Its SCIM client.
    pub client: ClientRow,
    /// What was decided; none before the first time.
    pub decided: Option<Decided>,
}

/// What was decided of a tenant's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// How often it has changed: 1 at first.
    pub revision: i64,
    /// The health.
    pub state: String,
    /// By which tenants are listed.
    pub rank: i16,
    /// Since when.
    pub since: SystemTime,
    /// What was found.
    pub codes: Vec<String>,
    /// What is known of its traffic, as JSON.
    pub seen: String,
}

/// What is to be stored of one tenant.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The tenant.
    pub tenant: TenantId,
    /// What is stored; its revision is the one that it was decided by, 0 where there was none.
    pub decided: Decided,
    /// What webhooks are sent, with its id; none where nothing changed that is announced.
    pub announced: Option<(Uuid, String)>,
}

/// A credential with which a tenant's provider can authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// `token` or `client`.
    pub kind: String,
    /// Its id.
    pub id: Uuid,
    /// When it expires; of a client, the last of its secrets. None for never.
    pub expires_at: Option<SystemTime>,
    /// Of a token: when it was used last, to the minute.
    pub last_used_at: Option<SystemTime>,
}

/// Resources of which the product does not see what the source says; each number is at most [`MAX_COUNTED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Whose removal is held.
    pub held: i64,
    /// When the oldest batch of these was opened that has no verdict which is carried out.
    pub oldest_batch: Option<SystemTime>,
    /// Whose mapped document is older than the source.
    pub stale: i64,
    /// Which never had a mapped document, though they should.
    pub never: i64,
}

/// In which order tenants are listed, and after which one.
#[derive(Clone, Debug)]
pub enum After {
    /// By name.
    Name(String),
    /// Those in trouble first: by rank, the greatest first, and then by id.
    Rank(i16, TenantId),
}

macro_rules! row {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.name, t.state, h.revision, h.state, h.rank, h.since, h.codes, h.seen, ",
            "t.client_profile, t.allowed, t.refused, t.recognised, t.recognised_by, t.recognised_strength, t.recognised_at ",
            $rest
        )
    };
}

// The row of the health is looked up for each tenant: a join could read all of them.
const BY_ID: &str = row!(
    "FROM tenant t LEFT JOIN LATERAL (SELECT * FROM tenant_health x WHERE x.tenant_id = t.id LIMIT 1) h ON true
WHERE t.id > $1 AND t.state <> 'deleted' ORDER BY t.id LIMIT $2"
);
const ONE: &str = row!(
    "FROM tenant t LEFT JOIN LATERAL (SELECT * FROM tenant_health x WHERE x.tenant_id = t.id LIMIT 1) h ON true
WHERE t.id = $1 AND t.state <> 'deleted'"
);
const BY_NAME: &str = row!(
    "FROM tenant t LEFT JOIN LATERAL (SELECT * FROM tenant_health x WHERE x.tenant_id = t.id LIMIT 1) h ON true
WHERE t.name > $1 AND t.state <> 'deleted' ORDER BY t.name LIMIT $2"
);
const BY_RANK: &str = row!(
    "FROM (SELECT x.* FROM tenant_health x WHERE (x.rank, x.tenant_id) < ($1, $2::uuid)
    AND (SELECT o.state FROM tenant o WHERE o.id = x.tenant_id) <> 'deleted' ORDER BY x.rank DESC, x.tenant_id DESC LIMIT $3) h
CROSS JOIN LATERAL (SELECT * FROM tenant o WHERE o.id = h.tenant_id LIMIT 1) t ORDER BY h.rank DESC, h.tenant_id DESC"
);

const CREDENTIALS: &str = "
SELECT u.id, c.kind, c.id, c.expires_at, c.last_used_at FROM unnest($1::uuid[]) u (id) CROSS JOIN LATERAL (
  (SELECT 'token' AS kind, k.id, k.expires_at, k.last_used_at FROM credential k
   WHERE k.tenant_id = u.id AND k.scope = 'scim' AND k.revoked_at IS NULL AND k.state <> 'pending' ORDER BY k.tenant_id, k.id DESC LIMIT $2)
  UNION ALL
  (SELECT 'client', o.id, CASE WHEN o.jwks IS NULL AND o.jwks_uri IS NULL THEN (SELECT max(s.expires_at) FROM oauth_secret s
     WHERE s.tenant_id = u.id AND s.client_id = o.id AND s.revoked_at IS NULL) END, NULL
   FROM oauth_client o WHERE o.tenant_id = u.id AND o.deleted_at IS NULL AND (o.jwks IS NOT NULL OR o.jwks_uri IS NOT NULL
     OR EXISTS (SELECT 1 FROM oauth_secret s WHERE s.tenant_id = u.id AND s.client_id = o.id AND s.revoked_at IS NULL)) ORDER BY o.tenant_id, o.id DESC LIMIT $2)) c";

const UNSEEN: &str = "
SELECT u.id, (SELECT count(*) FROM (SELECT 1 FROM held x WHERE x.tenant_id = u.id LIMIT $2) c),
  (SELECT min(b.opened_at) FROM (SELECT x.opened_at FROM held_batch x
     WHERE x.tenant_id = u.id AND x.state IN ('open', 'releasing', 'rejecting') LIMIT $2) b),
  (SELECT count(*) FROM (SELECT 1 FROM mapping_reason x WHERE x.state = 'stale' AND x.tenant_id = u.id LIMIT $2) c),
  (SELECT count(*) FROM (SELECT 1 FROM mapping_reason x WHERE x.state = 'never' AND x.tenant_id = u.id LIMIT $2) c)
FROM unnest($1::uuid[]) u (id)";

/// Stores what was decided by the newest revision alone; with it, what is announced to each of the webhooks `$11`.
const DECIDE: &str = "
WITH decided AS MATERIALIZED (SELECT u.* FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::int2[], $5::timestamptz[], $6::text[], $7::text[],
    $8::uuid[], $9::text[]) u (id, revision, state, rank, since, codes, seen, message, body)
  WHERE (SELECT t.state FROM tenant t WHERE t.id = u.id) <> 'deleted'),
stored AS (INSERT INTO tenant_health AS h (tenant_id, revision, state, rank, since, codes, seen)
  SELECT d.id, 1, d.state, d.rank, d.since, string_to_array(d.codes, ' '), d.seen FROM decided d ORDER BY d.id
  ON CONFLICT (tenant_id) DO UPDATE SET revision = h.revision + 1, state = excluded.state, rank = excluded.rank, since = excluded.since,
    codes = excluded.codes, seen = excluded.seen
  WHERE h.revision = (SELECT d.revision FROM decided d WHERE d.id = h.tenant_id)
  RETURNING h.tenant_id),
sent AS (INSERT INTO webhook_delivery (tenant_id, id, target, body, created_at, due_at)
  SELECT d.id, d.message, w.target, d.body, $10, $10 FROM stored s JOIN decided d ON d.id = s.tenant_id CROSS JOIN unnest($11::text[]) w (target)
  WHERE d.message IS NOT NULL)
SELECT tenant_id FROM stored";

/// Causes of which the provider is none: an operator, or the database.
pub(crate) const CAUSES_HERE: [&str; 3] = ["tenant-suspended", "database-unavailable", "database-busy"];

/// The causes of the provider's last failures, by the index of failures. A 404 to a read or a deletion is not one, nor is a 429, after which
/// the request is sent again.
const CAUSES: &str = "
SELECT f.cause, count(*) FROM (SELECT x.cause, x.status, x.operation FROM provisioning_log x WHERE x.tenant_id = $1 AND x.failed_id >= $2
  AND x.failed_id IS NOT NULL ORDER BY x.failed_id DESC LIMIT $3) f
WHERE f.cause <> ALL ($5) AND f.status <> 429 AND NOT (f.status = 404 AND f.operation IN ('get', 'delete'))
GROUP BY f.cause ORDER BY count(*) DESC, f.cause LIMIT $4";

impl ControlStore {
    /// A page of the tenants after one, by id.
    pub async fn health_after(&self, after: TenantId, count: i64) -> Result<Vec<TenantRow>, Error> {
        let rows = self.query("reading the health of tenants", BY_ID, &[&after.0, &count]).await?;
        Ok(rows.iter().map(tenant).collect())
    }

    /// One tenant, unless it is deleted.
    pub async fn health_of(&self, tenant: TenantId) -> Result<Option<TenantRow>, Error> {
        let rows = self.query("reading the health of a tenant", ONE, &[&tenant.0]).await?;
        Ok(rows.first().map(self::tenant))
    }

    /// A page of the list of tenants.
    pub async fn health_listed(&self, after: &After, count: i64) -> Result<Vec<TenantRow>, Error> {
        let doing = "listing the health of tenants";
        let rows = match after {
            After::Name(name) => self.query(doing, BY_NAME, &[name, &count]).await?,
            After::Rank(rank, id) => self.query(doing, BY_RANK, &[rank, &id.0, &count]).await?,
        };
        Ok(rows.iter().map(tenant).collect())
    }

    /// The credentials of tenants, but for revoked ones.
    pub async fn health_credentials(&self, tenants: &[Uuid]) -> Result<HashMap<TenantId, Vec<Credential>>, Error> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&tenants, &MAX_CREDENTIALS];
        let rows = self.query("reading credentials of tenants", CREDENTIALS, &params).await?;
        let mut found: HashMap<TenantId, Vec<Credential>> = HashMap::new();
        for row in &rows {
            let credential =
                Credential { kind: row.get(1), id: row.get(2), expires_at: row.get(3), last_used_at: row.get(4) };
            found.entry(TenantId(row.get(0))).or_default().push(credential);
        }
        Ok(found)
    }

    /// The resources of tenants of which the product does not see what the source says.
    pub async fn unseen(&self, tenants: &[Uuid]) -> Result<HashMap<TenantId, Unseen>, Error> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&tenants, &MAX_COUNTED];
        let rows = self.query("counting held and stale resources of tenants", UNSEEN, &params).await?;
        let unseen =
            |row: &Row| Unseen { held: row.get(1), oldest_batch: row.get(2), stale: row.get(3), never: row.get(4) };
        Ok(rows.iter().map(|row| (TenantId(row.get(0)), unseen(row))).collect())
    }

    /// Stores what was decided, and what is announced of it to these webhooks. Gives the tenants of which it was stored: of the others
    /// another process decided meanwhile.
    pub async fn decide_health(
        &self,
        decisions: &[Decision],
        now: SystemTime,
        targets: &[String],
    ) -> Result<Vec<TenantId>, Error> {
        let column =
            |text: fn(&Decided) -> String| -> Vec<String> { decisions.iter().map(|it| text(&it.decided)).collect() };
        let tenants: Vec<Uuid> = decisions.iter().map(|it| it.tenant.0).collect();
        let revisions: Vec<i64> = decisions.iter().map(|it| it.decided.revision).collect();
        let ranks: Vec<i16> = decisions.iter().map(|it| it.decided.rank).collect();
        let since: Vec<SystemTime> = decisions.iter().map(|it| it.decided.since).collect();
        let [states, codes, seen] =
            [column(|it| it.state.clone()), column(|it| it.codes.join(" ")), column(|it| it.seen.clone())];
        let messages: Vec<Option<Uuid>> = decisions.iter().map(|it| it.announced.as_ref().map(|(id, _)| *id)).collect();
        let bodies: Vec<Option<&str>> =
            decisions.iter().map(|it| it.announced.as_ref().map(|(_, body)| body.as_str())).collect();
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 11] =
            [&tenants, &revisions, &states, &ranks, &since, &codes, &seen, &messages, &bodies, &now, &targets];
        let rows = self.query("storing the health of tenants", DECIDE, &params).await?;
        Ok(rows.iter().map(|row| TenantId(row.get(0))).collect())
    }
}

impl TenantStore {
    /// The most frequent causes of failures in the log from an id on, of the last ones.
    pub async fn frequent_causes(&self, from: Uuid) -> Result<Vec<(String, i64)>, Error> {
        let here: &[&str] = &CAUSES_HERE;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&self.tenant.0, &from, &MAX_FAILURES, &MAX_CAUSES, &here];
        let rows = self.query("counting causes of failures", CAUSES, &params).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// How many resources of each type there are.
    pub async fn resources_by_type(&self) -> Result<Vec<(String, i64)>, Error> {
        let sql = "SELECT c.resource_type, sum(c.n)::int8 FROM resource_count c WHERE c.tenant_id = $1 GROUP BY c.resource_type ORDER BY 1";
        let rows = self.query("counting resources", sql, &[&self.tenant.0]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

fn tenant(row: &Row) -> TenantRow {
    let decided = row.get::<_, Option<i64>>(3).map(|revision| Decided {
        revision,
        state: row.get(4),
        rank: row.get(5),
        since: row.get(6),
        codes: row.get(7),
        seen: row.get(8),
    });
    TenantRow {
        id: TenantId(row.get(0)),
        name: row.get(1),
        is_suspended: row.get::<_, &str>(2) == State::Suspended.word(),
        client: client::ClientRow::from_row(row, 9),
        decided,
    }
}
