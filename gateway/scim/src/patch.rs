//! PATCH (RFC 7644 §3.5.2) in the RFC's form and in every form the identity providers send.
//! A request is parsed into steps once and the steps are applied in order to a document; the result is a new
//! document or an error, so a request is done wholly or not at all.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::filter::ElementFilter;
use crate::leniency::{Leniencies, Warnings};
use crate::member::Member;
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::unknown::log::UnknownAttributes;
use crate::verb::Verb;

pub(crate) use apply::Effort;
pub use members::MemberDelta;

mod add;
mod apply;
mod context;
mod element;
mod members;
mod parse;
mod remove;
mod replace;
pub(crate) mod slot;
mod write;

/// The URN a PATCH body names in its `schemas`.
pub const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Most changes that one request can ask for.
const MAX_STEPS: usize = 1_000;
/// Most elements of attributes that one request can bring; members of a group are counted elsewhere.
const MAX_SUPPLIED: usize = 2_000;

/// Elements are compared with those that are there, so their number bounds the work.
fn check_size(steps: &[Step]) -> Result<(), ScimError> {
    let supplied = steps.iter().map(|step| match step {
        Step::Attribute { value: Some(Value::Array(elements)), .. } => elements.len(),
        _ => 0,
    });
    let supplied: usize = supplied.sum();
    if steps.len() > MAX_STEPS {
        return Err(ScimError::new(
            413,
            format!("The request makes {} changes; at most {MAX_STEPS} are accepted.", steps.len()),
        ));
    }
    if supplied > MAX_SUPPLIED {
        return Err(ScimError::new(
            413,
            format!("The request brings {supplied} values; at most {MAX_SUPPLIED} are accepted."),
        ));
    }
    Ok(())
}

/// A PATCH request, understood but not yet applied.
#[derive(Clone, Debug)]
pub struct Patch {
    steps: Vec<Step>,
    warnings: Warnings,
}

impl Patch {
    /// Reads a request body.
    ///
    /// # Errors
    /// 400 with the keyword of RFC 7644 §3.5.2 for the case: `invalidSyntax` for a body that is no PATCH,
    /// `invalidPath` and `invalidFilter` for a path, `noTarget` for a removal without one, `mutability` for a readOnly
    /// attribute, `invalidValue` for a value that is missing.
    pub fn parse(body: Value, rt: &ResourceType, leniencies: &Leniencies) -> Result<Self, ScimError> {
        let patch = parse::patch(body, rt, *leniencies)?;
        check_size(&patch.steps)?;
        Ok(patch)
    }

    /// The same request by schemas that know more: what it says of attributes that only they have is no longer unknown.
    ///
    /// # Errors
    /// As [`Patch::parse`].
    pub fn read_again(self, rt: &ResourceType, leniencies: &Leniencies) -> Result<Self, ScimError> {
        let patch = parse::again(self, rt, *leniencies)?;
        check_size(&patch.steps)?;
        Ok(patch)
    }

    /// Whether the document need not be read: all that is asked for is about the detached values. Not so for a
    /// request that asks for nothing.
    #[must_use]
    pub fn touches_only_members(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| matches!(step, Step::Members(..)))
    }

    /// The attributes of the document that it is about.
    #[must_use]
    pub fn specified(&self) -> Vec<AttributeRef> {
        let each = self.steps.iter().filter_map(|step| match step {
            Step::Attribute { target, .. } => Some(target.reference.clone()),
            _ => None,
        });
        each.collect()
    }

    /// Applies the request to a canonical document and to the unknown attributes that are kept of it.
    ///
    /// # Errors
    /// 400 `noTarget` for a value path without a match, `mutability` for a required or immutable attribute,
    /// `invalidValue` for a value the schema does not allow.
    pub fn apply(
        self,
        document: Map<String, Value>,
        unknown: UnknownAttributes,
        rt: &ResourceType,
        leniencies: &Leniencies,
    ) -> Result<Patched, ScimError> {
        apply::patch(self, document, unknown, rt, *leniencies, &mut Effort::new(Effort::MAX))
    }

    /// Like [`Patch::apply`], of a request that is one of several and shares their bound of work.
    ///
    /// # Errors
    /// As [`Patch::apply`].
    pub(crate) fn apply_within(
        self,
        effort: &mut Effort,
        document: Map<String, Value>,
        rt: &ResourceType,
        leniencies: &Leniencies,
    ) -> Result<Patched, ScimError> {
        apply::patch(self, document, UnknownAttributes::default(), rt, *leniencies, effort)
    }
}

/// What a PATCH leads to.
#[derive(Clone, Debug)]
pub struct Patched {
    /// The canonical document afterwards.
    pub document: Map<String, Value>,
    /// The attributes that no schema defines, afterwards.
    pub unknown: UnknownAttributes,
    /// What becomes of the detached values.
    pub members: MemberDelta,
    /// Whether `document` or `unknown` differs from before. RFC 7644 §3.5.2.1: if nothing does, "the modify timestamp
    /// SHALL NOT be changed".
    pub changed: bool,
    /// What had to be tolerated.
    pub warnings: Warnings,
}

/// An attribute or sub-attribute, of all elements or of those that a filter selects.
#[derive(Clone, Debug)]
struct Target {
    reference: AttributeRef,
    element: Option<ElementFilter>,
}

/// One change. A PATCH operation without a path becomes a step for each of its attributes.
#[derive(Clone, Debug)]
enum Step {
    /// A change of an attribute of the document.
    Attribute { verb: Verb, target: Target, value: Option<Value> },
    /// The removal of all data of an extension.
    ExtensionRemoved(Arc<Schema>),
    /// A change of an attribute that no schema defines, under the name the client wrote; a value that says nothing is none.
    Unknown { verb: Verb, name: String, value: Option<Value> },
    /// A change of the detached values; of a removal only the ids count.
    Members(Verb, Vec<Member>),
}

#[cfg(test)]
mod tests;
