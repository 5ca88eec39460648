//! Reads a bulk request. What makes the whole of it unreadable refuses the whole; what is wrong with one operation fails
//! that one.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{Action, BULK_REQUEST_SCHEMA, MAX_OPERATIONS, Operation, Request, Target, Task, reference};
use crate::error::ScimError;
use crate::etag::Condition;
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::patch::PATCH_SCHEMA;
use crate::schema::registry::Registry;

impl Request {
    /// Reads a body. Paths are below `base_url`, and may be written with it.
    ///
    /// # Errors
    /// 400 for what is no bulk request or names two operations alike, 413 for too many operations.
    pub fn parse(body: Value, registry: &Registry, leniencies: &Leniencies, base_url: &str) -> Result<Self, ScimError> {
        let Value::Object(mut body) = body else {
            return Err(ScimError::invalid_syntax("A bulk request must be a JSON object with Operations."));
        };
        let mut warnings = Warnings::default();
        check_schemas(take(&mut body, "schemas").as_ref(), *leniencies, &mut warnings)?;
        let fail_on_errors = take(&mut body, "failOnErrors").as_ref().map(fail_on_errors).transpose()?;
        let Some(Value::Array(written)) = take(&mut body, "Operations") else {
            return Err(ScimError::invalid_syntax("A bulk request must have Operations, an array."));
        };
        if written.len() > MAX_OPERATIONS {
            let detail = format!(
                "The request has {} operations; maxOperations is {MAX_OPERATIONS}. Send them in several requests.",
                written.len()
            );
            return Err(ScimError::new(413, detail));
        }
        let operations: Vec<Operation> =
            written.into_iter().map(|operation| read(operation, registry, base_url)).collect();
        check_names(&operations)?;
        Ok(Self { fail_on_errors, operations, warnings })
    }
}

/// RFC 7643 §2.1: "Attribute names are case insensitive". What is null is not there.
fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = object.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    object.shift_remove(&key).filter(|value| !value.is_null())
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

/// RFC 7644 §3.7: "the number of errors that the service provider will accept before the operation is terminated". At 0
/// it would be over before it begins, which nobody can mean.
fn fail_on_errors(value: &Value) -> Result<usize, ScimError> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0);
    number.ok_or_else(|| {
        ScimError::invalid_value(
            "failOnErrors must be a whole number, 1 or more; leave it out to go on whatever fails.",
        )
    })
}

/// RFC 7644 §3.7: a bulkId is "unique within a bulk request". Of two alike nobody could say which one is meant.
fn check_names(operations: &[Operation]) -> Result<(), ScimError> {
    let mut seen = HashSet::new();
    match operations.iter().filter_map(|operation| operation.bulk_id.as_deref()).find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(twice) => Err(ScimError::invalid_value(format!("Two operations have the bulkId {twice}."))),
    }
}

fn read(operation: Value, registry: &Registry, base_url: &str) -> Operation {
    let nothing =
        |why: ScimError| Operation { method: String::new(), bulk_id: None, path: String::new(), task: Err(why) };
    let Value::Object(mut members) = operation else {
        return nothing(ScimError::invalid_syntax("An operation must be a JSON object."));
    };
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    // A method's letters are part of it (RFC 9110 §9.1).
    let method = text(take(&mut members, "method"));
    let named = take(&mut members, "bulkId");
    let bulk_id = named.as_ref().and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned);
    let path = below(&text(take(&mut members, "path")), base_url);
    let task = if named.is_some() && bulk_id.is_none() {
        Err(ScimError::invalid_value("bulkId must be a text that is not empty."))
    } else {
        task(&method, bulk_id.is_some(), &path, members, registry)
    };
    Operation { method, bulk_id, path, task }
}

/// RFC 7644 §3.7: the path is "relative […] to the SCIM service provider's root". Some write it whole.
fn below(path: &str, base_url: &str) -> String {
    let path = path.trim();
    path.strip_prefix(base_url).unwrap_or(path).trim_matches('/').to_owned()
}

fn task(
    method: &str,
    is_named: bool,
    path: &str,
    mut members: Map<String, Value>,
    registry: &Registry,
) -> Result<Task, ScimError> {
    if path.is_empty() {
        return Err(ScimError::invalid_syntax("An operation must have a path, such as /Users."));
    }
    let (endpoint, id) = path.split_once('/').map_or((path, None), |(endpoint, id)| (endpoint, Some(id)));
    if endpoint.eq_ignore_ascii_case("Bulk") {
        return Err(ScimError::invalid_value("A bulk request cannot hold another one."));
    }
    let resource_type = registry.by_endpoint(endpoint).ok_or_else(|| {
        ScimError::new(404, format!("There is nothing at /{path}: no resource type has /{endpoint}."))
    })?;
    let version = take(&mut members, "version");
    let data = take(&mut members, "data");
    let target = id.map(|id| {
        reference::bulk_id(id).map_or_else(|| Target::Id(id.to_owned()), |name| Target::BulkId(name.to_owned()))
    });
    let action = match (method, target) {
        // RFC 7644 §3.7: bulkId is "REQUIRED when "method" is "POST"".
        ("POST", None) if !is_named => {
            return Err(ScimError::invalid_syntax("A POST must have a bulkId, by which the answer names it."));
        }
        ("POST", None) => Action::Create(body(method, data)?),
        ("PUT", Some(target)) => Action::Replace(target, body(method, data)?),
        ("PATCH", Some(target)) => Action::Patch(target, changes(data)?),
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
    // A resource that is made has no version yet (RFC 7644 §3.7: "and "method" is "PUT", "PATCH", or "DELETE"").
    let version = version.filter(|_| method != "POST").map(|version| condition(&version)).transpose()?;
    Ok(Task { resource_type: resource_type.clone(), action, version })
}

fn body(method: &str, data: Option<Value>) -> Result<Value, ScimError> {
    data.filter(Value::is_object)
        .ok_or_else(|| ScimError::invalid_syntax(format!("A {method} must have data, a JSON object: the resource.")))
}

/// RFC 7644 erratum 5050: the data of a PATCH is the whole message, with its `schemas`. The RFC's own example has the bare
/// array of operations.
fn changes(data: Option<Value>) -> Result<Value, ScimError> {
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
