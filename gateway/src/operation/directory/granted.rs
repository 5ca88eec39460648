//! What group rules give to users of a page, by their memberships as the product sees them. A tenant without rules pays nothing for it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::group_rules::Grant;
use crate::operation::group_rules::shown::add;
use crate::operation::pace::Pace;
use crate::operation::resource::document::parse;
use crate::store::resource::read::Stored;

/// What each of these users has, in the order of the rules; read in one query.
pub(super) async fn of(
    ctx: &Context,
    resource_type: &str,
    page: &[Stored],
) -> Result<HashMap<Uuid, Vec<Grant>>, Error> {
    let rules = &ctx.settings.group_rules;
    let mut given: HashMap<Uuid, Vec<usize>> = HashMap::new();
    if rules.is_empty() || resource_type != "User" || page.is_empty() {
        return Ok(HashMap::new());
    }
    let users: Vec<Uuid> = page.iter().map(|stored| stored.id).collect();
    let mut pace = Pace::begin();
    for membership in ctx.store.ruled_memberships(&users, rules.keys()).await? {
        pace.step().await;
        given.entry(membership.user).or_default().extend(rules.naming(&membership.group));
    }
    let grants = given.into_iter().map(|(user, mut indices)| {
        indices.sort_unstable();
        indices.dedup();
        let grants = indices.into_iter().filter_map(|index| rules.rules().get(index)).map(|rule| rule.grant.clone());
        (user, grants.collect())
    });
    Ok(grants.collect())
}

/// The text of a mapped document with the grants. It is parsed only where there are some.
pub(super) fn text<'t>(mapped: &'t str, grants: Option<&Vec<Grant>>) -> Result<Cow<'t, str>, Error> {
    let Some(grants) = grants else { return Ok(mapped.into()) };
    let mut document = parse("mapped", mapped)?;
    add(&mut document, grants);
    Ok(Value::Object(document).to_string().into())
}
