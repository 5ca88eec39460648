//! The dependencies between the operations of a request, and their order.

use std::collections::HashMap;

use super::order::sorted_sets;
use super::reference::TextKind;
use super::{Action, Operation, Target, Task, reference};
use crate::error::ScimError;

/// The order of a request's operations.
///
/// A reference names a resource by the bulkId of the POST that creates it, so only POSTs are dependencies, and only POSTs
/// form cycles. In addition, the operations on one resource keep their order, and a DELETE follows earlier operations that
/// refer to its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Sets of operations in order, by their indices in the request. The operations of a set depend on each other, so they
    /// are executed together or not at all.
    pub sets: Vec<Vec<usize>>,
    /// For each operation, the POSTs whose ids it refers to.
    pub dependencies: Vec<Vec<usize>>,
}

impl Plan {
    /// Finds the references. The task of an operation with an unknown bulkId becomes an error.
    #[must_use]
    pub fn new(operations: &mut [Operation]) -> Self {
        let names = names(operations);
        let mut dependencies = Vec::with_capacity(operations.len());
        let mut mentioned = Vec::with_capacity(operations.len());
        for operation in operations.iter_mut() {
            let references = operation.task.as_mut().map(|task| References::new(task, &names)).unwrap_or_default();
            dependencies.push(references.posts(&names).unwrap_or_else(|error| {
                operation.task = Err(error);
                Vec::new()
            }));
            mentioned.push(references.resources);
        }
        let mut ordering = dependencies.clone();
        keep_order(operations, &mentioned, &mut ordering);
        Self { sets: sorted_sets(&ordering), dependencies }
    }
}

/// The operation with a bulkId.
#[derive(Clone, Copy)]
enum Named {
    /// The POST at this index.
    Post(usize),
    /// Another method, which creates nothing.
    Other,
}

fn names(operations: &[Operation]) -> HashMap<String, Named> {
    let named = operations.iter().enumerate().filter_map(|(index, operation)| {
        let named = if operation.method == "POST" { Named::Post(index) } else { Named::Other };
        operation.bulk_id.clone().map(|name| (name, named))
    });
    named.collect()
}

/// The references of an operation.
#[derive(Default)]
struct References {
    bulk_ids: Vec<String>,
    /// All resources in the form of [`created_key`] or [`id_key`].
    resources: Vec<String>,
}

impl References {
    fn new(task: &mut Task, names: &HashMap<String, Named>) -> Self {
        let mut found = Self::default();
        if let Some(Target::BulkId(name)) = task.target() {
            found.bulk_ids.push(name.clone());
        }
        let is_created = |name: &str| matches!(names.get(name), Some(Named::Post(_)));
        reference::visit(task, &mut |text, kind| match kind.bulk_id(text) {
            // In an unknown attribute, a text that only looks like a bulkId may be anything.
            Some(name) if kind == TextKind::Reference || is_created(name) => {
                found.bulk_ids.push(name.to_owned());
                found.resources.push(created_key(name));
            }
            None if kind == TextKind::Reference => found.resources.push(id_key(text)),
            _ => {}
        });
        found
    }

    /// The indices of the referenced POSTs. RFC 7644 §3.7.2 only allows references to created resources. A bulkId without a
    /// POST is an error of this operation, so it is 400 and not the 409 of a failed dependency.
    fn posts(&self, names: &HashMap<String, Named>) -> Result<Vec<usize>, ScimError> {
        let index = |name: &String| match names.get(name) {
            Some(Named::Post(index)) => Ok(*index),
            Some(Named::Other) => Err(ScimError::invalid_value(format!(
                "bulkId:{name} is named, but the operation with this bulkId makes nothing; name its resource by its id."
            ))),
            None => Err(ScimError::invalid_value(format!(
                "bulkId:{name} is named, but no operation of this request has the bulkId {name}."
            ))),
        };
        let mut posts = self.bulk_ids.iter().map(index).collect::<Result<Vec<_>, _>>()?;
        posts.sort_unstable();
        posts.dedup();
        Ok(posts)
    }
}

/// The key of a resource by its id: the last segment of a URI in lower case. A false match only delays an operation.
fn id_key(text: &str) -> String {
    text.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
}

/// The key of a resource that this request creates, which differs from every [`id_key`].
fn created_key(bulk_id: &str) -> String {
    format!("/{bulk_id}")
}

/// Adds the dependencies that keep the order of operations on one resource. They cause no cycles, because a POST gets none
/// and the others depend on earlier operations.
fn keep_order(operations: &[Operation], mentioned: &[Vec<String>], dependencies: &mut [Vec<usize>]) {
    let mut last: HashMap<String, usize> = HashMap::new();
    let mut mentions: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let Ok(task) = &operation.task else { continue };
        if let Some(target) = task.target() {
            let resource = match target {
                Target::Id(id) => id_key(id),
                Target::BulkId(name) => created_key(name),
            };
            if matches!(task.action, Action::Delete(_)) {
                dependencies[index].extend(mentions.remove(resource.as_str()).unwrap_or_default());
            }
            dependencies[index].extend(last.insert(resource, index));
        }
        for resource in &mentioned[index] {
            mentions.entry(resource).or_default().push(index);
        }
    }
    for others in dependencies {
        others.sort_unstable();
        others.dedup();
    }
}

#[cfg(test)]
mod tests;
