//! Who uses a release, and what that forbids: a release in use is not removed, and a yanked one not used anew.

use scimgate_scim::error::ScimError;
use serde_json::json;
use uuid::Uuid;

use super::{Named, Plugin, change, find, get, no_plugin, releases};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store;
use crate::store::mapping::RevisionState;
use crate::store::plugin_release::UseRow;

/// Most uses of one page.
pub const MAX_USES: i64 = 100;
/// Uses that a refusal names.
const NAMED_USES: usize = 5;

/// A mapping revision that uses a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The tenant's name.
    pub tenant: String,
    /// The revision.
    pub revision: i32,
    /// Where it is in its life.
    pub state: RevisionState,
}

/// Some of the uses of a release.
#[derive(Clone, Debug)]
pub struct Uses {
    /// The uses, by the age of the tenant, and by the revision.
    pub uses: Vec<Use>,
    /// After which tenant and revision the next page begins; none after the last.
    pub next: Option<(Uuid, i32)>,
}

impl From<&UseRow> for Use {
    fn from(row: &UseRow) -> Self {
        let state = match (row.is_active, row.is_draft) {
            (true, _) => RevisionState::Active,
            (false, true) => RevisionState::Draft,
            (false, false) => RevisionState::Retired,
        };
        Self { tenant: row.tenant.clone(), revision: row.revision, state }
    }
}

/// Which revisions of which tenants use a release.
///
/// # Errors
/// 404 for an unknown tenant or release.
pub async fn uses(operator: &Operator, named: Named<'_>, after: Option<(Uuid, i32)>) -> Result<Uses, Error> {
    let releases = releases(operator, named.tenant).await?;
    find(&releases, named).await?;
    let control = operator.gateway.store.control();
    let after = after.unwrap_or((Uuid::nil(), 0));
    let limit = usize::try_from(MAX_USES).unwrap_or(usize::MAX);
    let rows = control.release_uses(&releases, (named.name, named.version), (after, MAX_USES + 1)).await?;
    let shown = rows.iter().take(limit);
    let next = shown.clone().next_back().filter(|_| rows.len() > limit).map(|last| (last.tenant_id, last.revision));
    Ok(Uses { uses: shown.map(Use::from).collect(), next })
}

/// Removes a release, and the plugin with its last one.
///
/// # Errors
/// 404 for an unknown tenant or release, 409 where a revision uses it.
pub async fn remove(operator: &Operator, named: Named<'_>) -> Result<(), Error> {
    let releases = releases(operator, named.tenant).await?;
    let plugin = find(&releases, named).await?;
    let entry = change(operator, "plugin.remove", named).await?.before(&json!({ "digest": plugin.digest }));
    match releases.audited(entry).remove(named.name, named.version).await {
        Ok(Some(digest)) => operator.gateway.store.control().delete_unreleased(&[digest]).await?,
        Ok(None) => return Err(no_plugin(named).into()),
        Err(store::Error::Reference { .. }) => return Err(in_use(operator, named).await?.into()),
        Err(error) => return Err(error.into()),
    }
    log_change!(
        operator, plugin.name = named.name, plugin.version = named.version, plugin.digest = %plugin.digest,
        tenant.name = named.tenant, "plugin removed"
    );
    Ok(())
}

async fn in_use(operator: &Operator, named: Named<'_>) -> Result<ScimError, Error> {
    let Uses { uses, next } = uses(operator, named, None).await?;
    let shown: Vec<String> = uses
        .iter()
        .take(NAMED_USES)
        .map(|it| format!("revision {} of {} ({})", it.revision, it.tenant, it.state.name()))
        .collect();
    let more = match uses.len().saturating_sub(NAMED_USES) {
        0 => String::new(),
        _ if next.is_some() => format!(" and more than {} others", uses.len() - NAMED_USES),
        more => format!(" and {more} more"),
    };
    let detail = format!(
        "{}@{} is in use: {}{more}. Revisions are kept, and with them what they use. To keep new ones from it, yank it.",
        named.name,
        named.version,
        shown.join(", ")
    );
    Ok(ScimError::new(409, detail))
}

/// Keeps new mapping revisions from a release, or takes that back. Revisions that use it go on.
///
/// # Errors
/// 404 for an unknown tenant or release.
pub async fn yank(operator: &Operator, named: Named<'_>, yanked: bool) -> Result<Plugin, Error> {
    let releases = releases(operator, named.tenant).await?;
    let before = find(&releases, named).await?;
    if before.yanked.is_some() == yanked {
        return Ok(before);
    }
    let action = if yanked { "plugin.yank" } else { "plugin.unyank" };
    let entry = change(operator, action, named).await?.after(&json!({ "digest": before.digest, "yanked": yanked }));
    let releases = releases.audited(entry);
    if yanked {
        let by = (operator.actor.as_str(), operator.gateway.clock.now());
        releases.yank(named.name, named.version, by).await?;
    } else {
        releases.unyank(named.name, named.version).await?;
    }
    log_change!(
        operator, plugin.name = named.name, plugin.version = named.version, plugin.digest = %before.digest,
        tenant.name = named.tenant, yanked, "plugin yanked or taken back"
    );
    get(operator, named).await
}
