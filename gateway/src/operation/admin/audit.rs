//! The audit: what operators changed, read in pages.

use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use uuid::Uuid;

use crate::operation::error::Error;
use crate::operation::operator::Operator;
use crate::store::audit::{Page, Recorded, first_id};
use crate::tenant::TenantId;

/// Most changes of a page.
pub const MAX_PAGE: i64 = 500;

/// Which changes to read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Those of a tenant, by its name, or by its id, also where it is deleted.
    pub tenant: Option<String>,
    /// Those from this time on.
    pub since: Option<SystemTime>,
    /// Those before this time.
    pub until: Option<SystemTime>,
    /// Those older than this one, the latest first.
    pub before: Option<Uuid>,
    /// Those newer than this one, the oldest first.
    pub after: Option<Uuid>,
    /// So many at most.
    pub limit: i64,
}

/// A page of changes.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The changes.
    pub changes: Vec<Recorded>,
    /// Whether there are more.
    pub more: bool,
}

/// A page of the audit, the latest change first; with `after`, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant, 400 for both `before` and `after`.
pub async fn list(operator: &Operator, wanted: &Wanted) -> Result<Listed, Error> {
    if wanted.before.is_some() && wanted.after.is_some() {
        return Err(ScimError::new(400, "before and after do not go together.").into());
    }
    let tenant = match &wanted.tenant {
        None => None,
        Some(text) => Some(match text.parse() {
            Ok(id) => TenantId(id),
            Err(_) => operator.tenant(text).await?.id,
        }),
    };
    let since = wanted.since.map_or(Uuid::nil(), first_id);
    let until = wanted.until.map_or(Uuid::max(), first_id);
    let limit = wanted.limit.clamp(1, MAX_PAGE);
    let page = Page {
        tenant,
        after: wanted.after.map_or(since, |after| after.max(since)),
        before: wanted.before.map_or(until, |before| before.min(until)),
        latest_first: wanted.after.is_none(),
        // One more than the limit shows whether there is a next page.
        limit: limit + 1,
    };
    let mut changes = operator.gateway.store.control().recorded(&page).await?;
    let more = changes.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        changes.pop();
    }
    Ok(Listed { changes, more })
}
