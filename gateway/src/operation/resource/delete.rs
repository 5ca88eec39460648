//! DELETE (RFC 7644 §3.6).

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::etag::Condition;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::{Change, Prepared};
use crate::operation::resource::get::parse_id;
use crate::operation::resource::record::Action;
use crate::operation::resource::reply::{Reply, check_match};
use crate::operation::resource::write;
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
    let mut delete = Delete { id: parse_id(id), written_id: id, resource_type, if_match };
    write::run(&mut ctx, &mut delete).await?;
    Ok(Reply::no_content())
}

struct Delete<'a> {
    resource_type: Arc<ResourceType>,
    id: Option<Uuid>,
    written_id: &'a str,
    if_match: Option<Condition>,
}

impl Change for Delete<'_> {
    fn action(&self) -> Action {
        Action::Delete
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, self.id)
    }

    fn locks(&self) -> Option<Uuid> {
        self.id
    }

    /// The document is read for its keys, which are deleted with it.
    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        let absent = || ScimError::not_found(&self.resource_type.name, self.written_id);
        let id = self.id.ok_or_else(absent)?;
        let before = ctx.store.get(&self.resource_type.name, id, ReadOptions::default()).await?.ok_or_else(absent)?;
        check_match(self.if_match.as_ref(), &before)?;
        Ok(Prepared::Delete { before, guards_members: self.if_match.is_some() })
    }

    fn warnings(&self, _place: usize) -> Warnings {
        Warnings::default()
    }
}
