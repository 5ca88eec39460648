//! The provisioning log of a tenant, searched in pages, the latest row first.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use scimgate_scim::error::ScimError;
use uuid::Uuid;

use crate::operation::error::Error;
use crate::operation::operator::Operator;
use crate::operation::provisioning_log::kinds;
use crate::operation::provisioning_log::reads::{MAX_SPAN, apart};
use crate::operation::provisioning_log::row_id::{first_id, moment_of};
use crate::store::provisioning_log::search::{Found, Range};
use crate::store::provisioning_log::{LOST, LogRow};
use crate::store::{self, Store, TenantStore};
use crate::tenant::TenantId;

/// Most rows of a page.
pub const MAX_PAGE: i64 = 500;
/// Rows that one statement looks at.
const CHUNK: i64 = 500;
/// The same where they may stand for 500 reads each.
const READS_CHUNK: i64 = 100;
/// Statements of one page: a search that finds little goes on at the next page.
const MAX_STATEMENTS: usize = 20;
/// Longest name of a resource that can be searched for.
const MAX_NAME_BYTES: usize = 256;

/// Which rows to read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Those about a resource: its userName, displayName, externalId or id.
    pub resource: Option<String>,
    /// … of this type.
    pub resource_type: Option<String>,
    /// How the request ended.
    pub status: Option<WantedStatus>,
    /// What was asked for.
    pub operation: Option<String>,
    /// The request's id.
    pub request: Option<String>,
    /// The code of the cause.
    pub cause: Option<String>,
    /// From this time on.
    pub since: Option<SystemTime>,
    /// Before this time.
    pub until: Option<SystemTime>,
    /// Older ones than that of the page before.
    pub cursor: Option<Uuid>,
    /// So many at most.
    pub limit: i64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedStatus {
    /// With a status below 400.
    Ok,
    /// With another one.
    Failed,
    /// With this one.
    Exactly(i16),
}

/// A page of rows.
#[derive(Debug, Default)]
pub struct Listed {
    /// The rows, the latest first.
    pub rows: Vec<LogRow>,
    /// Where the next page begins; none after the last.
    pub next: Option<Uuid>,
    /// Up to when the log was looked through for this page.
    pub searched_to: Option<SystemTime>,
}

/// A page of a tenant's log.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a name that is too long.
pub async fn list(operator: &Operator, tenant: &str, wanted: &Wanted) -> Result<Listed, Error> {
    let tenant = operator.tenant(tenant).await?;
    let subject = subject(operator, &operator.gateway.store.tenant(tenant.id), wanted).await?;
    Search { store: &operator.gateway.store, tenant: tenant.id, wanted, subject }.page().await
}

/// A resource whose rows are wanted.
struct Subject {
    name: String,
    ids: Vec<Uuid>,
}

/// Of a name that no resource has there may be refused requests to create one.
async fn subject(operator: &Operator, store: &TenantStore, wanted: &Wanted) -> Result<Option<Subject>, Error> {
    let Some(name) = &wanted.resource else { return Ok(None) };
    if name.len() > MAX_NAME_BYTES || name.contains('\0') {
        return Err(ScimError::new(400, format!("A name has at most {MAX_NAME_BYTES} bytes.")).into());
    }
    let settings = operator.gateway.settings.get(store.id()).await?;
    let types = settings.registry.resource_types().iter().map(|known| known.name.clone());
    let of_type = |known: &String| wanted.resource_type.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(known));
    let types: Vec<String> = types.filter(of_type).collect();
    let found = store.resources_called(name, &types).await?;
    let mut ids: Vec<Uuid> =
        found.into_iter().filter(|found| types.contains(&found.resource_type)).map(|found| found.id).collect();
    // A resource that is purged is not found any more, and its rows may still be there.
    ids.extend(name.parse::<Uuid>().ok());
    ids.sort();
    ids.dedup();
    Ok(Some(Subject { name: name.clone(), ids }))
}

struct Search<'w> {
    store: &'w Store,
    tenant: TenantId,
    wanted: &'w Wanted,
    subject: Option<Subject>,
}

impl Search<'_> {
    async fn page(&self) -> Result<Listed, Error> {
        let limit = usize::try_from(self.wanted.limit.clamp(1, MAX_PAGE)).unwrap_or(1);
        let from = self.wanted.since.map_or(Uuid::nil(), first_id);
        let mut before = self.first_before();
        let (mut rows, mut is_complete) = (Vec::new(), false);
        for _ in 0..MAX_STATEMENTS {
            let Found { rows: found, examined_to } = self.fetch_what_fits(Range { before, from, limit: CHUNK }).await?;
            rows.extend(found.into_iter().flat_map(apart).filter(|row| self.fits(row)));
            match examined_to {
                None => is_complete = true,
                Some(id) => before = id,
            }
            // Of older ones, others may come between them.
            let found: HashSet<Uuid> = rows.iter().map(|row| row.id).filter(|id| *id >= before).collect();
            if is_complete || found.len() > limit {
                break;
            }
        }
        if !is_complete {
            rows.retain(|row| row.id >= before);
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        // Of two indexes one may be examined further than the other, and again by the next statement.
        rows.dedup_by_key(|row| row.id);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = if has_more { rows.last().map(|row| row.id) } else { Some(before).filter(|_| !is_complete) };
        Ok(Listed { searched_to: next.map(moment_of), next, rows })
    }

    /// A row may have been written as one with later ones.
    fn first_before(&self) -> Uuid {
        let later = |at: SystemTime| first_id(at + MAX_SPAN + Duration::from_millis(2));
        let until = self.wanted.until.map_or(Uuid::max(), later);
        self.wanted.cursor.map_or(until, |cursor| later(moment_of(cursor)).min(until))
    }

    /// Fewer rows where so many are too long to be read at once.
    async fn fetch_what_fits(&self, range: Range) -> Result<Found, Error> {
        match self.fetch(range).await {
            Err(Error::Store(store::Error::TooLong { fit })) if range.limit > 1 => {
                let fit = fit.and_then(|fit| i64::try_from(fit).ok()).unwrap_or(range.limit / 4);
                self.fetch(Range { limit: fit.clamp(1, range.limit - 1), ..range }).await
            }
            found => found,
        }
    }

    async fn fetch(&self, range: Range) -> Result<Found, Error> {
        // A store of its own: what a statement has read is given back before the next one.
        let (wanted, store) = (self.wanted, self.store.tenant(self.tenant));
        if let Some(subject) = &self.subject {
            let mut of_resource = store.log_of_resources(&subject.ids, range).await?;
            let failed = store.log_of_failures(range).await?;
            let of_name =
                |row: &LogRow| row.resource_id.is_none() && self.is_named(row, subject) || row.operation == LOST;
            of_resource.rows.extend(failed.rows.into_iter().filter(of_name));
            // What both have looked through.
            of_resource.examined_to = of_resource.examined_to.max(failed.examined_to);
            return Ok(of_resource);
        }
        let is_failure = match wanted.status {
            Some(WantedStatus::Failed) => true,
            Some(WantedStatus::Exactly(status)) => status >= 400,
            Some(WantedStatus::Ok) | None => wanted.cause.is_some(),
        };
        if is_failure {
            return Ok(store.log_of_failures(range).await?);
        }
        let operation = wanted.operation.as_deref();
        // Only rows that stand for many reads can be that many.
        let with_reads = operation.is_none_or(kinds::only_reads);
        let range = if with_reads { Range { limit: range.limit.min(READS_CHUNK), ..range } } else { range };
        Ok(store.log_by_time(range, (operation, with_reads), wanted.request.as_deref()).await?)
    }

    fn is_named(&self, row: &LogRow, subject: &Subject) -> bool {
        let of_type = |only: &String| row.resource_type.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(only));
        self.wanted.resource_type.as_ref().is_none_or(of_type)
            && row.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&subject.name))
    }

    fn fits(&self, row: &LogRow) -> bool {
        let Wanted { status, operation, request, cause, since, until, cursor, .. } = self.wanted;
        let at = moment_of(row.id);
        let is_in_time = since.is_none_or(|since| at >= since)
            && until.is_none_or(|until| at < until)
            && cursor.is_none_or(|cursor| row.id < cursor);
        if row.operation == LOST {
            return is_in_time && *status != Some(WantedStatus::Ok);
        }
        let has_status = match status {
            None => true,
            Some(WantedStatus::Ok) => !row.is_failed(),
            Some(WantedStatus::Failed) => row.is_failed(),
            Some(WantedStatus::Exactly(status)) => row.status == *status,
        };
        is_in_time
            && has_status
            && operation.as_ref().is_none_or(|operation| row.operation == *operation)
            && request.as_ref().is_none_or(|request| row.request_id == *request)
            && cause.as_ref().is_none_or(|cause| row.cause.as_deref() == Some(cause))
    }
}
