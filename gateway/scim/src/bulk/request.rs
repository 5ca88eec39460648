//! Parses a bulk request. An error of the request refuses it as a whole; an error of an operation fails only that one.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Action, BULK_REQUEST_SCHEMA, MAX_OPERATIONS, Operation, Request, Target, Task, reference};
use crate::error::ScimError;
use crate::etag::Condition;
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::patch::PATCH_SCHEMA;
use crate::schema::ResourceType;
use crate::schema::registry::Registry;
use crate::value::take_member;

impl Request {
    /// Parses a body. Paths may be absolute URLs below `base_url`. An error is 400, or 413 for too many operations.
    pub fn parse(body: Value, registry: &Registry, leniencies: &Leniencies, base_url: &str) -> Result<Self, ScimError> {
        let Value::Object(mut body) = body else {
            return Err(ScimError::invalid_syntax("A bulk request must be a JSON object with Operations."));
        };
        let mut warnings = Warnings::default();
        check_schemas(take(&mut body, "schemas").as_ref(), *leniencies, &mut warnings)?;
        let fail_on_errors = take(&mut body, "failOnErrors").as_ref().map(fail_on_errors).transpose()?;
        let Some(Value::Array(operations)) = take(&mut body, "Operations") else {
            return Err(ScimError::invalid_syntax("A bulk request must have Operations, an array."));
        };
        if operations.len() > MAX_OPERATIONS {
            let detail = format!(
                "The request has {} operations; maxOperations is {MAX_OPERATIONS}. Send them in several requests.",
                operations.len()
            );
            return Err(ScimError::new(413, detail));
        }
        let mut find = |endpoint: &str| registry.by_endpoint_with(endpoint, leniencies, &mut warnings).cloned();
        let operations: Vec<Operation> =
            operations.into_iter().map(|operation| parse_operation(operation, &mut find, base_url)).collect();
        check_bulk_ids(&operations)?;
        Ok(Self { fail_on_errors, operations, warnings })
    }
}

/// Takes a member that is not null.
fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    take_member(object, name).filter(|value| !value.is_null())
}

fn check_schemas(schemas: Option<&Value>, leniencies: Leniencies, warnings: &mut Warnings) -> Result<(), ScimError> {
    let is_bulk = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(BULK_REQUEST_SCHEMA));
    if schemas.and_then(Value::as_array).is_some_and(|urns| urns.iter().any(is_bulk)) {
        return Ok(());
    }
    leniencies.tolerate(Leniency::BaseSchemaMissing, "schemas", warnings, || {
        ScimError::invalid_syntax(format!("schemas must name {BULK_REQUEST_SCHEMA}."))
    })
}

/// RFC 7644 §3.7: "the number of errors that the service provider will accept before the operation is terminated". With 0
/// the request would end before it begins.
fn fail_on_errors(value: &Value) -> Result<usize, ScimError> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0);
    number.ok_or_else(|| {
        ScimError::invalid_value(
            "failOnErrors must be a whole number, 1 or more; leave it out to go on whatever fails.",
        )
    })
}

/// RFC 7644 §3.7: a bulkId is "unique within a bulk request".
fn check_bulk_ids(operations: &[Operation]) -> Result<(), ScimError> {
    let mut seen = HashSet::new();
    match operations.iter().filter_map(|operation| operation.bulk_id.as_deref()).find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(twice) => Err(ScimError::invalid_value(format!("Two operations have the bulkId {twice}."))),
    }
}

/// Finds the resource type of an endpoint.
type Find<'f> = dyn FnMut(&str) -> Option<Arc<ResourceType>> + 'f;

fn parse_operation(operation: Value, find: &mut Find<'_>, base_url: &str) -> Operation {
    let Value::Object(mut members) = operation else {
        let task = Err(ScimError::invalid_syntax("An operation must be a JSON object."));
        return Operation { method: String::new(), bulk_id: None, path: String::new(), task };
    };
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    // Methods are case-sensitive (RFC 9110 §9.1).
    let method = text(take(&mut members, "method"));
    let bulk_id = take(&mut members, "bulkId");
    let has_invalid_id = bulk_id.as_ref().is_some_and(|id| id.as_str().is_none_or(str::is_empty));
    let bulk_id = bulk_id.map(|id| text(Some(id))).filter(|id| !id.is_empty());
    let path = relative(&text(take(&mut members, "path")), base_url);
    let task = if has_invalid_id {
        Err(ScimError::invalid_value("bulkId must be a text that is not empty."))
    } else {
        parse_task(&method, bulk_id.is_some(), &path, members, find)
    };
    Operation { method, bulk_id, path, task }
}

/// RFC 7644 §3.7: the path is "relative […] to the SCIM service provider's root". Some clients send the full URL.
fn relative(path: &str, base_url: &str) -> String {
    let path = path.trim();
    path.strip_prefix(base_url).unwrap_or(path).trim_matches('/').to_owned()
}

fn parse_task(
    method: &str,
    has_bulk_id: bool,
    path: &str,
    mut members: Map<String, Value>,
    find: &mut Find<'_>,
) -> Result<Task, ScimError> {
    if path.is_empty() {
        return Err(ScimError::invalid_syntax("An operation must have a path, such as /Users."));
    }
    let (endpoint, id) = path.split_once('/').map_or((path, None), |(endpoint, id)| (endpoint, Some(id)));
    if endpoint.eq_ignore_ascii_case("Bulk") {
        return Err(ScimError::invalid_value("A bulk request cannot hold another one."));
    }
    let resource_type = find(endpoint).ok_or_else(|| {
        ScimError::new(404, format!("There is nothing at /{path}: no resource type has /{endpoint}."))
    })?;
    let version = take(&mut members, "version");
    let data = take(&mut members, "data");
    let target = id.map(|id| {
        reference::bulk_id(id).map_or_else(|| Target::Id(id.to_owned()), |name| Target::BulkId(name.to_owned()))
    });
    let action = match (method, target) {
        // RFC 7644 §3.7: bulkId is "REQUIRED when "method" is "POST"".
        ("POST", None) if !has_bulk_id => {
            return Err(ScimError::invalid_syntax("A POST must have a bulkId, by which the answer names it."));
        }
        ("POST", None) => Action::Create(body(method, data)?),
        ("PUT", Some(target)) => Action::Replace(target, body(method, data)?),
        ("PATCH", Some(target)) => Action::Patch(target, patch_body(data)?),
        ("DELETE", Some(target)) => Action::Delete(target),
        ("POST", Some(_)) => {
            return Err(ScimError::new(405, format!("/{path} does not allow POST; make a resource at /{endpoint}.")));
        }
        ("PUT" | "PATCH" | "DELETE", None) => {
            return Err(ScimError::new(405, format!("/{path} does not allow {method}; name a resource of it.")));
        }
        _ => {
            return Err(ScimError::invalid_syntax(format!(
                "method is \"{method}\"; it must be POST, PUT, PATCH or DELETE."
            )));
        }
    };
    // A new resource has no version yet (RFC 7644 §3.7: "and "method" is "PUT", "PATCH", or "DELETE"").
    let version = version.filter(|_| method != "POST").map(|version| condition(&version)).transpose()?;
    Ok(Task { resource_type, action, version })
}

fn body(method: &str, data: Option<Value>) -> Result<Value, ScimError> {
    data.filter(Value::is_object)
        .ok_or_else(|| ScimError::invalid_syntax(format!("A {method} must have data, a JSON object: the resource.")))
}

/// RFC 7644 erratum 5050: the data of a PATCH is the whole message with its `schemas`. The RFC's own example has only the
/// array of operations.
fn patch_body(data: Option<Value>) -> Result<Value, ScimError> {
    match data {
        Some(Value::Array(operations)) => Ok(json!({ "schemas": [PATCH_SCHEMA], "Operations": operations })),
        Some(message @ Value::Object(_)) => Ok(message),
        _ => Err(ScimError::invalid_syntax("A PATCH must have data, a JSON object with Operations.")),
    }
}

fn condition(version: &Value) -> Result<Condition, ScimError> {
    match version {
        Value::String(text) => Condition::parse(text),
        _ => Err(ScimError::invalid_value("version must be a text, as meta.version has it.")),
    }
}

#[cfg(test)]
mod tests;
