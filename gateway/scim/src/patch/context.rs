//! The context of a step.

use serde_json::{Map, Value};

use super::Target;
use crate::effort::Effort;
use crate::error::ScimError;
use crate::leniency::{Leniencies, Warnings};
use crate::normalise::value::Coercion;

/// The inputs of a step besides the value that it changes, and its side results.
pub(super) struct Context<'a> {
    pub(super) target: &'a Target,
    pub(super) leniencies: Leniencies,
    pub(super) warnings: &'a mut Warnings,
    /// Receives the parts of the values that no schema defines.
    pub(super) unknown: &'a mut Map<String, Value>,
    /// Is charged with the work.
    pub(super) effort: &'a mut Effort,
}

impl Context<'_> {
    pub(super) fn coercion(&mut self) -> Coercion<'_> {
        Coercion { leniencies: &self.leniencies, warnings: self.warnings, unknown: self.unknown }
    }

    /// Coerces a value to the type of the whole attribute, even if the target is a sub-attribute.
    pub(super) fn coerce(&mut self, value: Value) -> Result<Option<Value>, ScimError> {
        let (attribute, name) = (&self.target.reference.attribute, self.attribute_name());
        self.coercion().value(value, attribute, &name)
    }

    /// The full name of the attribute without its sub-attribute.
    pub(super) fn attribute_name(&self) -> String {
        self.target.reference.attribute_name()
    }
}
