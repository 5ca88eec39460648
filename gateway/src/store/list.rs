//! Lists of resources in the order of their ids, which is the order they were made in.

use std::fmt::Write as _;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::TenantStore;
use super::error::Error;
use super::filter_sql::Condition;
use super::resource::{Along, Stored, columns, joins};

impl TenantStore {
    /// How many living resources of a type there are, without counting them.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count(&self, resource_type: &str) -> Result<i64, Error> {
        let sql = "SELECT coalesce(sum(n), 0)::bigint FROM resource_count WHERE tenant_id = $1 AND resource_type = $2";
        let rows = self.query("counting resources", sql, &[&self.tenant.0, &resource_type]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// One page by position.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn page(&self, resource_type: &str, offset: i64, count: i64, along: Along) -> Result<Vec<Stored>, Error> {
        // The ids first: skipping index entries is cheap, skipping documents is not.
        let sql = format!(
            "SELECT {} FROM (SELECT tenant_id, id FROM resource WHERE tenant_id = $1 AND resource_type = $2 \
             AND deleted_at IS NULL ORDER BY id OFFSET $3 LIMIT $4) p \
             JOIN resource r ON r.tenant_id = p.tenant_id AND r.id = p.id {} ORDER BY r.id",
            columns(along),
            joins(along)
        );
        let params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &resource_type, &offset, &count];
        self.query("reading a page", &sql, &params).await?.iter().map(Stored::from_row).collect()
    }

    /// One page of what the product sees, after an id.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn visible_page(&self, resource_type: &str, after: Uuid, count: i64) -> Result<Vec<Stored>, Error> {
        let along = Along::default();
        let sql = format!(
            "SELECT {} FROM resource r {} WHERE r.tenant_id = $1 AND r.resource_type = $2 AND r.deleted_at IS NULL \
             AND r.mapping_state NOT IN ('excluded', 'never') AND r.id > $3 ORDER BY r.id LIMIT $4",
            columns(along),
            joins(along)
        );
        let params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &resource_type, &after, &count];
        self.query("reading a directory page", &sql, &params).await?.iter().map(Stored::from_row).collect()
    }

    /// The resources that conditions find, at most `limit` of them.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn find(
        &self,
        resource_type: &str,
        conditions: &[Condition],
        limit: i64,
        along: Along,
    ) -> Result<Vec<Stored>, Error> {
        let mut sql = format!(
            "SELECT {} FROM resource r {} WHERE r.tenant_id = $1 AND r.resource_type = $2 AND r.deleted_at IS NULL",
            columns(along),
            joins(along)
        );
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&self.tenant.0, &resource_type, &limit];
        for condition in conditions {
            let next = params.len() + 1;
            match condition {
                Condition::Id(None) | Condition::Member(None) => return Ok(Vec::new()),
                Condition::Id(Some(id)) => {
                    let _ = write!(sql, " AND r.id = ${next}");
                    params.push(id);
                }
                Condition::Name(key) => {
                    let _ = write!(sql, " AND r.name_key = ${next}");
                    params.push(key);
                }
                Condition::ExternalId(key) => {
                    let _ = write!(sql, " AND r.external_id = ${next}");
                    params.push(key);
                }
                Condition::Key { attribute, key } => {
                    let _ = write!(
                        sql,
                        " AND EXISTS (SELECT 1 FROM resource_key k WHERE k.tenant_id = $1 AND k.attribute = ${next} \
                         AND k.key = ${} AND k.id = r.id)",
                        next + 1
                    );
                    params.push(attribute);
                    params.push(key);
                }
                Condition::Member(Some(member)) => {
                    let _ = write!(
                        sql,
                        " AND EXISTS (SELECT 1 FROM membership m WHERE m.tenant_id = $1 AND m.group_id = r.id \
                         AND m.member_id = ${next})"
                    );
                    params.push(member);
                }
            }
        }
        sql.push_str(" ORDER BY r.id LIMIT $3");
        self.query("finding resources", &sql, &params).await?.iter().map(Stored::from_row).collect()
    }
}
