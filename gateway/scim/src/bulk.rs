//! Bulk (RFC 7644 §3.7): many operations in one request, which may name resources that it makes itself by a `bulkId`.
//! Here a request is read, its references are found and replaced, and the order is decided in which its operations can be
//! done. Doing them is for the caller.

use std::sync::Arc;

use serde_json::Value;

use crate::error::ScimError;
use crate::etag::Condition;
use crate::leniency::Warnings;
use crate::schema::ResourceType;

pub use plan::Plan;
pub use response::{Outcome, response, unmet};

mod order;
mod plan;
mod reference;
mod request;
mod response;

/// The URN that a bulk request names in its `schemas`.
pub const BULK_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The URN of the answer.
pub const BULK_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// Most operations of one request.
pub const MAX_OPERATIONS: usize = 1_000;

/// Longest body of a request in bytes.
pub const MAX_PAYLOAD_SIZE: usize = 8 * 1024 * 1024;

/// Most values in the body of a request. A tree of them takes many times the room of their text; what a request can usefully
/// hold, a thousand groups with hundreds of members each, is below.
pub const MAX_VALUES: usize = 500_000;

/// A bulk request, understood but not yet done.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// How many errors end it; none where it goes on whatever fails.
    pub fail_on_errors: Option<usize>,
    /// The operations in the order in which they were written.
    pub operations: Vec<Operation>,
    /// What had to be tolerated of the request itself.
    pub warnings: Warnings,
}

/// One operation, with what of it is told again in the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The method: in capitals if it is one of the four, else as it was written.
    pub method: String,
    /// The client's name for the operation.
    pub bulk_id: Option<String>,
    /// The path below the endpoint's base, without a slash in front.
    pub path: String,
    /// What is to be done; an error where that cannot be understood, which fails this operation alone.
    pub task: Result<Task, ScimError>,
}

/// What an operation is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The type of its resource.
    pub resource_type: Arc<ResourceType>,
    /// What becomes of the resource.
    pub action: Action,
    /// RFC 7644 §3.7: the version that the resource must have, as `If-Match` says it outside of a bulk request.
    pub version: Option<Condition>,
}

/// The four methods with what each needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// POST of this body.
    Create(Value),
    /// PUT of this body.
    Replace(Target, Value),
    /// PATCH with this body.
    Patch(Target, Value),
    /// DELETE.
    Delete(Target),
}

/// Which resource a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One that is there: its id.
    Id(String),
    /// One that this request makes: its `bulkId`.
    BulkId(String),
}

impl Task {
    /// The resource that is changed; none for a POST.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match &self.action {
            Action::Create(_) => None,
            Action::Replace(target, _) | Action::Patch(target, _) | Action::Delete(target) => Some(target),
        }
    }

    /// Replaces every `bulkId:` reference, in the body and in the path, by the id that it stands for. One that is not
    /// known stays; a [`Plan`] lets no such operation be done, unless it is in an attribute that no schema knows.
    pub fn substitute(&mut self, id_of: impl Fn(&str) -> Option<String>) {
        if let Action::Replace(target, _) | Action::Patch(target, _) | Action::Delete(target) = &mut self.action
            && let Target::BulkId(name) = target
            && let Some(id) = id_of(name)
        {
            *target = Target::Id(id);
        }
        reference::visit(self, &mut |text, spot| reference::substitute(text, spot, &id_of));
    }
}
