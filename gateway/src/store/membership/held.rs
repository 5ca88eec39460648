//! Members whose removal a batch holds: the product still sees them.

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::Members;
use crate::store::membership::value::{MemberValues, resolve_sql};
use crate::store::postgres::pool::Statement;
use crate::store::postgres::sql::Variants;
use crate::store::stamp::Stamp;

/// Members that a change removes, which the product still sees. Sent before the change, in its transaction, after the group's row
/// is locked against other changes.
pub(in crate::store) struct HoldMembers<'a> {
    tenant: Uuid,
    group: Uuid,
    batch: Uuid,
    values: MemberValues<'a>,
    replaces: bool,
    stamp: &'a Stamp,
}

/// The memberships that the change removes, of the values in `$3` to `$5`: those named, or with `replaces` all others.
fn removed_sql(replaces: bool) -> String {
    let values = resolve_sql("named", 3);
    let removed = if replaces {
        "SELECT m.member_id, m.member_type FROM membership m WHERE m.tenant_id = $1 AND m.group_id = $2
  AND m.member_id NOT IN (SELECT id FROM named)"
    } else {
        "SELECT m.member_id, m.member_type FROM unnest(ARRAY(SELECT id FROM named)) n (id) CROSS JOIN LATERAL
  (SELECT m.member_id, m.member_type FROM membership m WHERE m.tenant_id = $1 AND m.group_id = $2 AND m.member_id = n.id LIMIT 1) m"
    };
    format!("WITH {values},\ngone AS ({removed})")
}

impl<'a> HoldMembers<'a> {
    pub(in crate::store) fn new(
        tenant: Uuid,
        group: Uuid,
        (members, batch): (&'a Members, Uuid),
        stamp: &'a Stamp,
    ) -> Self {
        let values = MemberValues::of(if members.replace_all { &members.add } else { &members.remove });
        Self { tenant, group, batch, values, replaces: members.replace_all, stamp }
    }

    pub(in crate::store) fn statement(&self) -> Statement<'_> {
        static TEXTS: Variants<2> = Variants::new();
        let sql = TEXTS.get([self.replaces], || {
            format!(
                "{},
b AS (SELECT b.id FROM held_batch b WHERE b.tenant_id = $1 AND b.id = $6
  AND CASE WHEN b.tenant_id = $1 THEN b.state IN ('open', 'releasing', 'rejecting') END FOR SHARE),
h AS (INSERT INTO held_member (tenant_id, group_id, member_id, member_type, batch_id, at, actor, request_id)
  SELECT $1, $2, gone.member_id, gone.member_type, $6, $7, $8, $9 FROM gone ON CONFLICT DO NOTHING)
SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM b) THEN lost_race() END",
                removed_sql(self.replaces)
            )
        });
        let [texts, keys, ids] = self.values.params();
        let Self { tenant, group, batch, stamp, .. } = self;
        Statement::new(
            "holding memberships",
            sql,
            &[tenant, group, texts, keys, ids, batch, &stamp.at, &stamp.actor, &stamp.request_id],
        )
    }
}

impl TenantStore {
    /// How many memberships of a group a change removes that no batch holds yet.
    pub async fn count_removed_members(&self, group: Uuid, members: &Members) -> Result<i64, Error> {
        static TEXTS: Variants<2> = Variants::new();
        let sql = TEXTS.get([members.replace_all], || {
            format!(
                "{}
SELECT count(*) FROM gone WHERE (SELECT true FROM held_member h WHERE h.tenant_id = $1 AND h.group_id = $2
  AND h.member_id = gone.member_id LIMIT 1) IS NULL",
                removed_sql(members.replace_all)
            )
        });
        let values = MemberValues::of(if members.replace_all { &members.add } else { &members.remove });
        let [texts, keys, ids] = values.params();
        let rows = self.query("counting removed members", sql, &[&self.tenant.0, &group, texts, keys, ids]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }
}
