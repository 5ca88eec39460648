//! Lists of resources: pages in the order of their ids, which is the order of creation, or of a column.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::postgres::pool::once::Planning;
use crate::store::postgres::sql::{Param, Sql};
use crate::store::resource::filter_sql::Plan;
use crate::store::resource::read::{ReadOptions, Stored, columns, joins, select};

/// What resources are ordered by, and then by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Their ids alone.
    Id,
    /// userName, or else displayName, folded. Those without one are last.
    Name,
    /// When they were created, in milliseconds.
    Created,
    /// When they last changed, in milliseconds.
    Modified {
        /// Whether changes of members count.
        members: bool,
    },
}

/// A position in a list: just after this resource, whether it still exists or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The value it was ordered by; none where it had no value, or for [`Order::Id`].
    pub key: Option<String>,
    /// Its id.
    pub id: Uuid,
}

/// Which rows of the ordered list are read.
#[derive(Clone, Debug)]
pub struct Window {
    /// The order.
    pub order: Order,
    /// Whether it is reversed, ids and missing values included.
    pub descending: bool,
    /// The position to begin after.
    pub after: Option<Position>,
    /// Whether to begin with the resource at that position.
    pub inclusive: bool,
    /// Rows to skip.
    pub offset: i64,
    /// Rows to read at most.
    pub limit: i64,
}

/// The rows of a window.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows.
    pub found: Vec<Found>,
    /// The number of rows of the whole list, if it comes from a counter and the page has a row.
    pub total: Option<i64>,
}

/// One row of a list.
#[derive(Clone, Debug)]
pub struct Found {
    /// The resource.
    pub stored: Stored,
    /// The results of the plan's row predicates.
    pub predicate_results: Vec<bool>,
    /// The position just after it.
    pub position: Position,
}

impl TenantStore {
    /// The number of living resources of these types, from counters.
    pub async fn count(&self, types: &[String]) -> Result<i64, Error> {
        let mut sql = Sql::of(self.tenant.0);
        write_total(types, &mut sql);
        let rows = self.read_prepared("counting resources", &sql).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// The number of resources that meet the plan's condition, counted up to a limit if there is one.
    pub async fn count_matching(&self, plan: &Plan, limit: Option<i64>) -> Result<i64, Error> {
        let mut sql = Sql::of(self.tenant.0);
        sql.push("SELECT count(*) FROM (");
        write_matching(plan, Order::Id, &mut sql);
        if let Some(limit) = limit {
            sql.push(" LIMIT ");
            sql.bind(Param::Number(limit));
        }
        sql.push(") r");
        let rows = self.select("counting resources", plan, Order::Id, &sql).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Reads a window of the resources that meet the plan's condition.
    pub async fn window(&self, plan: &Plan, window: &Window, options: ReadOptions) -> Result<Page, Error> {
        // A look-up by key also returns the users' groups; the groups of a page are read in a second query.
        let groups_apart = options.groups && !plan.condition.is_lookup();
        let options = ReadOptions { groups: options.groups && !groups_apart, ..options };
        let mut sql = Sql::of(self.tenant.0);
        sql.push(&format!("SELECT {}, {} AS sort_key", columns(options), window.sort_key(plan)));
        for (index, condition) in plan.row_predicates().enumerate() {
            sql.push(", coalesce((");
            condition.write(&mut sql);
            sql.push(&format!("), false) AS predicate_{index}"));
        }
        if plan.is_everything() {
            sql.push(", (");
            write_total(&plan.types, &mut sql);
            sql.push(") AS total");
        }
        write_rows(plan, window, joins(options), &mut sql);
        let rows = self.select("reading a list", plan, window.order, &sql).await;
        let rows = rows.map_err(|error| error.of_page(window.limit))?;
        let total = rows.first().filter(|_| plan.is_everything()).map(|row| row.get("total"));
        let predicates = plan.row_predicates().count();
        let found = rows.iter().map(|row| found(row, window.order, predicates)).collect::<Result<_, _>>()?;
        let mut page = Page { found, total };
        if groups_apart {
            self.add_groups(page.found.iter_mut().map(|found| &mut found.stored)).await?;
        }
        Ok(page)
    }

    /// The living resources with these ids, in no order.
    pub async fn by_ids(&self, types: &[String], ids: &[Uuid], options: ReadOptions) -> Result<Vec<Stored>, Error> {
        let one = "unnest($2::uuid[]) v (id) CROSS JOIN LATERAL (SELECT * FROM resource WHERE tenant_id = $1 AND id = v.id \
                   AND CASE WHEN resource_type = ANY($3) THEN deleted_at IS NULL END LIMIT 1) r";
        let sql = select(one, options, "");
        let rows = self.read("reading resources", &sql, &[&self.tenant.0, &ids, &types]).await?;
        rows.iter().map(Stored::from_row).collect()
    }

    /// Plain lists and common look-ups are kept prepared; other filters come in any number of shapes.
    async fn select(&self, doing: &'static str, plan: &Plan, order: Order, sql: &Sql) -> Result<Vec<Row>, Error> {
        if plan.is_everything() {
            if order == Order::Id && plan.types.len() == 1 {
                return self.read_prepared(doing, sql).await;
            }
            return self.read_once(doing, Planning::InIndexOrder, sql).await;
        }
        if plan.row_predicates().next().is_none() && plan.condition.is_common() {
            return self.read_prepared(doing, sql).await;
        }
        self.read_once(doing, Planning::ByCost, sql).await
    }

    async fn read_prepared(&self, doing: &'static str, sql: &Sql) -> Result<Vec<Row>, Error> {
        let params: Vec<_> = sql.params().into_iter().map(|(value, _)| value).collect();
        self.read(doing, &sql.text, &params).await
    }
}

/// The number of living resources: what is counted, and what unnumbered events add to it.
fn write_total(types: &[String], sql: &mut Sql) {
    sql.push("SELECT coalesce(sum(n), 0)::bigint FROM (");
    sql.push("SELECT n FROM resource_count WHERE tenant_id = $1 AND resource_type = ANY(");
    sql.bind(Param::Texts(types.to_vec()));
    sql.push(") UNION ALL SELECT delta FROM event WHERE tenant_id = $1 AND seq IS NULL AND resource_type = ANY(");
    sql.bind(Param::Texts(types.to_vec()));
    sql.push(")) counted");
}

/// The rows of a window as `r`, in its order.
fn write_rows(plan: &Plan, window: &Window, joins: &str, sql: &mut Sql) {
    if window.is_one(plan) {
        sql.push(&format!(" FROM resource r {joins} WHERE "));
        return write_where(plan, window.order, sql);
    }
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
    // Row by row, whatever number the server estimates: joined as a whole, it may read every document.
    sql.push(&format!(
        ") p CROSS JOIN LATERAL (SELECT * FROM resource WHERE tenant_id = $1 AND id = p.id LIMIT 1) r {joins} ORDER BY {}",
        window.order.clause("p", window.descending)
    ));
}

/// The rows that a window selects from.
fn write_source(plan: &Plan, window: &Window, sql: &mut Sql) {
    // OFFSET keeps the planner from merging the look-up with the order.
    let fence = plan.condition.is_lookup();
    let all = |sql: &mut Sql| write_matching(plan, window.order, sql);
    let others = window.other_rows();
    sql.push("(");
    if let Some(others) = others.filter(|_| !fence) {
        // With OR the server would scan the index from its beginning; each branch alone begins at its position.
        sql.push("(");
        all(sql);
        write_after(window, None, sql);
        write_branch_limit(window, sql);
        sql.push(") UNION ALL (");
        all(sql);
        sql.push(" AND ");
        sql.push(others);
        write_branch_limit(window, sql);
        sql.push(")");
    } else {
        all(sql);
        write_after(window, others, sql);
    }
    sql.push(if fence { " OFFSET 0) r" } else { ") r" });
}

/// As many rows of a branch as the window may need.
fn write_branch_limit(window: &Window, sql: &mut Sql) {
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
    /// Whether there is at most one row, the user with a userName: nothing is to be sorted or skipped.
    fn is_one(&self, plan: &Plan) -> bool {
        let is_user = matches!(plan.types.as_slice(), [only] if only == "User");
        is_user && plan.condition.is_one_name() && self.offset == 0 && self.limit > 0 && self.after.is_none()
    }

    /// Whether the rows can be read directly: none is skipped, and they are few or an index has their order.
    fn is_direct(&self, plan: &Plan) -> bool {
        self.offset == 0 && (plan.condition.is_lookup() || plan.is_everything() && self.order == Order::Id)
    }

    /// The rows after the window's position that have a value where it has none, or none where it has one: rows without a
    /// value follow the others, or precede them in descending order. Times are never missing.
    fn other_rows(&self) -> Option<&'static str> {
        let after = self.after.as_ref().filter(|_| self.order == Order::Name)?;
        match (&after.key, self.descending) {
            (None, true) => Some("r.name_key IS NOT NULL"),
            (Some(_), false) => Some("r.name_key IS NULL"),
            _ => None,
        }
    }

    /// The expression that a row of [`write_rows`] is ordered by.
    fn sort_key(&self, plan: &Plan) -> &'static str {
        let own = self.order.expression().unwrap_or("NULL::text");
        if self.is_direct(plan) { own } else { "p.sort_key" }
    }
}

/// The index of lists has this condition, which always holds: without it the index cannot serve a look-up.
const LISTED: &str = "r.created_at > '-infinity' AND ";

/// The rows that meet the plan's condition.
fn write_matching(plan: &Plan, order: Order, sql: &mut Sql) {
    let Some((ids, rest)) = plan.condition.split_ids() else {
        sql.push("SELECT r.* FROM resource r WHERE ");
        return write_where(plan, order, sql);
    };
    // Each id is looked up on its own, whatever number the server estimates.
    sql.push("SELECT r.* FROM (SELECT DISTINCT f.id FROM (");
    ids.write_ids(&plan.types, sql);
    sql.push(") f) f CROSS JOIN LATERAL (SELECT * FROM resource r WHERE r.tenant_id = $1 AND r.id = f.id LIMIT 1) r ");
    sql.push("WHERE r.deleted_at IS NULL AND r.resource_type ");
    write_types(&plan.types, sql);
    for condition in rest {
        sql.push(" AND ");
        condition.write(sql);
    }
}

/// The conditions on the row, in the form that the one right index can serve.
fn write_where(plan: &Plan, order: Order, sql: &mut Sql) {
    sql.push("r.tenant_id = $1 AND r.deleted_at IS NULL AND ");
    let by_external_id = plan.condition.is_by_external_id();
    if by_external_id {
        sql.push("CASE WHEN r.tenant_id = $1 THEN ");
    } else if order != Order::Name && !plan.condition.is_lookup() && !plan.condition.is_by_name() {
        sql.push(LISTED);
    }
    sql.push("r.resource_type ");
    write_types(&plan.types, sql);
    sql.push(if by_external_id { " END" } else { "" });
    if !plan.is_everything() {
        sql.push(" AND ");
        plan.condition.write(sql);
    }
}

fn write_types(types: &[String], sql: &mut Sql) {
    match types {
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
}

impl Order {
    /// The expression that rows are ordered by before their ids.
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

    /// RFC 7644 §3.4.2.3: resources without a value "SHALL be sorted last" if ascending, "first" if descending; nulls sort
    /// that way by default.
    fn clause(self, table: &str, descending: bool) -> String {
        let direction = if descending { "DESC" } else { "ASC" };
        match (self, table) {
            (Self::Id, table) => format!("{table}.id {direction}"),
            (_, "p") => format!("p.sort_key {direction}, p.id {direction}"),
            (_, table) => format!("{} {direction}, {table}.id {direction}", self.expression().unwrap_or_default()),
        }
    }

    fn param(self, key: &str) -> Param {
        match self {
            Self::Id | Self::Name => Param::Text(key.to_owned()),
            Self::Created | Self::Modified { .. } => Param::Number(key.parse().unwrap_or_default()),
        }
    }
}

/// The condition for rows after the window's position, or in `others`.
fn write_after(window: &Window, others: Option<&str>, sql: &mut Sql) {
    let Some(after) = &window.after else { return };
    let sign = match (window.descending, window.inclusive) {
        (false, false) => ">",
        (false, true) => ">=",
        (true, false) => "<",
        (true, true) => "<=",
    };
    sql.push(" AND (");
    if let Some(others) = others {
        sql.push(others);
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

fn found(row: &Row, order: Order, predicates: usize) -> Result<Found, Error> {
    let key = match order {
        Order::Id => None,
        Order::Name => row.get("sort_key"),
        Order::Created | Order::Modified { .. } => {
            row.get::<_, Option<i64>>("sort_key").map(|millisecond| millisecond.to_string())
        }
    };
    let predicate_results = (0..predicates).map(|index| row.get(format!("predicate_{index}").as_str())).collect();
    let stored = Stored::from_row(row)?;
    Ok(Found { position: Position { key, id: stored.id }, stored, predicate_results })
}
