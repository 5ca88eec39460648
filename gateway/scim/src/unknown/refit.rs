//! Converts a document that was read under other schemas than the current ones, for a write in flight when they changed.

use serde_json::{Map, Value};

use super::log::UnknownAttributes;
use super::reconcile::{Reconciled, reconcile};
use crate::leniency::Leniencies;
use crate::normalise::rebuild_schemas;
use crate::schema::ResourceType;

/// Converts a document to the schemas of this type: attributes that they don't define become unknown, and unknown ones that
/// they define are reconciled.
#[must_use]
pub fn refit(
    document: Map<String, Value>,
    mut unknown: UnknownAttributes,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
) -> Reconciled {
    let before = document.clone();
    let (mut kept, mut foreign) = (Map::new(), Map::new());
    for (key, value) in document {
        let extension = resource_type.extensions.iter().find(|it| it.schema.id == key);
        match (extension, value) {
            (Some(extension), Value::Object(members)) => {
                let (own, others): (Map<_, _>, Map<_, _>) =
                    members.into_iter().partition(|(name, _)| extension.schema.attribute(name).is_some());
                foreign.extend(others.into_iter().map(|(name, value)| (format!("{key}:{name}"), value)));
                kept.insert(key, Value::Object(own));
            }
            (_, value) if resource_type.resolve_in(None, &key).is_some() => drop(kept.insert(key, value)),
            (_, value) => drop(foreign.insert(key, value)),
        }
    }
    unknown.entries.extend(UnknownAttributes::from_body(foreign).entries);
    rebuild_schemas(&mut kept, resource_type);
    let mut reconciled = reconcile(kept, unknown, resource_type, leniencies, &|_| Ok(()));
    reconciled.changed = reconciled.document != before;
    reconciled
}
