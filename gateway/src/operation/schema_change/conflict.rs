//! Stored resources that a schema change would make invalid.

use uuid::Uuid;

/// Most resources that a refusal names.
const MAX_EXAMPLES: usize = 5;

/// One resource that conflicts with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub resource_type: String,
    /// What of it would be invalid.
    pub why: String,
}

/// The resources that conflict with a change: how many, and a few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// How many.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<Example>,
}

impl Conflicts {
    pub(super) fn add(&mut self, id: Uuid, resource_type: &str, why: String) {
        self.count += 1;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(Example { id, resource_type: resource_type.to_owned(), why });
        }
    }
}

impl std::fmt::Display for Conflicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.count == 1 { "resource contradicts" } else { "resources contradict" };
        write!(f, "{} stored {plural} this change. Nothing was changed.", self.count)?;
        self.examples.iter().try_for_each(|it| write!(f, " {} {}: {}", it.resource_type, it.id, it.why))
    }
}
