//! Bulk (RFC 7644 §3.7): many operations in a request, which may refer to resources that it creates by a `bulkId`. This
//! module parses a request, finds and replaces its references, and plans the order of its operations. The caller executes
//! them.

use std::sync::Arc;

use serde_json::Value;

use crate::error::ScimError;
use crate::etag::Condition;
use crate::leniency::Warnings;
use crate::schema::ResourceType;

pub use plan::Plan;
pub use response::{OperationResponse, failed_dependency, response};

mod order;
mod plan;
mod reference;
mod request;
mod response;

/// The URN of a bulk request.
pub const BULK_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The URN of a bulk response.
pub const BULK_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// The most operations of a request.
pub const MAX_OPERATIONS: usize = 1_000;

/// The longest body of a request.
pub const MAX_PAYLOAD_BYTES: usize = 8 * 1024 * 1024;

/// The most values in the body of a request, since a parsed value needs many times the memory of its text. A thousand groups
/// with hundreds of members each are within it.
pub const MAX_VALUES: usize = 500_000;

/// A parsed bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The number of errors that ends the request, if it has a limit.
    pub fail_on_errors: Option<usize>,
    /// The operations in the order of the request.
    pub operations: Vec<Operation>,
    /// The leniencies that the request itself used.
    pub warnings: Warnings,
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The method as written.
    pub method: String,
    /// The client's name for the operation.
    pub bulk_id: Option<String>,
    /// The path below the base URL, without a leading slash.
    pub path: String,
    /// The parsed task. An error fails this operation only.
    pub task: Result<Task, ScimError>,
}

/// The task of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The type of its resource.
    pub resource_type: Arc<ResourceType>,
    /// The change of the resource.
    pub action: Action,
    /// RFC 7644 §3.7: the version that the resource must have, like `If-Match`.
    pub version: Option<Condition>,
}

/// The methods with their inputs.
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

/// The resource of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The id of an existing resource.
    Id(String),
    /// The `bulkId` of a resource that this request creates.
    BulkId(String),
}

impl Task {
    /// The resource to change; `None` for a POST.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match &self.action {
            Action::Create(_) => None,
            Action::Replace(target, _) | Action::Patch(target, _) | Action::Delete(target) => Some(target),
        }
    }

    /// Replaces the `bulkId:` references in the body and the path by ids. Unknown ones stay: a [`Plan`] fails such an
    /// operation, unless the reference is in an attribute that no schema defines.
    pub fn substitute(&mut self, id_of: impl Fn(&str) -> Option<String>) {
        if let Action::Replace(target, _) | Action::Patch(target, _) | Action::Delete(target) = &mut self.action
            && let Target::BulkId(name) = target
            && let Some(id) = id_of(name)
        {
            *target = Target::Id(id);
        }
        reference::visit(self, &mut |text, kind| reference::substitute(text, kind, &id_of));
    }
}
