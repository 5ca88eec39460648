//! The results of a bulk request's operations.

use std::collections::HashMap;

use scimgate_scim::bulk::{Operation, Target, Task};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::request_facts::Target as Named;
use crate::operation::resource::record::Written;
use crate::operation::resource::reply::Reply;

/// One operation's result, with what the response repeats of the operation.
#[derive(Debug)]
pub struct OperationOutcome {
    /// The method.
    pub method: String,
    /// The client's name for the operation.
    pub bulk_id: Option<String>,
    /// The resource's address; none of a POST that failed.
    pub location: Option<String>,
    /// How it ended.
    pub result: OperationResult,
    /// What its address names.
    pub target: Option<Named>,
    /// The record of its write.
    pub write: Option<Written>,
}

/// How an operation ended.
#[derive(Debug)]
pub enum OperationResult {
    /// Done.
    Done(Reply),
    /// Refused, or failed.
    Failed(Error),
    /// Not started, because an operation that it needs failed.
    DependencyFailed {
        /// The bulkId that it needs.
        needed: String,
        /// The index in the request of the operation that failed.
        failed: usize,
    },
    /// Not started in time.
    NotStarted,
}

impl OperationResult {
    /// Whether it counts for `failOnErrors`.
    pub(crate) fn is_error(&self) -> bool {
        !matches!(self, Self::Done(_))
    }
}

impl OperationOutcome {
    pub(crate) fn of(
        ctx: &Context,
        operation: Operation,
        (result, write): (OperationResult, Option<Written>),
        ids: &HashMap<String, String>,
    ) -> Self {
        let location = match &result {
            OperationResult::Done(Reply { location: Some(location), .. }) => Some(location.clone()),
            _ => address(ctx, &operation, ids),
        };
        let target = named(&operation, ids);
        Self { method: operation.method, bulk_id: operation.bulk_id, location, result, target, write }
    }
}

/// The resource type and the resource that an operation names.
fn named(operation: &Operation, ids: &HashMap<String, String>) -> Option<Named> {
    let task = operation.task.as_ref().ok()?;
    let id = match task.target() {
        Some(Target::Id(id)) => Some(id),
        Some(Target::BulkId(name)) => ids.get(name),
        None => None,
    };
    let id = id.and_then(|id| id.parse::<Uuid>().ok());
    Some(Named { resource_type: task.resource_type.clone(), id })
}

/// RFC 7644 §3.7: the location is "REQUIRED in a response, except in the event of a POST failure".
fn address(ctx: &Context, operation: &Operation, ids: &HashMap<String, String>) -> Option<String> {
    let task = operation.task.as_ref();
    let id = match task.ok().and_then(Task::target) {
        Some(Target::Id(id)) => id,
        Some(Target::BulkId(name)) => ids.get(name)?,
        None if operation.method == "POST" || operation.path.is_empty() => return None,
        // The method as written, where it could not be parsed.
        None => return Some(format!("{}/{}", ctx.base_url, operation.path)),
    };
    let endpoint = task.ok().map(|task| task.resource_type.endpoint.as_str()).unwrap_or_default();
    Some(format!("{}{endpoint}/{id}", ctx.base_url))
}
