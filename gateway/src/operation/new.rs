//! A resource that is to be made, by the settings that hold now.

use std::sync::Arc;

use scimgate_scim::aside::Aside;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};

use super::document::refit;
use super::{Context, Error};
use crate::store::membership::Members;

/// What is to be made.
pub(super) struct New {
    pub(super) resource_type: Arc<ResourceType>,
    pub(super) document: Map<String, Value>,
    pub(super) set_aside: Aside,
    /// What the body names without a value.
    pub(super) cleared: Vec<String>,
    pub(super) members: Option<Members>,
    pub(super) projection: Option<Projection>,
}

impl New {
    /// After a lost race: the same by the settings that hold now.
    pub(super) async fn refresh(&mut self, ctx: &mut Context) -> Result<(), Error> {
        *ctx = ctx.refreshed().await?;
        self.fit(ctx)
    }

    /// By the schemas as they are now.
    pub(super) fn fit(&mut self, ctx: &Context) -> Result<(), Error> {
        let (document, set_aside) = (std::mem::take(&mut self.document), std::mem::take(&mut self.set_aside));
        (self.document, self.set_aside) = refit(ctx, &mut self.resource_type, document, set_aside)?;
        Ok(validate(&self.document, &self.resource_type)?)
    }
}
