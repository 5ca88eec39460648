//! Lists of resources: pages in the order of their ids, which is the order they were made in, or of a column.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::postgres::sql::{Param, Sql};
use crate::store::resource::filter_sql::Plan;
use crate::store::resource::read::ReadOptions;
use crate::store::resource::read::Stored;
use crate::store::resource::read::columns;
use crate::store::resource::read::joins;

/// What resources are ordered by; where that leaves two equal, by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Their ids alone.
    Id,
    /// userName, or else displayName, folded. Those without one are last.
    Name,
    /// When they were made, in milliseconds.
    Created,
    /// When they last changed, in milliseconds; with `members`, a change of members counts.
    Modified {
        /// Whether members are kept beside these resources.
        members: bool,
    },
}

/// A place between two resources of a list: just after this one, whether it still is there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// What it was ordered by; none where it had no value, or is ordered by its id alone.
    pub key: Option<String>,
    /// Its id.
    pub id: Uuid,
}

/// Which rows of the ordered list are read.
#[derive(Clone, Debug)]
pub struct Window {
    /// The order.
    pub order: Order,
    /// Whether it is turned round, ids and missing values included.
    pub descending: bool,
    /// Where to begin.
    pub after: Option<Position>,
    /// Whether the resource at that place is read, too.
    pub inclusive: bool,
    /// How many to pass over first.
    pub offset: i64,
    /// How many at most.
    pub limit: i64,
}

/// The rows of a window.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows.
    pub found: Vec<Found>,
    /// How many there are in the whole list, where that is known beside and a row could tell.
    pub total: Option<i64>,
}

/// One row of a list.
#[derive(Clone, Debug)]
pub struct Found {
    /// The resource.
    pub stored: Stored,
    /// What the database says of the parts of the filter that it alone decides.
    pub said: Vec<bool>,
    /// The place just after it.
    pub position: Position,
}

impl TenantStore {
    /// How many living resources of these types there are, without counting them.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count(&self, types: &[String]) -> Result<i64, Error> {
        let mut sql = Sql::of(self.tenant.0);
        write_total(types, &mut sql);
        let params: Vec<&(dyn ToSql + Sync)> = sql.params().into_iter().map(|(value, _)| value).collect();
        let rows = self.query("counting resources", &sql.text, &params).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// How many resources meet the plan's condition; counting ends at a limit where there is one.
    ///
    /// # Errors
    /// The database is unavailable, or takes too long.
    pub async fn count_matching(&self, plan: &Plan, limit: Option<i64>) -> Result<i64, Error> {
        let mut sql = Sql::of(self.tenant.0);
        sql.push("SELECT count(*) FROM (SELECT 1 FROM resource r WHERE ");
        write_where(plan, &mut sql);
        if let Some(limit) = limit {
            sql.push(" LIMIT ");
            sql.bind(Param::Number(limit));
        }
        sql.push(") r");
        let rows = self.select("counting resources", plan, &sql).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Reads a window of the resources that meet the plan's condition.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn window(&self, plan: &Plan, window: &Window, options: ReadOptions) -> Result<Page, Error> {
        // Who is looked up comes with the groups; the groups of a page are read together.
        let together = options.groups && !plan.condition.is_lookup();
        let options = ReadOptions { groups: options.groups && !together, ..options };
        let mut sql = Sql::of(self.tenant.0);
        sql.push(&format!("SELECT {}, {} AS sort_key", columns(options), window.sort_key(plan)));
        for (place, condition) in plan.decided().enumerate() {
            sql.push(", coalesce((");
            condition.write(&mut sql);
            sql.push(&format!("), false) AS said_{place}"));
        }
        if plan.is_everything() {
            sql.push(", (");
            write_total(&plan.types, &mut sql);
            sql.push(") AS total");
        }
        write_rows(plan, window, joins(options), &mut sql);
        let rows = self.select("reading a list", plan, &sql).await?;
        let total = rows.first().filter(|_| plan.is_everything()).map(|row| row.get("total"));
        let decided = plan.decided().count();
        let found = rows.iter().map(|row| found(row, window.order, decided)).collect::<Result<_, _>>()?;
        let mut page = Page { found, total };
        if together {
            self.add_groups(page.found.iter_mut().map(|found| &mut found.stored)).await?;
        }
        Ok(page)
    }

    /// The living resources with these ids, in no order.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn by_ids(&self, types: &[String], ids: &[Uuid], options: ReadOptions) -> Result<Vec<Stored>, Error> {
        let sql = format!(
            "SELECT {} FROM resource r {} WHERE r.tenant_id = $1 AND r.id = ANY($2) AND r.resource_type = ANY($3) \
             AND r.deleted_at IS NULL",
            columns(options),
            joins(options)
        );
        let params: [&(dyn ToSql + Sync); 3] = [&self.tenant.0, &ids, &types];
        self.query("reading resources", &sql, &params).await?.iter().map(Stored::from_row).collect()
    }

    /// One page of what the product sees, after an id.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn visible_page(&self, resource_type: &str, after: Uuid, count: i64) -> Result<Vec<Stored>, Error> {
        let options = ReadOptions::default();
        let sql = format!(
            "SELECT {} FROM resource r {} WHERE r.tenant_id = $1 AND r.resource_type = $2 AND r.deleted_at IS NULL \
             AND r.mapping_state NOT IN ('excluded', 'never') AND r.id > $3 ORDER BY r.id LIMIT $4",
            columns(options),
            joins(options)
        );
        let params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &resource_type, &after, &count];
        self.query("reading a directory page", &sql, &params).await?.iter().map(Stored::from_row).collect()
    }

    /// A plain list and what providers ask for all day are kept prepared; there is no end of other filters.
    async fn select(&self, doing: &'static str, plan: &Plan, sql: &Sql) -> Result<Vec<Row>, Error> {
        if plan.is_everything() || plan.decided().next().is_none() && plan.condition.is_common() {
            let params: Vec<&(dyn ToSql + Sync)> = sql.params().into_iter().map(|(value, _)| value).collect();
            return self.query(doing, &sql.text, &params).await;
        }
        self.query_once(doing, sql).await
    }
}

/// How many living resources there are, from counters.
fn write_total(types: &[String], sql: &mut Sql) {
    sql.push("SELECT coalesce(sum(n), 0)::bigint FROM resource_count WHERE tenant_id = $1 AND resource_type = ANY(");
    sql.bind(Param::Texts(types.to_vec()));
    sql.push(")");
}

/// The rows of a window as `r`, in its order.
fn write_rows(plan: &Plan, window: &Window, joins: &str, sql: &mut Sql) {
    if window.is_direct(plan) {
        sql.push(" FROM ");
        write_source(plan, window, sql);
        sql.push(&format!(" {joins}"));
        write_slice(window, "r", sql);
        return;
    }
    // The ids first: skipping index entries is cheap, skipping documents is not.
    sql.push(&format!(" FROM (SELECT r.id, {} AS sort_key FROM ", window.order.expression().unwrap_or("NULL::text")));
    write_source(plan, window, sql);
    write_slice(window, "r", sql);
    // Row by row, whatever number of them the server reckons with: joined as a whole, it may read every document.
    sql.push(&format!(
        ") p CROSS JOIN LATERAL (SELECT * FROM resource WHERE tenant_id = $1 AND id = p.id LIMIT 1) r {joins} ORDER BY {}",
        window.order.clause("p", window.descending)
    ));
}

/// All rows that a window is cut from.
fn write_source(plan: &Plan, window: &Window, sql: &mut Sql) {
    // OFFSET keeps the server from mixing the look-up with the order.
    let fence = plan.condition.is_lookup();
    let all = |sql: &mut Sql| {
        sql.push("SELECT r.* FROM resource r WHERE ");
        write_where(plan, sql);
    };
    let rest = window.rest();
    sql.push("(");
    if let Some(rest) = rest.filter(|_| !fence) {
        // Joined by OR the two would be read from the beginning of the index; each alone begins at its place in it.
        sql.push("(");
        all(sql);
        write_after(window, None, sql);
        write_part(window, sql);
        sql.push(") UNION ALL (");
        all(sql);
        sql.push(" AND ");
        sql.push(rest);
        write_part(window, sql);
        sql.push(")");
    } else {
        all(sql);
        write_after(window, rest, sql);
    }
    sql.push(if fence { " OFFSET 0) r" } else { ") r" });
}

/// As much of a part as the window may need.
fn write_part(window: &Window, sql: &mut Sql) {
    sql.push(&format!(" ORDER BY {} LIMIT ", window.order.clause("r", window.descending)));
    sql.bind(Param::Number(window.offset.saturating_add(window.limit)));
}

fn write_slice(window: &Window, table: &str, sql: &mut Sql) {
    sql.push(&format!(" ORDER BY {} OFFSET ", window.order.clause(table, window.descending)));
    sql.bind(Param::Number(window.offset));
    sql.push(" LIMIT ");
    sql.bind(Param::Number(window.limit));
}

impl Window {
    /// Whether the rows can be read as they come: nothing is passed over, and they are few or an index has their order.
    fn is_direct(&self, plan: &Plan) -> bool {
        self.offset == 0 && (plan.condition.is_lookup() || plan.is_everything() && self.order == Order::Id)
    }

    /// Besides those beyond the window's place that have a value as it has, or none as it has none: those without one come
    /// after those with one, or before them where the order is turned round. Times are never missing.
    fn rest(&self) -> Option<&'static str> {
        let after = self.after.as_ref().filter(|_| self.order == Order::Name)?;
        match (&after.key, self.descending) {
            (None, true) => Some("r.name_key IS NOT NULL"),
            (Some(_), false) => Some("r.name_key IS NULL"),
            _ => None,
        }
    }

    /// What a row of [`write_rows`] is ordered by.
    fn sort_key(&self, plan: &Plan) -> &'static str {
        let own = self.order.expression().unwrap_or("NULL::text");
        if self.is_direct(plan) { own } else { "p.sort_key" }
    }
}

fn write_where(plan: &Plan, sql: &mut Sql) {
    sql.push("r.tenant_id = $1 AND r.deleted_at IS NULL AND r.resource_type ");
    match plan.types.as_slice() {
        [only] => {
            sql.push("= ");
            sql.bind(Param::Text(only.clone()));
        }
        several => {
            sql.push("= ANY(");
            sql.bind(Param::Texts(several.to_vec()));
            sql.push(")");
        }
    }
    if !plan.is_everything() {
        sql.push(" AND ");
        plan.condition.write(sql);
    }
}

impl Order {
    /// What rows are ordered by besides their ids.
    fn expression(self) -> Option<&'static str> {
        match self {
            Self::Id => None,
            Self::Name => Some("r.name_key"),
            Self::Created => Some("floor(extract(epoch FROM r.created_at) * 1000)::bigint"),
            Self::Modified { members: false } => Some("floor(extract(epoch FROM r.modified_at) * 1000)::bigint"),
            Self::Modified { members: true } => Some(
                "floor(extract(epoch FROM greatest(r.modified_at, (SELECT max(c.at) FROM group_change c \
                 WHERE c.tenant_id = $1 AND c.group_id = r.id))) * 1000)::bigint",
            ),
        }
    }

    /// RFC 7644 §3.4.2.3: resources without a value "SHALL be sorted last" if ascending, "first" if descending; so it is
    /// with nulls here.
    fn clause(self, table: &str, descending: bool) -> String {
        let way = if descending { "DESC" } else { "ASC" };
        match (self, table) {
            (Self::Id, table) => format!("{table}.id {way}"),
            (_, "p") => format!("p.sort_key {way}, p.id {way}"),
            (_, table) => format!("{} {way}, {table}.id {way}", self.expression().unwrap_or_default()),
        }
    }

    fn param(self, key: &str) -> Param {
        match self {
            Self::Id | Self::Name => Param::Text(key.to_owned()),
            Self::Created | Self::Modified { .. } => Param::Number(key.parse().unwrap_or_default()),
        }
    }
}

/// The condition of what is beyond the window's place, or `rest`.
fn write_after(window: &Window, rest: Option<&str>, sql: &mut Sql) {
    let Some(after) = &window.after else { return };
    let sign = match (window.descending, window.inclusive) {
        (false, false) => ">",
        (false, true) => ">=",
        (true, false) => "<",
        (true, true) => "<=",
    };
    sql.push(" AND (");
    if let Some(rest) = rest {
        sql.push(rest);
        sql.push(" OR ");
    }
    match (window.order.expression(), &after.key) {
        (Some(expression), Some(key)) => {
            sql.push(&format!("({expression}, r.id) {sign} ("));
            sql.bind(window.order.param(key));
            sql.push(", ");
            sql.bind(Param::Id(after.id));
            sql.push(")");
        }
        (expression, _) => {
            let missing = expression.map(|expression| format!("{expression} IS NULL AND ")).unwrap_or_default();
            sql.push(&format!("({missing}r.id {sign} "));
            sql.bind(Param::Id(after.id));
            sql.push(")");
        }
    }
    sql.push(")");
}

fn found(row: &Row, order: Order, decided: usize) -> Result<Found, Error> {
    let key = match order {
        Order::Id => None,
        Order::Name => row.get("sort_key"),
        Order::Created | Order::Modified { .. } => {
            row.get::<_, Option<i64>>("sort_key").map(|millisecond| millisecond.to_string())
        }
    };
    let said = (0..decided).map(|place| row.get(format!("said_{place}").as_str())).collect();
    let stored = Stored::from_row(row)?;
    Ok(Found { position: Position { key, id: stored.id }, stored, said })
}
