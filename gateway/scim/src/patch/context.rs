//! What a step has at hand.

use serde_json::{Map, Value};

use super::Target;
use crate::error::ScimError;
use crate::leniency::{Leniencies, Warnings};
use crate::normalise::value::Coercion;
use crate::schema::AttributeRef;

/// What one step may look at, beside the value it changes.
pub(super) struct Context<'a> {
    pub(super) target: &'a Target,
    pub(super) leniencies: Leniencies,
    pub(super) warnings: &'a mut Warnings,
    /// What of the values no schema defines.
    pub(super) unknown: &'a mut Map<String, Value>,
}

impl Context<'_> {
    /// How values are brought to the type of the attribute.
    pub(super) fn coercion(&mut self) -> Coercion<'_> {
        Coercion { leniencies: &self.leniencies, warnings: self.warnings, unknown: self.unknown }
    }

    /// The whole value of the attribute, whichever part of it the target is.
    pub(super) fn coerced(&mut self, value: Value) -> Result<Option<Value>, ScimError> {
        let (attribute, name) = (&self.target.reference.attribute, self.attribute_name());
        self.coercion().value(value, attribute, &name)
    }

    /// The full name of the attribute without its sub-attribute.
    pub(super) fn attribute_name(&self) -> String {
        AttributeRef { sub: None, ..self.target.reference.clone() }.name()
    }
}
