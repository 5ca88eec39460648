//! Which operations of a request need which others, and in what order they are done.

use std::collections::HashMap;

use super::order::components;
use super::reference::Spot;
use super::{Action, Operation, Target, Task, reference};
use crate::error::ScimError;

/// The order of a request's operations.
///
/// Others can be named only by the bulkId of what they make, so only POSTs are needed, and only POSTs can need each other
/// around a circle. Besides, the operations on one resource keep the order in which they were written, and a DELETE comes
/// after what was written before it and names its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Sets of operations in the order in which they are done, by their places in the request. Those of one set need each
    /// other, so they are done together or not at all.
    pub sets: Vec<Vec<usize>>,
    /// For each operation the POSTs whose ids it needs.
    pub needs: Vec<Vec<usize>>,
}

impl Plan {
    /// Looks for references. An operation with one to nothing fails: its task becomes the error.
    #[must_use]
    pub fn of(operations: &mut [Operation]) -> Self {
        let names = names(operations);
        let mut needs = Vec::with_capacity(operations.len());
        let mut mentioned = Vec::with_capacity(operations.len());
        for operation in operations.iter_mut() {
            let references = operation.task.as_mut().map(|task| References::of(task, &names)).unwrap_or_default();
            match references.places(&names) {
                Ok(places) => needs.push(places),
                Err(why) => {
                    operation.task = Err(why);
                    needs.push(Vec::new());
                }
            }
            mentioned.push(references.resources);
        }
        let mut waits = needs.clone();
        keep_order(operations, &mentioned, &mut waits);
        Self { sets: components(&waits), needs }
    }
}

/// What a bulkId stands for.
#[derive(Clone, Copy)]
enum Named {
    /// The resource that the POST at this place makes.
    Made(usize),
    /// Nothing new.
    Other,
}

fn names(operations: &[Operation]) -> HashMap<String, Named> {
    let named = operations.iter().enumerate().filter_map(|(place, operation)| {
        let named = if operation.method == "POST" { Named::Made(place) } else { Named::Other };
        operation.bulk_id.clone().map(|name| (name, named))
    });
    named.collect()
}

/// What an operation names.
#[derive(Default)]
struct References {
    /// Resources of this request.
    bulk_ids: Vec<String>,
    /// Those and others, as [`made`] and [`comparable`] have them.
    resources: Vec<String>,
}

impl References {
    fn of(task: &mut Task, names: &HashMap<String, Named>) -> Self {
        let mut found = Self::default();
        if let Some(Target::BulkId(name)) = task.target() {
            found.bulk_ids.push(name.clone());
        }
        let is_made = |name: &str| matches!(names.get(name), Some(Named::Made(_)));
        reference::visit(task, &mut |text, spot| match spot.bulk_id(text) {
            // In what no schema knows it may be any text.
            Some(name) if spot == Spot::Reference || is_made(name) => {
                found.bulk_ids.push(name.to_owned());
                found.resources.push(made(name));
            }
            None if spot == Spot::Reference => found.resources.push(comparable(text)),
            _ => {}
        });
        found
    }

    /// The places of the POSTs that are named. RFC 7644 §3.7.2 lets only what is made be named; a name without a POST is
    /// wrong whatever becomes of the other operations, so it is 400 and not the 409 of a reference that failed.
    fn places(&self, names: &HashMap<String, Named>) -> Result<Vec<usize>, ScimError> {
        let place = |name: &String| match names.get(name) {
            Some(Named::Made(place)) => Ok(*place),
            Some(Named::Other) => Err(ScimError::invalid_value(format!(
                "bulkId:{name} is named, but the operation with this bulkId makes nothing; name its resource by its id."
            ))),
            None => Err(ScimError::invalid_value(format!(
                "bulkId:{name} is named, but no operation of this request has the bulkId {name}."
            ))),
        };
        let mut places = self.bulk_ids.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }
}

/// The last part of an address, in one case: ids are compared by it, and one wait too many costs nothing.
fn comparable(text: &str) -> String {
    text.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
}

/// What this request makes, so that it is no other's id.
fn made(name: &str) -> String {
    format!("/{name}")
}

/// No new circle comes of this: whoever waits here is no POST, and what it waits for was written before it.
fn keep_order(operations: &[Operation], mentioned: &[Vec<String>], waits: &mut [Vec<usize>]) {
    let mut last: HashMap<String, usize> = HashMap::new();
    let mut mentions: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, operation) in operations.iter().enumerate() {
        let Ok(task) = &operation.task else { continue };
        if let Some(target) = task.target() {
            let resource = match target {
                Target::Id(id) => comparable(id),
                Target::BulkId(name) => made(name),
            };
            if matches!(task.action, Action::Delete(_)) {
                waits[place].extend(mentions.remove(resource.as_str()).unwrap_or_default());
            }
            waits[place].extend(last.insert(resource, place));
        }
        for resource in &mentioned[place] {
            mentions.entry(resource).or_default().push(place);
        }
    }
    for others in waits {
        others.sort_unstable();
        others.dedup();
    }
}

#[cfg(test)]
mod tests;
