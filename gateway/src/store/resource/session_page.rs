//! The ordinary page of a list in one statement: the rows after those of the page before, the groups that they are members of,
//! the number of resources, and where the next page begins.

use std::collections::HashMap;
use std::time::SystemTime;

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::postgres::sql::Variants;
use crate::store::resource::page_position::{
    FIND, FINISH, INSERT, PAGE_POSITION_TTL, PageKey, SESSION_IDLE_TIMEOUT, UPDATE,
};
use crate::store::resource::read::{GROUPS_OF_ROWS, GroupRef, ReadOptions, Stored, columns, joins};
use crate::store::{Params, TenantStore};

/// A page that is requested by its number, in the order of ids.
pub struct PageRequest<'a> {
    /// The resources' type.
    pub resource_type: &'a str,
    /// Which page of which list.
    pub key: &'a PageKey,
    /// Rows of the page.
    pub count: i64,
    /// The id of the paging session, if it begins with this page.
    pub session: Uuid,
    /// The time of the request.
    pub now: SystemTime,
}

/// A page as it was read.
#[derive(Debug, Default)]
pub struct SessionPage {
    /// Its rows, and one more if there are more pages.
    pub rows: Vec<Stored>,
    /// The number of resources of the type, from counters.
    pub counted: i64,
    /// The totalResults of the page before; none for the first page.
    pub reported: Option<i64>,
}

/// The place of a first page: no page was before it. The parameters are those of [`FIND`], whose types the server must know.
const NO_PLACE: &str =
    "SELECT NULL::uuid AS begun, NULL::bigint AS total WHERE false AND $4::timestamptz > $6::timestamptz";

/// Parameters: those of [`FIND`], then type, session, count and time.
fn sql(is_first: bool, options: ReadOptions) -> String {
    let (place, after) = if is_first {
        (NO_PLACE, "'00000000-0000-0000-0000-000000000000'")
    } else {
        (FIND, "(SELECT after_id FROM place)")
    };
    let finish = FINISH.replace("$3", "(SELECT begun FROM place)");
    let finish =
        if is_first { String::new() } else { format!(", finished AS ({finish} AND (SELECT n FROM read) <= $9)") };
    let groups = if options.groups {
        format!(
            "
UNION ALL (SELECT m.member_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, m.group_id, g.display
  FROM page v {GROUPS_OF_ROWS})"
        )
    } else {
        String::new()
    };
    let row = ReadOptions { groups: false, ..options };
    format!(
        "
WITH place AS MATERIALIZED ({place}),
page (id, resource_type, source, set_aside, mapped, mapping_state, version, created_at, member_changes, modified_at, groups,
    mapping_revision, held)
  AS MATERIALIZED (SELECT {} FROM (SELECT * FROM resource WHERE tenant_id = $1 AND deleted_at IS NULL
    AND created_at > '-infinity' AND resource_type = $7 AND id > {after} ORDER BY id LIMIT $9::bigint + 1) r {}),
read AS MATERIALIZED (SELECT count(*) AS n FROM page),
total AS MATERIALIZED (SELECT coalesce(sum(n), 0)::bigint AS n FROM (
  SELECT n FROM resource_count WHERE tenant_id = $1 AND resource_type = $7
  UNION ALL SELECT delta FROM event WHERE tenant_id = $1 AND seq IS NULL AND resource_type = $7) counted),
saved AS ({INSERT} SELECT $1, $2, $3 + $9, coalesce((SELECT begun FROM place), $8::uuid), last.id,
    greatest((SELECT n FROM total), (SELECT total FROM place), $3 + $9), $10::timestamptz, $5
  FROM (SELECT id FROM page ORDER BY id OFFSET $9 - 1 LIMIT 1) last WHERE (SELECT n FROM read) > $9 {UPDATE}){finish}
SELECT page.*, (SELECT n FROM total), (SELECT total FROM place), NULL::uuid, NULL::text FROM page{groups}",
        columns(row),
        joins(row)
    )
}

impl TenantStore {
    /// Reads a page and saves where the next one begins, or that this was the last one. It has no rows where the list has no
    /// such page, and where it is unknown where it begins.
    pub async fn session_page(&self, request: &PageRequest<'_>, options: ReadOptions) -> Result<SessionPage, Error> {
        static TEXTS: Variants = Variants::new();
        let PageRequest { resource_type, key, count, session, now } = request;
        let PageKey { list, start_index, request_shape } = key;
        let is_first = *start_index <= 1;
        let sql = TEXTS.get([is_first, options.groups, options.changes], || sql(is_first, options));
        let (expired, idle) = (*now - PAGE_POSITION_TTL, *now - SESSION_IDLE_TIMEOUT);
        let params: Params<'_> =
            &[&self.tenant.0, list, start_index, &expired, request_shape, &idle, resource_type, session, count, now];
        let mut page = SessionPage::default();
        let mut groups: HashMap<Uuid, Vec<GroupRef>> = HashMap::new();
        for row in self.read("reading a page", sql, params).await.map_err(|error| error.of_page(count + 1))? {
            if let Some(group) = row.get(15) {
                let display = row.get::<_, Option<String>>(16).unwrap_or_default();
                groups.entry(row.get(0)).or_default().push(GroupRef { id: group, display });
            } else {
                (page.counted, page.reported) = (row.get(13), row.get(14));
                page.rows.push(Stored::from_row(&row)?);
            }
        }
        // The rows of a union come in no order.
        page.rows.sort_unstable_by_key(|row| row.id);
        for row in &mut page.rows {
            row.groups = groups.remove(&row.id).unwrap_or_default();
            row.groups.sort_unstable_by_key(|group| group.id);
        }
        Ok(page)
    }
}
