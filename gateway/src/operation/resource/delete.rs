//! DELETE (RFC 7644 §3.6).

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::etag::Condition;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::get::parse_id;
use crate::operation::resource::record::Action;
use crate::operation::resource::reply::{Reply, check_match};
use crate::operation::resource::write::{self, Change, Prepared};
use crate::store::resource::read::ReadOptions;

/// Deletes a resource: from now on it is found nowhere and its names are free.
///
/// # Errors
/// 404 where there is none (any more), 412 where `If-Match` does not hold.
pub async fn run(
    mut ctx: Context,
    resource_type: Arc<ResourceType>,
    id: &str,
    if_match: Option<Condition>,
) -> Result<Reply, Error> {
    let mut delete = Delete { id: parse_id(id), written_id: id, resource_type, if_match, was_lost: false };
    write::run(&mut ctx, &mut delete).await?;
    Ok(Reply::no_content())
}

struct Delete<'a> {
    resource_type: Arc<ResourceType>,
    id: Option<Uuid>,
    written_id: &'a str,
    if_match: Option<Condition>,
    was_lost: bool,
}

impl Change for Delete<'_> {
    fn action(&self) -> Action {
        Action::Delete
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, self.id)
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        let absent = || ScimError::not_found(&self.resource_type.name, self.written_id);
        let id = self.id.ok_or_else(absent)?;
        let is_first = !std::mem::replace(&mut self.was_lost, true);
        if self.if_match.is_none() && is_first {
            return Ok(Prepared::Delete { id, expected: None });
        }
        // Without a condition only its absence keeps a resource from being deleted, or a deadlock that was resolved
        // against this request.
        let before = ctx.store.get(&self.resource_type.name, id, ReadOptions::default()).await?.ok_or_else(absent)?;
        check_match(self.if_match.as_ref(), &before)?;
        let expected = self.if_match.as_ref().map(|_| (before.own_version, before.member_changes));
        Ok(Prepared::Delete { id, expected })
    }

    fn warnings(&self, _place: usize) -> Warnings {
        Warnings::default()
    }
}
