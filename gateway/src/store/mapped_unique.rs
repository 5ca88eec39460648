//! The values of mapped documents that no two resources of a type may have: `mapped_unique` says who has each. Every write that changes
//! what the product sees of a resource, or will see once it is released, keeps the table true in its own transaction, by statements that
//! depend on the rows it wrote. The primary key decides between concurrent writes.

use std::collections::HashMap;
use std::sync::Arc;

use scimgate_scim::decimal::Decimal;
use scimgate_scim::directory_schema::UniqueValue;
use serde_json::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::postgres::pool::Statement;
use crate::store::resource::key::{Key, key_of, truncate};
use crate::store::resource::read::RowVersion;
use crate::store::{Params, TenantStore};

/// Entries that one statement deletes at most.
const MAX_DELETED: i64 = 5_000;
/// The constraint that a write violates which would give a second resource a value.
const CONSTRAINT: &str = "mapped_unique_pkey";

/// What a write changes about a resource's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UniqueChange {
    /// Nothing: the tenant has no unique values, or the product sees what it saw.
    #[default]
    None,
    /// The document after the write has these; where a batch holds it, the one after the release.
    Set(Vec<Key>),
}

/// The entries of a document's unique values.
#[must_use]
pub fn entries(values: &[UniqueValue<'_>]) -> Vec<Key> {
    let key = |it: &UniqueValue<'_>| match it.value {
        Value::String(text) => Some(key_of(it.attribute, text)),
        // 7 and 7.0 are one number.
        Value::Number(number) => Some(truncate(Decimal::new(number).key())),
        _ => None,
    };
    let of = |it: &UniqueValue<'_>| Some(Key { attribute: Arc::clone(it.entry), key: key(it)? });
    let mut keys: Vec<Key> = values.iter().filter_map(of).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Whether a write was refused since another resource has the value.
#[must_use]
pub fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Duplicate { constraint } if constraint == CONSTRAINT)
}

/// The rows among `$2` that this transaction wrote.
macro_rules! written {
    () => {
        "w AS MATERIALIZED (SELECT r.id, r.resource_type FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT r.id, r.resource_type FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id
    AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END LIMIT 1) r)"
    };
}

/// Their entries, by place.
macro_rules! entries_of_written {
    () => {
        "(SELECT m.ctid AS place, m.id, m.attribute, m.key, m.seen, m.next FROM w CROSS JOIN LATERAL
    (SELECT m.ctid, m.* FROM mapped_unique m WHERE m.tenant_id = $1 AND m.id = w.id LIMIT 100000) m LIMIT (SELECT 1000000)) m"
    };
}

/// Deletes what the documents have no more. While a batch holds a document, the product's own values stay.
const FREE: &str = concat!(
    "WITH ",
    written!(),
    ",
gone AS MATERIALIZED (SELECT m.place FROM ",
    entries_of_written!(),
    " WHERE CASE WHEN $6 THEN NOT m.seen ELSE NOT (m.seen AND m.next) OR NOT EXISTS
    (SELECT 1 FROM unnest($3::uuid[], $4::text[], $5::text[]) k (id, attribute, key)
     WHERE k.id = m.id AND k.attribute = m.attribute AND k.key = m.key) END)
DELETE FROM mapped_unique m USING (SELECT place FROM gone LIMIT (SELECT 1000000)) gone WHERE m.tenant_id = $1 AND m.ctid = gone.place"
);

/// Which of the values that the product sees of a held document stay after the release.
const MARK: &str = concat!(
    "WITH ",
    written!(),
    ",
changed AS MATERIALIZED (SELECT m.place, m.stays FROM (SELECT m.*, EXISTS (SELECT 1 FROM unnest($3::uuid[], $4::text[], $5::text[])
    k (id, attribute, key) WHERE k.id = m.id AND k.attribute = m.attribute AND k.key = m.key) AS stays FROM ",
    entries_of_written!(),
    ") m WHERE m.next <> m.stays)
UPDATE mapped_unique m SET next = changed.stays FROM (SELECT * FROM changed LIMIT (SELECT 1000000)) changed
WHERE m.tenant_id = $1 AND m.ctid = changed.place"
);

/// In one order for all writers, so that two of them wait for each other in one direction only. A statement of its own: the entries that
/// the one before deleted are gone.
const TAKE: &str = concat!(
    "WITH ",
    written!(),
    "
INSERT INTO mapped_unique (tenant_id, resource_type, attribute, key, id, seen, next)
SELECT $1, w.resource_type, k.attribute, k.key, w.id, NOT $6, true
FROM unnest($3::uuid[], $4::text[], $5::text[]) k (id, attribute, key) JOIN w ON w.id = k.id
WHERE (SELECT m.id FROM mapped_unique m WHERE m.tenant_id = $1 AND m.resource_type = w.resource_type AND m.attribute = k.attribute
  AND m.key = k.key LIMIT 1) IS DISTINCT FROM w.id
ORDER BY w.resource_type, k.attribute, k.key"
);

/// The next resources that a batch holds.
macro_rules! releasing {
    () => {
        "h AS MATERIALIZED (SELECT r.id FROM (SELECT h.id FROM held h WHERE h.tenant_id = $1 AND h.batch_id = $2 ORDER BY h.id LIMIT $3) h
  CROSS JOIN LATERAL (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = h.id
    AND CASE WHEN r.tenant_id = $1 THEN r.held = $2 END LIMIT 1) r),
m AS MATERIALIZED (SELECT m.place, m.seen, m.next FROM h CROSS JOIN LATERAL
  (SELECT m.ctid AS place, m.seen, m.next FROM mapped_unique m WHERE m.tenant_id = $1 AND m.id = h.id LIMIT 100000) m)"
    };
}

/// Before the release: what the product sees of the documents no more …
const RELEASE: &str = concat!(
    "WITH ",
    releasing!(),
    "
DELETE FROM mapped_unique d USING (SELECT place FROM m WHERE NOT next LIMIT (SELECT 1000000)) gone
WHERE d.tenant_id = $1 AND d.ctid = gone.place"
);
/// … and what it sees from now on.
const SHOW: &str = concat!(
    "WITH ",
    releasing!(),
    "
UPDATE mapped_unique u SET seen = true FROM (SELECT place FROM m WHERE NOT seen LIMIT (SELECT 1000000)) shown
WHERE u.tenant_id = $1 AND u.ctid = shown.place"
);

/// Only of documents that are still as they were read: every other write enters its own values.
const FILL: &str = "
WITH v AS (SELECT * FROM unnest($2::uuid[], $3::int8[], $4::int4[], $5::text[]) v (id, version, revision, state)),
living AS MATERIALIZED (SELECT r.id, r.resource_type FROM (SELECT * FROM v ORDER BY id) v CROSS JOIN LATERAL
  (SELECT r.id, r.resource_type FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.version = v.version
    AND r.mapping_revision = v.revision THEN r.mapping_state = v.state END FOR SHARE) r)
INSERT INTO mapped_unique (tenant_id, resource_type, attribute, key, id, seen, next)
SELECT $1, l.resource_type, k.attribute, k.key, l.id, k.seen, k.next
FROM unnest($6::uuid[], $7::text[], $8::text[], $9::bool[], $10::bool[]) k (id, attribute, key, seen, next) JOIN living l ON l.id = k.id
ORDER BY l.resource_type, k.attribute, k.key ON CONFLICT DO NOTHING";

const HOLDERS: &str = "
SELECT v.resource_type, v.attribute, v.key, m.id FROM unnest($2::text[], $3::text[], $4::text[]) v (resource_type, attribute, key)
CROSS JOIN LATERAL (SELECT m.id FROM mapped_unique m WHERE m.tenant_id = $1 AND m.resource_type = v.resource_type
  AND m.attribute = v.attribute AND m.key = v.key LIMIT 1) m";

const OF_RESOURCES: &str = "
SELECT m.id, m.attribute, m.key, m.seen FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT m.id, m.attribute, m.key, m.seen FROM mapped_unique m WHERE m.tenant_id = $1 AND m.id = v.id LIMIT 100000) m";

/// From each type and attribute to the next, by the table's order: there are few among many entries.
const ENTERED: &str = "
WITH RECURSIVE entered AS (
  (SELECT resource_type, attribute FROM mapped_unique WHERE tenant_id = $1 ORDER BY resource_type, attribute, key LIMIT 1)
  UNION ALL SELECT next.* FROM entered CROSS JOIN LATERAL (SELECT m.resource_type, m.attribute FROM mapped_unique m
    WHERE m.tenant_id = $1 AND (m.resource_type, m.attribute) > (entered.resource_type, entered.attribute)
    ORDER BY m.resource_type, m.attribute, m.key LIMIT 1) next)
SELECT resource_type, attribute FROM entered";

const FORGET: &str = "
DELETE FROM mapped_unique m WHERE m.tenant_id = $1 AND m.resource_type = $2 AND m.attribute = $3
  AND m.key IN (SELECT key FROM mapped_unique WHERE tenant_id = $1 AND resource_type = $2 AND attribute = $3 LIMIT $4)
RETURNING 1";

/// What a transaction changes about the entries of resources that it writes.
pub(in crate::store) struct UniqueWrite {
    written: Vec<Uuid>,
    ids: Vec<Uuid>,
    attributes: Vec<String>,
    keys: Vec<String>,
    /// Whether a batch holds what it writes.
    held: bool,
}

impl UniqueWrite {
    /// Of one resource; none where nothing changes.
    pub(in crate::store) fn of(id: Uuid, change: &UniqueChange, held: bool) -> Option<Self> {
        match change {
            UniqueChange::None => None,
            UniqueChange::Set(_) => Some(Self::of_many([(id, change)].into_iter(), held)),
        }
    }

    pub(in crate::store) fn of_many<'c>(changes: impl Iterator<Item = (Uuid, &'c UniqueChange)>, held: bool) -> Self {
        let (written, ids, attributes, keys) = Default::default();
        let mut all = Self { written, ids, attributes, keys, held };
        for (id, change) in changes {
            let UniqueChange::Set(keys) = change else { continue };
            all.written.push(id);
            for key in keys {
                all.ids.push(id);
                all.attributes.push(key.attribute.to_string());
                all.keys.push(key.key.clone());
            }
        }
        all
    }

    /// The statements to send after the one that writes the resources, in its transaction. The last one is refused where another
    /// resource has a value.
    pub(in crate::store) fn statements<'s>(&'s self, tenant: &'s Uuid) -> Vec<Statement<'s>> {
        statements_of([self], tenant)
    }

    fn free<'s>(&'s self, tenant: &'s Uuid) -> Option<Statement<'s>> {
        (!self.written.is_empty()).then(|| self.flagged(tenant, "freeing unique values", FREE))
    }

    fn mark<'s>(&'s self, tenant: &'s Uuid) -> Option<Statement<'s>> {
        (self.held && !self.written.is_empty()).then(|| self.statement(tenant, "marking unique values", MARK))
    }

    /// The statement that enters the values, alone: of a new resource.
    pub(in crate::store) fn take<'s>(&'s self, tenant: &'s Uuid) -> Option<Statement<'s>> {
        (!self.keys.is_empty()).then(|| self.flagged(tenant, "entering unique values", TAKE))
    }

    fn flagged<'s>(&'s self, tenant: &'s Uuid, doing: &'static str, sql: &'static str) -> Statement<'s> {
        let mut statement = self.statement(tenant, doing, sql);
        statement.params.push(&self.held);
        statement
    }

    fn statement<'s>(&'s self, tenant: &'s Uuid, doing: &'static str, sql: &'static str) -> Statement<'s> {
        let Self { written, ids, attributes, keys, .. } = self;
        Statement::new(doing, sql, &[tenant, written, ids, attributes, keys])
    }
}

/// The same of several such writes: what one frees, another one may enter.
pub(in crate::store) fn statements_of<'s, const N: usize>(
    writes: [&'s UniqueWrite; N],
    tenant: &'s Uuid,
) -> Vec<Statement<'s>> {
    let mut all: Vec<Statement<'s>> = writes.iter().filter_map(|write| write.free(tenant)).collect();
    all.extend(writes.iter().filter_map(|write| write.mark(tenant)));
    all.extend(writes.iter().filter_map(|write| write.take(tenant)));
    all
}

/// The statements to send before the one that releases the next resources of a batch, in its transaction.
pub(in crate::store) fn release<'a>(tenant: &'a Uuid, batch: &'a Uuid, count: &'a i64) -> [Statement<'a>; 2] {
    [
        Statement::new("freeing unique values of held resources", RELEASE, &[tenant, batch, count]),
        Statement::new("showing unique values of held resources", SHOW, &[tenant, batch, count]),
    ]
}

/// A stored document whose values are entered.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The resource.
    pub id: Uuid,
    /// The row as it was read.
    pub row: RowVersion,
    /// Its values, each with whether the product sees it, and whether it will after a release.
    pub keys: Vec<(Key, bool, bool)>,
}

/// A value with its resource type.
pub type TypedKey = (String, Key);

impl TenantStore {
    /// Enters the values of stored documents, but those that another resource has.
    pub async fn fill_mapped_unique(&self, documents: &[Filled]) -> Result<(), Error> {
        let ids: Vec<Uuid> = documents.iter().map(|it| it.id).collect();
        let versions: Vec<i64> = documents.iter().map(|it| it.row.version).collect();
        let revisions: Vec<i32> = documents.iter().map(|it| it.row.mapping_revision).collect();
        let states: Vec<&str> = documents.iter().map(|it| *it.row.mapping_state.column()).collect();
        let rows = || documents.iter().flat_map(|it| it.keys.iter().map(move |key| (it.id, key)));
        let of: Vec<Uuid> = rows().map(|(id, _)| id).collect();
        let attributes: Vec<&str> = rows().map(|(_, (key, ..))| &*key.attribute).collect();
        let keys: Vec<&str> = rows().map(|(_, (key, ..))| key.key.as_str()).collect();
        let seen: Vec<bool> = rows().map(|(_, (_, seen, _))| *seen).collect();
        let next: Vec<bool> = rows().map(|(_, (.., next))| *next).collect();
        let params: [&(dyn ToSql + Sync); 10] =
            [&self.tenant.0, &ids, &versions, &revisions, &states, &of, &attributes, &keys, &seen, &next];
        self.query("entering unique values", FILL, &params).await.map(drop)
    }

    /// Who has these values now.
    pub async fn unique_holders(&self, keys: &[TypedKey]) -> Result<HashMap<TypedKey, Uuid>, Error> {
        let types: Vec<&str> = keys.iter().map(|(of, _)| of.as_str()).collect();
        let attributes: Vec<&str> = keys.iter().map(|(_, key)| &*key.attribute).collect();
        let values: Vec<&str> = keys.iter().map(|(_, key)| key.key.as_str()).collect();
        let params: Params<'_> = &[&self.tenant.0, &types, &attributes, &values];
        let rows = self.query("looking for unique values", HOLDERS, params).await?;
        let holder = |row: &tokio_postgres::Row| {
            let key = Key { attribute: row.get::<_, &str>(1).into(), key: row.get(2) };
            ((row.get(0), key), row.get(3))
        };
        Ok(rows.iter().map(holder).collect())
    }

    /// The values that are entered of these resources, each with whether the product sees it.
    pub async fn unique_values_of(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<(Key, bool)>>, Error> {
        let rows = self.query("reading unique values", OF_RESOURCES, &[&self.tenant.0, &ids]).await?;
        let mut found: HashMap<Uuid, Vec<(Key, bool)>> = HashMap::new();
        for row in rows {
            let key = Key { attribute: row.get::<_, &str>(1).into(), key: row.get(2) };
            found.entry(row.get(0)).or_default().push((key, row.get(3)));
        }
        Ok(found)
    }

    /// The resource types and attributes of which there are entries.
    pub async fn entered_attributes(&self) -> Result<Vec<(String, String)>, Error> {
        let rows = self.query("looking for unique values", ENTERED, &[&self.tenant.0]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Deletes entries of an attribute that is not unique any more; gives whether there may be more.
    pub async fn forget_unique(&self, resource_type: &str, attribute: &str) -> Result<bool, Error> {
        let params: Params<'_> = &[&self.tenant.0, &resource_type, &attribute, &MAX_DELETED];
        Ok(!self.query("deleting unique values", FORGET, params).await?.is_empty())
    }
}
