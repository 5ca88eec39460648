//! A resource that is to be made, by the settings that hold now.

use std::sync::Arc;

use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use scimgate_scim::unknown::UnknownAttributes;
use serde_json::{Map, Value};

use crate::operation::resource::document::refit;
use crate::operation::{Context, Error};
use crate::store::membership::Members;

/// What is to be made.
pub(crate) struct New {
    pub(crate) resource_type: Arc<ResourceType>,
    pub(crate) document: Map<String, Value>,
    pub(crate) unknown: UnknownAttributes,
    /// What the body names without a value.
    pub(crate) cleared: Vec<String>,
    pub(crate) members: Option<Members>,
    pub(crate) projection: Option<Projection>,
}

impl New {
    /// After a lost race: the same by the settings that hold now.
    pub(crate) async fn refresh(&mut self, ctx: &mut Context) -> Result<(), Error> {
        *ctx = ctx.refreshed().await?;
        self.fit(ctx)
    }

    /// By the schemas as they are now.
    pub(crate) fn fit(&mut self, ctx: &Context) -> Result<(), Error> {
        let (document, unknown) = (std::mem::take(&mut self.document), std::mem::take(&mut self.unknown));
        (self.document, self.unknown) = refit(ctx, &mut self.resource_type, document, unknown)?;
        Ok(validate(&self.document, &self.resource_type)?)
    }
}
