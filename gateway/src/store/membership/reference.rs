//! References to members that are not there yet. One becomes a membership when a resource appears that it means: one that is
//! made or brought back, or a user who gets that externalId or userName.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::postgres::pool::Statement;
use crate::store::resource::key::Keys;
use crate::store::stamp::Stamp;

/// The groups that wait, which are locked before their members as everywhere.
macro_rules! waiting {
    ($keys:literal) => {
        concat!(
            "SELECT g.id FROM resource g WHERE g.tenant_id = $1 AND g.deleted_at IS NULL AND g.id IN ",
            "(SELECT m.group_id FROM member_ref m WHERE m.tenant_id = $1 AND m.key = ANY(",
            $keys,
            ")) ORDER BY g.id FOR SHARE"
        )
    };
}

/// Comes before an update that gives a user other names: its own lock would be the wrong way round for a change of members
/// that has locked the group and waits for the user.
const LOCK_WAITING: &str = waiting!("$2");

/// A pending reference that means the resource becomes a membership, by the rule of [`crate::store::membership::value`]: an id is this
/// resource's, and what another user has as externalId is not this one's, whatever its own names are.
const RESOLVE: &str = concat!(
    "
WITH r AS (SELECT id, resource_type, mapping_state, name_key, external_id FROM resource
  WHERE tenant_id = $1 AND id = $2 AND xmin = pg_current_xact_id()::xid AND deleted_at IS NULL),
waiting AS (",
    waiting!("$3"),
    "),
found AS (DELETE FROM member_ref m USING r, waiting
  WHERE m.tenant_id = $1 AND m.key = ANY($3) AND m.group_id = waiting.id
    AND (m.key = ANY($8) OR (r.resource_type = 'User' AND (m.value = r.external_id OR m.key = r.name_key)
      AND NOT EXISTS (SELECT 1 FROM resource other WHERE other.tenant_id = $1 AND other.resource_type = 'User'
        AND other.deleted_at IS NULL AND other.external_id = m.value AND other.id <> r.id)))
  RETURNING m.group_id, r.resource_type, r.mapping_state),
come AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  SELECT DISTINCT $1::uuid, group_id, $2::uuid, resource_type, $4::timestamptz FROM found ON CONFLICT DO NOTHING RETURNING group_id),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at)
  SELECT DISTINCT $1::uuid, group_id, $5::smallint, 1, $4::timestamptz FROM found ORDER BY group_id
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at)
  SELECT $1, 'membership.added', 'Group', come.group_id, $2, $6, $7, $4 FROM come
  JOIN resource g ON g.tenant_id = $1 AND g.id = come.group_id AND g.mapping_state NOT IN ('excluded', 'never')
  WHERE EXISTS (SELECT 1 FROM found WHERE found.mapping_state NOT IN ('excluded', 'never')))
SELECT count(*) FROM come"
);

/// By what pending references may mean a resource.
pub(in crate::store) struct Awaited {
    /// All of it, as references are indexed.
    pub(in crate::store) keys: Vec<String>,
    /// What of it is the resource's id.
    ids: Vec<String>,
}

impl Awaited {
    /// A new resource: by its id, and a user's names.
    pub(in crate::store) fn new(resource_type: &str, id: Uuid, keys: &Keys) -> Self {
        let ids = vec![id.to_string()];
        let names = if resource_type == "User" { names(keys) } else { Vec::new() };
        Self { keys: ids.iter().cloned().chain(names).collect(), ids }
    }

    /// One that was there before: by its id in every form in which it may have been written.
    pub(in crate::store) fn restored(resource_type: &str, id: Uuid, keys: &Keys) -> Self {
        let mut awaited = Self::new(resource_type, id, keys);
        let forms = [id.simple().to_string(), id.braced().to_string(), id.urn().to_string()];
        awaited.keys.extend(forms.iter().cloned());
        awaited.ids.extend(forms);
        awaited
    }

    /// One whose document changed: by the names that it did not have. None where it has no new ones.
    pub(in crate::store) fn renamed(resource_type: &str, before: &Keys, after: &Keys) -> Option<Self> {
        if resource_type != "User" {
            return None;
        }
        let is_new = |before: &Option<String>, after: &Option<String>| after.clone().filter(|_| before != after);
        let new = Keys {
            name_key: is_new(&before.name_key, &after.name_key),
            external_id: is_new(&before.external_id, &after.external_id),
            ..Keys::default()
        };
        let keys = names(&new);
        (!keys.is_empty()).then_some(Self { keys, ids: Vec::new() })
    }

    /// The parameters of [`resolve`].
    pub(in crate::store) fn params<'p>(
        &'p self,
        store: &'p TenantStore,
        id: &'p Uuid,
        slot: &'p i16,
        stamp: &'p Stamp,
    ) -> [&'p (dyn ToSql + Sync); 8] {
        [&store.tenant.0, id, &self.keys, &stamp.at, slot, &stamp.actor, &stamp.request_id, &self.ids]
    }

    /// The parameters of [`lock_waiting`].
    pub(in crate::store) fn lock_params<'p>(&'p self, store: &'p TenantStore) -> [&'p (dyn ToSql + Sync); 2] {
        [&store.tenant.0, &self.keys]
    }
}

/// Resolves the references that mean the resource, where this very transaction wrote it. Answers with the number of groups
/// that have it as a member since.
pub(in crate::store) fn resolve<'p>(params: &'p [&'p (dyn ToSql + Sync); 8]) -> Statement<'p> {
    Statement { doing: "resolving member references", sql: RESOLVE, params }
}

/// Locks the groups that wait.
pub(in crate::store) fn lock_waiting<'p>(params: &'p [&'p (dyn ToSql + Sync); 2]) -> Statement<'p> {
    Statement { doing: "locking groups that wait", sql: LOCK_WAITING, params }
}

/// References are indexed by their folded value, whatever they turn out to mean.
fn names(keys: &Keys) -> Vec<String> {
    let external = keys.external_id.as_deref().map(scimgate_scim::fold::fold);
    keys.name_key.iter().cloned().chain(external).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(name: &str, external_id: Option<&str>) -> Keys {
        Keys {
            name_key: Some(name.to_owned()),
            external_id: external_id.map(str::to_owned),
            active: Some(true),
            ..Keys::default()
        }
    }

    #[test]
    fn an_update_looks_for_who_waits_only_by_names_that_are_new() {
        let before = keys("ada", Some("A1"));
        let looked_for = |kind: &str, after: &Keys| Awaited::renamed(kind, &before, after).map(|it| it.keys);
        assert_eq!(looked_for("User", &Keys { active: Some(false), ..before.clone() }), None);
        assert_eq!(looked_for("User", &keys("ada", None)), None);
        assert_eq!(looked_for("User", &keys("ada", Some("a1"))), Some(vec!["a1".to_owned()]));
        assert_eq!(looked_for("User", &keys("eve", Some("A1"))), Some(vec!["eve".to_owned()]));
        assert_eq!(looked_for("Group", &keys("eve", Some("E5"))), None);
    }
}
