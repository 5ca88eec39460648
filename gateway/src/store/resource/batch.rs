//! Making several resources that need each other: one transaction, so that none is there without the others.

use tokio_postgres::types::ToSql;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::reference::resolve;
use crate::store::postgres::pool::{Broken, Role, Statement};
use crate::store::resource::insert::DOING;
use crate::store::resource::insert::INSERT;
use crate::store::resource::insert::Insert;
use crate::store::resource::insert::InsertColumns;
use crate::store::stamp::{Stamp, slot};

/// A write that lost its race is no error to the database, and the transaction would keep the others: so this makes an
/// error of it, by dividing by zero where not every row was written here.
const ALL_OR_NONE: &str = "
SELECT 1 / (CASE WHEN (SELECT count(*) FROM resource r WHERE r.tenant_id = $1 AND r.id = ANY($2) AND r.xmin = pg_current_xact_id()::xid)
  = cardinality($2) THEN 1 ELSE 0 END)";

/// What became of several writes.
#[derive(Debug)]
pub enum BatchOutcome {
    /// All are done.
    Done,
    /// The mapping changed, or another writer was in the way: nothing is done, and all may be tried again.
    Lost,
    /// Nothing is done, because of the one at this place.
    Refused(usize, Error),
}

impl TenantStore {
    /// Inserts resources, groups among them with their first members, who may be one another.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn insert_batch(&self, new: &[Insert<'_>], stamp: &Stamp) -> Result<BatchOutcome, Error> {
        // One counter for all: two such transactions that took several in different orders would wait for each other.
        let slot = slot();
        let columns: Vec<InsertColumns<'_>> = new.iter().map(|new| InsertColumns::resolving(new, slot)).collect();
        let pairs = || columns.iter().zip(new);
        let inserts: Vec<_> = pairs().map(|(columns, new)| columns.params(self, new, stamp)).collect();
        let resolves: Vec<_> = pairs().map(|(columns, new)| columns.resolve_params(self, new, stamp)).collect();
        // Members come when all are there, so that none is kept as unknown for a moment.
        let members: Vec<(usize, MemberStatement<'_>)> = new
            .iter()
            .enumerate()
            .filter_map(|(place, new)| {
                Some((place, MemberStatement::new(self.tenant, new.id, true, new.members?, stamp)))
            })
            .collect();
        let member_params: Vec<_> = members.iter().map(|(_, members)| members.params()).collect();
        let ids: Vec<uuid::Uuid> = new.iter().map(|new| new.id).collect();
        let check: [&(dyn ToSql + Sync); 2] = [&self.tenant.0, &ids];

        let mut batch = Vec::with_capacity(new.len() * 3 + 1);
        batch.extend(inserts.iter().map(|params| Statement { doing: DOING, sql: INSERT, params }));
        batch.extend(resolves.iter().map(resolve));
        batch.extend(members.iter().zip(&member_params).map(|((_, members), params)| members.statement(params)));
        batch.push(Statement { doing: "checking that all was written", sql: ALL_OR_NONE, params: &check });
        let Err(broken) = self.pool.transaction(Role::Tenant(self.tenant), &batch).await? else {
            return Ok(BatchOutcome::Done);
        };
        let place = match broken.at {
            at if at < new.len() * 2 => at % new.len(),
            at => members.get(at - new.len() * 2).map_or(0, |(place, _)| *place),
        };
        Ok(refused(broken, batch.len() - 1, place))
    }
}

fn refused(broken: Broken, check: usize, place: usize) -> BatchOutcome {
    match broken.error {
        Error::Conflict { .. } => BatchOutcome::Lost,
        // Another error than the division's, such as a statement that took too long, is its own.
        Error::Refused { .. } if broken.at == check => BatchOutcome::Lost,
        error => BatchOutcome::Refused(place, error),
    }
}
