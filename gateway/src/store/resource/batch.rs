//! Inserting several resources that refer to one another: one transaction, so that either all are stored or none.

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::change::MemberStatement;
use crate::store::postgres::pool::{Failure, Role, Statement};
use crate::store::resource::insert::{Insert, InsertStatements};
use crate::store::stamp::{Stamp, slot};

/// A write that lost its race changes no row, which is not a database error, so the others would be committed. This
/// statement therefore fails, by dividing by zero, unless the transaction wrote every row.
const ALL_OR_NONE: &str = "
SELECT 1 / (CASE WHEN (SELECT count(*) FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT r.xmin FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id LIMIT 1) r WHERE r.xmin = pg_current_xact_id()::xid)
  = cardinality($2::uuid[]) THEN 1 ELSE 0 END)";

/// The result of several writes.
#[derive(Debug)]
pub enum BatchOutcome {
    /// All are stored.
    Done,
    /// None is stored, because mapping or schemas changed or another write came first: all may be tried again.
    Lost,
    /// None is stored, because of the one at this index.
    Refused(usize, Error),
}

impl TenantStore {
    /// Inserts resources, including groups with their first members; those may be in the batch, too.
    pub async fn insert_batch(&self, new: &[Insert<'_>], stamp: &Stamp) -> Result<BatchOutcome, Error> {
        // One counter row for all: two such transactions that took several in different orders would deadlock.
        let slot = slot();
        let inserts: Vec<_> = new.iter().map(|new| InsertStatements::new(self, new, (slot, stamp))).collect();
        // Members are added after all resources are inserted, so that none becomes a pending reference.
        let members: Vec<(usize, MemberStatement<'_>)> = inserts
            .iter()
            .enumerate()
            .filter_map(|(index, insert)| insert.members().map(|members| (index, members)))
            .collect();
        let ids: Vec<Uuid> = new.iter().map(|new| new.id).collect();

        let mut batch = Vec::with_capacity(new.len() * 3 + 1);
        batch.extend(inserts.iter().map(InsertStatements::insert));
        batch.extend(inserts.iter().map(InsertStatements::resolve));
        batch.extend(members.iter().map(|(_, members)| members.statement()));
        let unique = batch.len();
        let entering: Vec<(usize, Statement<'_>)> =
            inserts.iter().enumerate().filter_map(|(index, insert)| Some((index, insert.unique()?))).collect();
        let entered_for: Vec<usize> = entering.iter().map(|(index, _)| *index).collect();
        batch.extend(entering.into_iter().map(|(_, statement)| statement));
        batch.extend(inserts.iter().filter_map(InsertStatements::reason));
        batch.push(Statement::new("checking that all was written", ALL_OR_NONE, &[&self.tenant.0, &ids]));
        let Err(Failure { statement, error }) = self.pool.transaction(Role::Tenant(self.tenant), &batch).await else {
            return Ok(BatchOutcome::Done);
        };
        let Some(statement) = statement else { return Err(error) };
        Ok(match error {
            Error::Conflict { .. } => BatchOutcome::Lost,
            // Any other error than the division's, such as a timeout, is not a lost race.
            Error::Refused { .. } if statement == batch.len() - 1 => BatchOutcome::Lost,
            error => {
                let index = match statement {
                    at if at < new.len() * 2 => at % new.len(),
                    at if at < unique => members.get(at - new.len() * 2).map_or(0, |(index, _)| *index),
                    // A statement of the last group, which keeps reasons, is refused for no resource of its own.
                    at => entered_for.get(at - unique).copied().unwrap_or_default(),
                };
                BatchOutcome::Refused(index, error)
            }
        })
    }
}
