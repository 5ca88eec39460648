//! From which row a write starts: the one that this process wrote last, or the one in the database.

use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::Prepared;
use crate::store::resource::read::Stored;

/// From which row the attempts of a write start: the first from a recent one, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Start {
    #[default]
    First,
    Recent,
    Read,
}

impl Start {
    /// The recent row, at the first attempt.
    pub(super) async fn recent(&mut self, ctx: &Context, resource_type: &ResourceType, id: Uuid) -> Option<Stored> {
        let is_first = *self == Self::First;
        *self = Self::Read;
        if !is_first {
            return None;
        }
        let row = ctx.gateway.recent.take(ctx.store.id(), id).await;
        row.filter(|row| row.resource_type == resource_type.name)
    }

    /// What was prepared from a recent row, if it may be tried: a change of the row. That nothing changes, and every refusal,
    /// is decided on what is stored now.
    pub(super) fn tried(&mut self, prepared: Result<Prepared, Error>) -> Option<Prepared> {
        let write = prepared.ok().filter(|prepared| matches!(prepared, Prepared::Write(_)))?;
        *self = Self::Recent;
        Some(write)
    }

    /// Whether the attempt that was refused started from a recent row.
    pub(super) fn was_recent(&mut self) -> bool {
        std::mem::replace(self, Self::Read) == Self::Recent
    }
}
