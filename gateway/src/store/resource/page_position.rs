//! Where the pages of a list begin, for clients that page by startIndex. In the database, since the next page may be
//! requested from another replica.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::{Params, TenantStore};

/// How long a client may take from one page to the next.
pub const PAGE_POSITION_TTL: Duration = Duration::from_mins(10);

/// A paging session without a request for this long ranks behind a newer one of the same list.
pub const SESSION_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The page of a list that a client requests.
#[derive(Clone, Debug)]
pub struct PageKey {
    /// A digest of the client and the list.
    pub list: Vec<u8>,
    /// The page's startIndex.
    pub start_index: i64,
    /// A digest of the count and the attributes, which some clients change from page to page.
    pub request_shape: i32,
}

/// Where a page begins.
#[derive(Clone, Debug)]
pub struct PagePosition {
    /// Distinguishes concurrent paging sessions through the same list.
    pub session: Uuid,
    /// The last resource of the page before.
    pub after: Uuid,
    /// The totalResults of the page before.
    pub total: i64,
}

/// If several paging sessions share a list, prefer one with the same count and attributes that is not finished: a finished
/// one is requested again only if its client missed the reply. Of the active ones take the least advanced, which skips no
/// resource for any of them. An idle one ranks behind them: it would repeat what a newer one has shown.
pub(super) const FIND: &str = "
SELECT begun, after_id, total FROM bookmark WHERE tenant_id = $1 AND walk = $2 AND next_index = $3
  AND CASE WHEN tenant_id = $1 THEN at > $4 END
ORDER BY alike IS DISTINCT FROM $5, finished, at <= $6, CASE WHEN at > $6 THEN after_id END, at DESC LIMIT 1";

/// What is inserted in this order of columns.
pub(super) const INSERT: &str =
    "INSERT INTO bookmark AS b (tenant_id, walk, next_index, begun, after_id, total, at, alike)";

/// A page that is requested twice may end later the second time, and either reply may have arrived: the earlier end is kept.
pub(super) const UPDATE: &str = "ON CONFLICT (tenant_id, walk, next_index, begun)
DO UPDATE SET after_id = least(b.after_id, excluded.after_id), total = excluded.total, at = excluded.at,
  alike = excluded.alike";

/// For the session `$3`.
pub(super) const FINISH: &str = "UPDATE bookmark SET finished = true
WHERE tenant_id = $1 AND walk = $2 AND CASE WHEN begun = $3 THEN at > $4 AND NOT finished END";

/// Skips rows that another replica is deleting. The rows are found once (`ARRAY`): by IN, in a plan from when the table was
/// empty, the server would search for them again for each row.
const DELETE_EXPIRED: &str = "
DELETE FROM bookmark WHERE tenant_id = $1 AND at <= $2 AND ctid = ANY(ARRAY(
  SELECT ctid FROM bookmark WHERE tenant_id = $1 AND at <= $2 LIMIT 1000 FOR UPDATE SKIP LOCKED))";

/// One paging session in this many deletes expired positions, up to a thousand.
const DELETES_ONE_IN: u8 = 64;

impl TenantStore {
    /// Where the page begins, if the page before was requested.
    pub async fn page_position(&self, key: &PageKey, now: SystemTime) -> Result<Option<PagePosition>, Error> {
        let PageKey { list, start_index, request_shape } = key;
        let (expired, idle) = (now - PAGE_POSITION_TTL, now - SESSION_IDLE_TIMEOUT);
        let params: Params<'_> = &[&self.tenant.0, list, start_index, &expired, request_shape, &idle];
        let rows = self.query("reading a page position", FIND, params).await?;
        Ok(rows.first().map(|row| PagePosition { session: row.get(0), after: row.get(1), total: row.get(2) }))
    }

    /// Saves where a page begins. The `first` page of some sessions also deletes expired positions.
    pub async fn save_page_position(
        &self,
        key: &PageKey,
        position: &PagePosition,
        (now, first): (SystemTime, bool),
    ) -> Result<(), Error> {
        static SAVE: LazyLock<String> =
            LazyLock::new(|| format!("{INSERT} VALUES ($1, $2, $3, $4, $5, $6, $7, $8) {UPDATE}"));
        let PageKey { list, start_index, request_shape } = key;
        let PagePosition { session, after, total } = position;
        let params: Params<'_> = &[&self.tenant.0, list, start_index, session, after, total, &now, request_shape];
        self.query("saving a page position", &SAVE, params).await?;
        if first { self.delete_expired_positions(*session, now).await } else { Ok(()) }
    }

    /// Deletes expired positions, in some of the sessions that begin.
    pub async fn delete_expired_positions(&self, session: Uuid, now: SystemTime) -> Result<(), Error> {
        // The last byte of an id is random.
        if session.as_bytes()[15].is_multiple_of(DELETES_ONE_IN) {
            let expired = now - PAGE_POSITION_TTL;
            self.query("deleting page positions", DELETE_EXPIRED, &[&self.tenant.0, &expired]).await?;
        }
        Ok(())
    }

    /// Marks a paging session that has reached the end of its list.
    pub async fn finish_paging_session(&self, list: &[u8], session: Uuid, now: SystemTime) -> Result<(), Error> {
        let expired = now - PAGE_POSITION_TTL;
        let doing = "finishing a paging session";
        match self.query(doing, FINISH, &[&self.tenant.0, &list, &session, &expired]).await {
            // Another request finishes it at the same time.
            Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
