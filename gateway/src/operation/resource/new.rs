//! A resource that is to be created, as its request describes it.

use std::sync::Arc;

use scimgate_scim::leniency::Warnings;
use scimgate_scim::normalise::{Normalised, normalise};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use scimgate_scim::unknown::UnknownAttributes;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::{Base, Write};
use crate::operation::resource::document::refit;
use crate::operation::resource::members;
use crate::store::membership::Members;

/// A resource that is to be created.
pub(crate) struct New {
    pub(crate) resource_type: Arc<ResourceType>,
    pub(crate) document: Arc<Map<String, Value>>,
    pub(crate) unknown: UnknownAttributes,
    /// Attributes that the body names without a value.
    pub(crate) cleared: Vec<String>,
    pub(crate) members: Option<Members>,
    validated_by: Arc<ResourceType>,
}

impl New {
    /// Normalises and validates a body; adds the leniencies that it used to `warnings`.
    pub(crate) fn read(
        ctx: &Context,
        resource_type: &ResourceType,
        body: Value,
        warnings: &mut Warnings,
    ) -> Result<Self, Error> {
        // The write is checked against the current settings, which may be newer than those by which the path was resolved.
        let resource_type = ctx.current(resource_type)?;
        let normalised = normalise(body, &resource_type, &ctx.settings.leniencies)?;
        let Normalised { document, unknown, cleared, detached, warnings: used } = normalised;
        warnings.extend(used);
        validate(&document, &resource_type)?;
        let members = resource_type.detached.map(|_| members::replace_with(&detached)).transpose()?;
        let members = members.filter(|members| !members.add.is_empty());
        let (validated_by, document) = (Arc::clone(&resource_type), Arc::new(document));
        Ok(Self { resource_type, document, unknown, cleared, members, validated_by })
    }

    /// Converts the resource to the current schemas.
    pub(crate) fn fit(&mut self, ctx: &Context) -> Result<(), Error> {
        refit(ctx, &mut self.resource_type, &mut self.document, &mut self.unknown)
    }

    /// The write that stores the document on a row.
    pub(crate) fn write(&self, id: Uuid, base: Base, unknown: UnknownAttributes) -> Write {
        Write {
            resource_type: Arc::clone(&self.resource_type),
            id,
            document: Arc::clone(&self.document),
            unknown,
            validated_by: Some(Arc::clone(&self.validated_by)),
            members: if matches!(base, Base::New(_)) { self.members.clone() } else { None },
            base,
        }
    }

    /// The write that stores it as a new resource.
    pub(crate) fn insert(&self, id: Uuid) -> Write {
        self.write(id, Base::New(None), self.unknown.clone())
    }
}
