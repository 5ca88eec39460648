//! Restoring a deleted resource under its id: found by its externalId or name, and overwritten in one statement that depends
//! on the version of the tombstone.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::reference::PendingReferences;
use crate::store::postgres::pool::Statement;
use crate::store::postgres::sql::Variants;
use crate::store::resource::content::{
    Arms, Content, IF_SETTINGS_UNCHANGED, NONE_PENDING, RowWrite, SET_CONTENT, Written,
};
use crate::store::resource::key::Keys;
use crate::store::resource::read::{ReadOptions, Stored, select};
use crate::store::stamp::{Stamp, Target, slot};

fn sql(arms: Arms, none_pending: bool) -> &'static str {
    static TEXTS: Variants<32> = Variants::new();
    let Arms { text, unique, searchable, event } = arms;
    TEXTS.get([text, unique, searchable, event, none_pending], || {
        let version = arms.next_param();
        let none_pending = if none_pending { NONE_PENDING } else { "" };
        format!(
            "
WITH w AS ({SET_CONTENT}, deleted_at = NULL
  WHERE r.tenant_id = $1 AND r.id = $2 AND CASE WHEN r.resource_type = $3 THEN r.deleted_at IS NOT NULL END
    AND r.version = ${version}{IF_SETTINGS_UNCHANGED}{none_pending})
  RETURNING r.tenant_id, r.id, r.version),
t AS (DELETE FROM tombstone_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id){}{}{}
SELECT version FROM w",
            arms.insert_keys(),
            arms.count(version + 1),
            arms.insert_event("1")
        )
    })
}

/// A tombstone to be restored.
pub struct Restore<'a> {
    /// The resource's type.
    pub resource_type: &'a str,
    /// Its id.
    pub id: Uuid,
    /// The own version of the tombstone that was read.
    pub version: i64,
    /// What to store.
    pub content: &'a Content,
}

impl TenantStore {
    /// The latest tombstone with these keys: with the same externalId, or with the same name where neither has an
    /// externalId.
    pub async fn tombstone(
        &self,
        resource_type: &str,
        keys: &Keys,
        deleted_after: SystemTime,
    ) -> Result<Option<Stored>, Error> {
        let (attribute, key) = match (&keys.external_id, &keys.name_key) {
            (Some(external), _) => ("externalId", external),
            (None, Some(name)) => ("name", name),
            (None, None) => return Ok(None),
        };
        let sql = select(
            "tombstone_key k CROSS JOIN LATERAL (SELECT * FROM resource r WHERE r.tenant_id = $1 AND r.id = k.id \
             AND CASE WHEN r.tenant_id = $1 THEN r.deleted_at IS NOT NULL END LIMIT 1) r",
            ReadOptions::default(),
            "WHERE k.tenant_id = $1 AND k.resource_type = $2 AND k.attribute = $3 AND k.key = $4 AND k.deleted_at > $5 \
             ORDER BY k.deleted_at DESC, k.id DESC LIMIT 1",
        );
        let rows = self
            .query("looking for a tombstone", &sql, &[&self.tenant.0, &resource_type, &attribute, key, &deleted_after])
            .await?;
        rows.first().map(Stored::from_row).transpose()
    }

    /// Restores a tombstone. Also returns the number of groups whose pending references
    /// became memberships.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a unique value is in use by now.
    pub async fn restore(&self, restore: &Restore<'_>, stamp: &Stamp) -> Result<(Written, i64), Error> {
        let Restore { resource_type, id, version, content } = restore;
        let target = Target { tenant: self.tenant, resource_type, id: *id, slot: slot(), stamp };
        let write = RowWrite::new(target, content);
        let arms = write.arms();
        let mut params = write.params();
        params.push(version);
        if !arms.event {
            params.push(&write.target.slot);
        }
        let pending = PendingReferences::restored(resource_type, *id, &content.keys);
        let sql = sql(arms, !content.awaits_references);
        let mut batch = vec![Statement { doing: "restoring a resource", sql, params }];
        if content.awaits_references {
            batch.push(pending.resolve(&write.target, &arms.event));
        }
        // The last one: the second answer is that of the pending references.
        let unique = content.unique_write(*id);
        batch.extend(content.further((&self.tenant.0, id), unique.as_ref(), stamp));
        let answers = self.batch(&batch).await?;
        let joined = if content.awaits_references { answers[1].first().map_or(0, |row| row.get(0)) } else { 0 };
        Ok((Written::from_rows(&answers[0]), joined))
    }
}
