//! PATCH (RFC 7644 §3.5.2) in the RFC's form and in the forms that identity providers send.
//! A request is parsed into steps, which are applied to a document in order. The result is a new document or an error, so a
//! request is applied as a whole or not at all.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::effort::Effort;
use crate::error::ScimError;
use crate::filter::ElementFilter;
use crate::leniency::{Leniencies, Warnings};
use crate::member::Member;
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::unknown::log::UnknownAttributes;
use crate::verb::Verb;

pub use members::MemberDelta;

mod add;
mod apply;
mod context;
mod element;
mod members;
mod parse;
mod remove;
mod replace;
mod same;
mod write;

/// The URN of a PATCH request.
pub const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The most changes in a request.
const MAX_STEPS: usize = 1_000;
/// The most elements of attributes in a request. Members of a group are not counted.
const MAX_ELEMENTS: usize = 2_000;

/// A parsed PATCH request.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The changes, each with the number of its operation.
    steps: Vec<(Number, Step)>,
    warnings: Warnings,
}

impl Patch {
    /// Parses a request body.
    ///
    /// # Errors
    /// 400 with the keyword of RFC 7644 §3.5.2: `invalidSyntax` for a malformed body, `invalidPath` or `invalidFilter` for
    /// a path, `noTarget` for a removal without a path, `mutability` for a readOnly attribute, `invalidValue` for a missing
    /// value. 413 for too many changes or elements.
    pub fn parse(body: Value, rt: &ResourceType, leniencies: &Leniencies) -> Result<Self, ScimError> {
        parse::parse(body, rt, *leniencies)?.check_size()
    }

    /// Parses one operation by itself, whose errors have no number.
    pub(crate) fn parse_operation(
        operation: Value,
        rt: &ResourceType,
        leniencies: &Leniencies,
    ) -> Result<Self, ScimError> {
        parse::parse_operation(operation, rt, *leniencies)?.check_size()
    }

    /// The same request under newer schemas: its unknown attributes that they define become changes of the document. The
    /// errors are those of [`Patch::parse`].
    pub fn reinterpret(self, rt: &ResourceType, leniencies: &Leniencies) -> Result<Self, ScimError> {
        parse::reinterpret(self, rt, *leniencies)?.check_size()
    }

    /// Elements are compared with the stored ones, so their number bounds the work.
    fn check_size(self) -> Result<Self, ScimError> {
        let elements = self.steps.iter().map(|(_, step)| match step {
            Step::Attribute { value: Some(Value::Array(elements)), .. } => elements.len(),
            _ => 0,
        });
        let elements: usize = elements.sum();
        if elements > MAX_ELEMENTS {
            let detail = format!("The request brings {elements} values; at most {MAX_ELEMENTS} are accepted.");
            return Err(ScimError::new(413, detail));
        }
        Ok(self)
    }

    /// Whether only the detached values change, so that the document need not be read. False for an empty request.
    #[must_use]
    pub fn touches_only_members(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|(_, step)| matches!(step, Step::Members(..)))
    }

    /// How many times the document may be looked through.
    #[must_use]
    pub fn step_count(&self) -> usize {
        self.steps.len()
    }

    /// The attributes of the document that the request names.
    #[must_use]
    pub fn specified(&self) -> Vec<AttributeRef> {
        let attributes = self.steps.iter().filter_map(|(_, step)| match step {
            Step::Attribute { target, .. } => Some(target.reference.clone()),
            _ => None,
        });
        attributes.collect()
    }

    /// Applies the request to a canonical document and its unknown attributes, with an effort of its own.
    ///
    /// # Errors
    /// 400 `noTarget` for a value path without a match, `mutability` for a required or immutable attribute,
    /// `invalidValue` for a value that the schema does not allow. 413 if the work exceeds the limit.
    pub fn apply(
        self,
        document: &Map<String, Value>,
        unknown: &UnknownAttributes,
        rt: &ResourceType,
        leniencies: &Leniencies,
    ) -> Result<Patched, ScimError> {
        self.apply_within(&mut Effort::patch(), document, unknown, rt, leniencies)
    }

    /// As [`Patch::apply`], for a request that shares its effort with others.
    pub fn apply_within(
        self,
        effort: &mut Effort,
        document: &Map<String, Value>,
        unknown: &UnknownAttributes,
        rt: &ResourceType,
        leniencies: &Leniencies,
    ) -> Result<Patched, ScimError> {
        apply::apply(self, document, unknown, rt, *leniencies, effort)
    }
}

/// The result of a PATCH.
#[derive(Clone, Debug)]
pub struct Patched {
    /// The new canonical document.
    pub document: Map<String, Value>,
    /// The new attributes that no schema defines.
    pub unknown: UnknownAttributes,
    /// The change of the detached values.
    pub members: MemberDelta,
    /// Whether `document` or `unknown` has changed. RFC 7644 §3.5.2.1: if nothing has, "the modify timestamp SHALL NOT be
    /// changed".
    pub changed: bool,
    /// The leniencies that were used.
    pub warnings: Warnings,
}

/// The number of an operation in its request, from 1; `None` for one by itself.
type Number = Option<usize>;

/// An attribute or sub-attribute, of all elements or of those that a filter selects.
#[derive(Clone, Debug)]
struct Target {
    reference: AttributeRef,
    element: Option<ElementFilter>,
}

/// A single change. A PATCH operation without a path becomes one step per attribute.
#[derive(Clone, Debug)]
enum Step {
    /// A change of an attribute of the document.
    Attribute { verb: Verb, target: Target, value: Option<Value> },
    /// The removal of all data of an extension.
    ExtensionRemoved(Arc<Schema>),
    /// A change of an attribute that no schema defines, under the name as written; an unassigned value is `None`.
    Unknown { verb: Verb, name: String, value: Option<Value> },
    /// A change of the detached values. A removal uses only their ids.
    Members(Verb, Vec<Member>),
}

#[cfg(test)]
mod tests;
