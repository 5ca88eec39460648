//! What a path may ask for: every term of its filter is held against every text of the attribute.

use serde_json::{Map, Value};

use super::AccessError;
use crate::effort::weight;
use crate::path::{Path, Target};

/// Most terms times bytes. A plugin calls in the middle of a request, and no clock runs in here; this many take some
/// milliseconds, and a thousand mail addresses can still be asked for sixty things at once.
const MOST: usize = 4 << 20;
/// Refuses a path whose filter would take too long on this document.
pub(super) fn check(document: &Map<String, Value>, path: &Path) -> Result<(), AccessError> {
    let (Target::Attribute(attribute), Some(filter)) = (&path.target, &path.element) else { return Ok(()) };
    let terms = filter.filter().terms();
    let bytes = attribute.value(document).map_or(0, weight);
    if terms.saturating_mul(bytes) <= MOST {
        return Ok(());
    }
    let name = &attribute.attribute.name;
    let detail =
        format!("{terms} terms are too many to hold against the {bytes} bytes of {name}; ask for less at once.");
    Err(AccessError::Malformed(detail))
}
