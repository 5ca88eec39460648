//! Where walks through a list have got to. Short-lived, and in the database, since the next page may be asked of another
//! replica.

use std::time::{Duration, SystemTime};

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;

/// How long a client may take from one page to the next.
pub const LIFE: Duration = Duration::from_mins(10);

/// How long a walk that was not asked for its next page is still thought to be under way beside a newer one.
pub const UNDER_WAY: Duration = Duration::from_secs(30);

/// A page's place in a walk.
#[derive(Clone, Debug)]
pub struct Place {
    /// A digest of who asks for what.
    pub walk: Vec<u8>,
    /// The startIndex of the page.
    pub index: i64,
    /// A digest of how much is asked for, and which attributes. Some clients change it from page to page.
    pub alike: i32,
}

/// What a walk remembers.
#[derive(Clone, Debug)]
pub struct Bookmark {
    /// Tells walks apart that are for the same and go on at once.
    pub begun: Uuid,
    /// The last resource that was shown.
    pub after: Uuid,
    /// How many resources there are, as the client was told.
    pub total: i64,
}

/// Of several walks at once nobody knows which one asks. Likeliest one that is asked for in the same way, and has not come to
/// its end: that one asks again only where its client missed the reply. Among those under way the one that is least far
/// loses nobody by it; one that was left behind before a newer one would show again what that has shown.
const FIND: &str = "
SELECT begun, after_id, total FROM bookmark WHERE tenant_id = $1 AND walk = $2 AND next_index = $3 AND at > $4
ORDER BY alike IS DISTINCT FROM $5, finished, at <= $6, CASE WHEN at > $6 THEN after_id END, at DESC LIMIT 1";

/// A page that is asked for twice may end later the second time; nobody knows which reply arrived.
const KEEP: &str = "
INSERT INTO bookmark AS b (tenant_id, walk, next_index, begun, after_id, total, at, alike)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, walk, next_index, begun)
DO UPDATE SET after_id = least(b.after_id, excluded.after_id), total = excluded.total, at = excluded.at,
  alike = excluded.alike";

const FINISH: &str = "UPDATE bookmark SET finished = true WHERE tenant_id = $1 AND walk = $2 AND begun = $3 AND at > $4 AND NOT finished";

/// Passes by what another clears away. The rows are found once (`ARRAY`), whatever number of them the server reckons with:
/// by IN, planned while the table was empty, it would look for them anew for each row there is.
const CLEAR: &str = "
DELETE FROM bookmark WHERE tenant_id = $1 AND at <= $2 AND ctid = ANY(ARRAY(
  SELECT ctid FROM bookmark WHERE tenant_id = $1 AND at <= $2 LIMIT 1000 FOR UPDATE SKIP LOCKED))";

/// Of so many walks that begin one clears away what is of no worth any more, by a thousand at a time.
const CLEARED_BY_ONE_IN: u8 = 64;

impl TenantStore {
    /// Where to go on.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn bookmark(&self, place: &Place, now: SystemTime) -> Result<Option<Bookmark>, Error> {
        let (fresh, under_way) = (now - LIFE, now - UNDER_WAY);
        let params: [&(dyn ToSql + Sync); 6] =
            [&self.tenant.0, &place.walk, &place.index, &fresh, &place.alike, &under_way];
        let rows = self.query("reading a bookmark", FIND, &params).await?;
        Ok(rows.first().map(|row| Bookmark { begun: row.get(0), after: row.get(1), total: row.get(2) }))
    }

    /// Remembers where the page at `place` begins; now and then the first one of a walk clears away what is of no worth.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn keep_bookmark(
        &self,
        place: &Place,
        bookmark: &Bookmark,
        (now, first): (SystemTime, bool),
    ) -> Result<(), Error> {
        let Bookmark { begun, after, total } = bookmark;
        let params: [&(dyn ToSql + Sync); 8] =
            [&self.tenant.0, &place.walk, &place.index, begun, after, total, &now, &place.alike];
        let _ = self.query("writing a bookmark", KEEP, &params).await?;
        // The last byte of an id is random.
        if first && begun.as_bytes()[15] % CLEARED_BY_ONE_IN == 0 {
            let old = now - LIFE;
            let _ = self.query("clearing bookmarks away", CLEAR, &[&self.tenant.0, &old]).await?;
        }
        Ok(())
    }

    /// The walk has come to its end.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn finish_walk(&self, walk: &[u8], begun: Uuid, now: SystemTime) -> Result<(), Error> {
        let fresh = now - LIFE;
        let finished = self.query("finishing a walk", FINISH, &[&self.tenant.0, &walk, &begun, &fresh]).await;
        match finished {
            // Another finishes it at the same time.
            Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
