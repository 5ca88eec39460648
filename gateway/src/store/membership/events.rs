//! The memberships of resources that the product sees from now on: no event was written of them until then.

use uuid::Uuid;

use crate::store::postgres::pool::Statement;
use crate::store::stamp::Stamp;

/// Sent after the statement that writes the resources, whose rows it has locked by then: with a snapshot of its own it has every membership
/// whose change did not see them. Of two resources that became visible in one batch, the member announces the membership.
const INSERT_MEMBERSHIP_EVENTS: &str = "
INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at, covered)
SELECT $1, 'membership.added', 'Group', m.group_id, m.member_id, $3, $4, $5, NOT m.by_group
FROM (SELECT r.id FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
    (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id
      AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END LIMIT 1) r) c
  CROSS JOIN LATERAL (SELECT group_id, member_id, group_id AS other, false AS by_group FROM membership WHERE tenant_id = $1 AND member_id = c.id
    UNION ALL SELECT group_id, member_id, member_id, true FROM membership WHERE tenant_id = $1 AND group_id = c.id) m
  CROSS JOIN LATERAL (SELECT o.mapping_state, o.xmin = pg_current_xact_id()::xid AS written FROM resource o
    WHERE o.tenant_id = $1 AND o.id = m.other LIMIT 1) o
WHERE o.mapping_state NOT IN ('excluded', 'never') AND NOT (m.by_group AND o.written AND m.other = ANY($2))
ORDER BY m.group_id, m.member_id";

/// The statement that writes the events of these resources' memberships.
pub(in crate::store) fn announce<'a>(tenant: &'a Uuid, created: &'a &'a [Uuid], stamp: &'a Stamp) -> Statement<'a> {
    let Stamp { at, actor, request_id } = stamp;
    Statement::new("writing events of memberships", INSERT_MEMBERSHIP_EVENTS, &[tenant, created, actor, request_id, at])
}
