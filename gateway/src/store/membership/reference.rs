//! Pending references: member values that name no resource yet. One becomes a membership when a resource appears that it
//! names: one that is created or restored, or a user who gets that externalId or userName.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::postgres::pool::Statement;
use crate::store::resource::key::Keys;
use crate::store::stamp::Target;

/// Locks the groups with pending references by these keys. Every statement locks groups before members.
macro_rules! referencing_groups {
    ($keys:literal) => {
        concat!(
            "SELECT g.id, g.seen FROM (SELECT DISTINCT m.group_id FROM unnest(",
            $keys,
            "::text[]) k (key) CROSS JOIN LATERAL (SELECT m.group_id FROM member_ref m WHERE m.tenant_id = $1 ",
            "AND m.key = k.key OFFSET 0) m ORDER BY 1) m CROSS JOIN LATERAL ",
            "(SELECT g.id, g.mapping_state NOT IN ('excluded', 'never') AS seen FROM resource g ",
            "WHERE g.tenant_id = $1 AND g.id = m.group_id ",
            "AND CASE WHEN g.tenant_id = $1 THEN g.deleted_at IS NULL END FOR SHARE) g"
        )
    };
}

/// Runs before an update that gives a user new names: the update locks the user, and a concurrent member change that has
/// locked the group and then locks the user would deadlock with it.
const LOCK_GROUPS: &str = referencing_groups!("$2");

/// Turns the pending references that name the resource into memberships, by the rule of
/// [`crate::store::membership::value`]: this resource's id names it; a value that is another user's externalId names that
/// user, even if it is this one's userName.
const RESOLVE: &str = concat!(
    "
WITH r AS (SELECT id, resource_type, mapping_state, name_key, external_id FROM resource
  WHERE tenant_id = $1 AND id = $2 AND CASE WHEN xmin = pg_current_xact_id()::xid THEN deleted_at IS NULL END),
referrers AS (",
    referencing_groups!("$3"),
    "),
resolved AS (DELETE FROM member_ref m USING r, referrers
  WHERE m.tenant_id = $1 AND m.key = ANY($3) AND m.group_id = referrers.id
    AND (m.key = ANY($8) OR (r.resource_type = 'User' AND (m.value = r.external_id OR m.key = r.name_key)
      AND NOT EXISTS (SELECT 1 FROM resource other WHERE other.tenant_id = $1 AND other.resource_type = 'User'
        AND other.deleted_at IS NULL AND other.external_id = m.value AND other.id <> r.id)))
  RETURNING m.group_id, r.resource_type, r.mapping_state),
added AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  SELECT DISTINCT $1::uuid, group_id, $2::uuid, resource_type, $4::timestamptz FROM resolved ON CONFLICT DO NOTHING RETURNING group_id),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at)
  SELECT DISTINCT $1::uuid, group_id, $5::smallint, 1, $4::timestamptz FROM resolved ORDER BY group_id
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at, covered)
  SELECT $1, 'membership.added', 'Group', added.group_id, $2, $6, $7, $4, $9 FROM added
  JOIN referrers g ON g.id = added.group_id AND g.seen
  WHERE EXISTS (SELECT 1 FROM resolved WHERE resolved.mapping_state NOT IN ('excluded', 'never'))
    AND (SELECT true FROM held_member h WHERE h.tenant_id = $1 AND h.group_id = added.group_id AND h.member_id = $2 LIMIT 1) IS NULL)
SELECT count(*) FROM added"
);

/// The keys of pending references that may name a resource.
pub(in crate::store) struct PendingReferences {
    /// All keys, as references are indexed.
    pub(in crate::store) keys: Vec<String>,
    /// Those that are the resource's id.
    ids: Vec<String>,
}

impl PendingReferences {
    /// For a new resource: its id, and a user's names.
    pub(in crate::store) fn new(resource_type: &str, id: Uuid, keys: &Keys) -> Self {
        let ids = vec![id.to_string()];
        let names = if resource_type == "User" { names(keys) } else { Vec::new() };
        Self { keys: ids.iter().cloned().chain(names).collect(), ids }
    }

    /// For a restored resource: also its id in every other form in which it may have been written.
    pub(in crate::store) fn restored(resource_type: &str, id: Uuid, keys: &Keys) -> Self {
        let mut pending = Self::new(resource_type, id, keys);
        let forms = [id.simple().to_string(), id.braced().to_string(), id.urn().to_string()];
        pending.keys.extend(forms.iter().cloned());
        pending.ids.extend(forms);
        pending
    }

    /// For an updated resource: a user's new names. None where there are none.
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

    /// Resolves the references, if this transaction wrote the resource, with an event of it or without. Returns the number of groups it was
    /// added to.
    pub(in crate::store) fn resolve<'p>(&'p self, target: &'p Target<'_>, has_event: &'p bool) -> Statement<'p> {
        let Target { tenant, id, slot, stamp, .. } = target;
        let Self { keys, ids } = self;
        let params: [&(dyn ToSql + Sync); 9] =
            [&tenant.0, id, keys, &stamp.at, slot, &stamp.actor, &stamp.request_id, ids, has_event];
        Statement::new("resolving member references", RESOLVE, &params)
    }

    /// Locks the groups that have the references.
    pub(in crate::store) fn lock_groups<'p>(&'p self, target: &'p Target<'_>) -> Statement<'p> {
        Statement::new("locking groups with pending references", LOCK_GROUPS, &[&target.tenant.0, &self.keys])
    }
}

/// References are indexed by their folded value, because it is unknown what kind of name they are.
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
    fn an_update_looks_for_references_by_new_names_only() {
        let before = keys("ada", Some("A1"));
        let looked_for = |kind: &str, after: &Keys| PendingReferences::renamed(kind, &before, after).map(|it| it.keys);
        assert_eq!(looked_for("User", &Keys { active: Some(false), ..before.clone() }), None);
        assert_eq!(looked_for("User", &keys("ada", None)), None);
        assert_eq!(looked_for("User", &keys("ada", Some("a1"))), Some(vec!["a1".to_owned()]));
        assert_eq!(looked_for("User", &keys("eve", Some("A1"))), Some(vec!["eve".to_owned()]));
        assert_eq!(looked_for("Group", &keys("eve", Some("E5"))), None);
    }
}
