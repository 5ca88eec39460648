//! The part of a filter that indexes can decide, as one parameterised condition.
//!
//! A filter is answered when at least one of its top-level `and` terms can be looked up. The condition narrows and
//! never loses a match; the protocol's evaluator, the one truth, decides on the documents that pass.

use scimgate_scim::error::{ScimError, ScimType};
use scimgate_scim::filter::{Filter, Literal, Operator, ValuePath};
use scimgate_scim::schema::{AttributeRef, ResourceType};
use std::mem::discriminant;

use uuid::Uuid;

use super::key::{is_searchable, key_of};

/// What a look-up goes by. Parameters are owned, so that a plan outlives the filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// By id; none where the text is no id of ours.
    Id(Option<Uuid>),
    /// By userName or displayName, folded.
    Name(String),
    /// By externalId, verbatim.
    ExternalId(String),
    /// By a searchable attribute.
    Key {
        /// The attribute's canonical name.
        attribute: String,
        /// The folded value.
        key: String,
    },
    /// Groups that have this member; none where the text is no id of ours.
    Member(Option<Uuid>),
}

impl Condition {
    fn place(&self) -> u8 {
        match self {
            Self::Id(_) => 0,
            Self::Name(_) => 1,
            Self::ExternalId(_) => 2,
            Self::Key { .. } => 3,
            Self::Member(_) => 4,
        }
    }
}

/// How a filter is answered.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the database looks up; all must hold.
    pub conditions: Vec<Condition>,
    /// What the evaluator decides on the documents that pass.
    pub remainder: Vec<Filter>,
}

impl Plan {
    /// Splits a filter.
    ///
    /// # Errors
    /// 400 `invalidFilter` where no term can be looked up: such a filter is refused, never answered with an empty
    /// list, which a provider would take for "there is none" and create a twin.
    pub fn of(filter: &Filter, resource_type: &ResourceType) -> Result<Self, ScimError> {
        let mut plan = Self { conditions: Vec::new(), remainder: Vec::new() };
        for term in filter.conjuncts() {
            match condition(term, resource_type) {
                // Members are not in the document: only the database can decide them, and it does so exactly.
                Some(Condition::Member(member)) => plan.conditions.push(Condition::Member(member)),
                Some(found) => {
                    // One of a kind narrows enough; each further one would be another statement to keep prepared.
                    if !plan.conditions.iter().any(|known| discriminant(known) == discriminant(&found)) {
                        plan.conditions.push(found);
                    }
                    plan.remainder.push(term.clone());
                }
                None => plan.remainder.push(term.clone()),
            }
        }
        plan.conditions.sort_by_key(Condition::place);
        let members = plan.conditions.iter().filter(|condition| matches!(condition, Condition::Member(_))).count();
        let unanswerable = plan.remainder.iter().find(|term| names_members(term, resource_type));
        if plan.conditions.is_empty() || unanswerable.is_some() || members > 1 {
            return Err(refusal(resource_type));
        }
        Ok(plan)
    }
}

fn refusal(resource_type: &ResourceType) -> ScimError {
    let names = match resource_type.detached {
        Some(members) => format!("id, externalId, displayName or {members}"),
        None => "id, externalId, userName, emails.value, employeeNumber or manager".to_owned(),
    };
    ScimError::bad_request(
        ScimType::InvalidFilter,
        format!(
            "{} resources can be found by eq on {names}, alone or joined by and with other conditions.",
            resource_type.name
        ),
    )
}

fn condition(term: &Filter, resource_type: &ResourceType) -> Option<Condition> {
    let (attribute, text) = equality(term)?;
    let name = attribute.name();
    if resource_type.detached.is_some_and(|members| name == members || name == format!("{members}.value")) {
        return Some(Condition::Member(text.parse().ok()));
    }
    match name.as_str() {
        "id" => return Some(Condition::Id(text.parse().ok())),
        "externalId" => return Some(Condition::ExternalId(key_of(&attribute.attribute, text))),
        "userName" => return Some(Condition::Name(key_of(&attribute.attribute, text))),
        // The name column of a type with a userName holds that.
        "displayName" if resource_type.resolve("userName").is_none() => {
            return Some(Condition::Name(key_of(&attribute.attribute, text)));
        }
        _ => {}
    }
    is_searchable(&attribute).then(|| Condition::Key { attribute: name, key: key_of(attribute.leaf(), text) })
}

/// The attribute and the text of an `eq` term; an equality inside a value path (`emails[type eq "work" and value eq
/// "x"]`) narrows as one on the attribute as a whole does.
fn equality(term: &Filter) -> Option<(AttributeRef, &str)> {
    match term {
        Filter::Compare(comparison) if comparison.operator == Operator::Equal => match &comparison.value {
            Literal::String(text) => Some((comparison.attribute.clone(), text)),
            _ => None,
        },
        Filter::ValuePath(ValuePath { filter, .. }) => filter.filter().conjuncts().into_iter().find_map(|inner| {
            let (attribute, text) = equality(inner)?;
            is_searchable(&attribute).then_some((attribute, text))
        }),
        _ => None,
    }
}

fn names_members(term: &Filter, resource_type: &ResourceType) -> bool {
    // A user's groups are kept beside the document as well.
    let is_detached = |attribute: &AttributeRef| {
        let name = attribute.attribute.name.as_str();
        resource_type.detached == Some(name) || name == "groups"
    };
    match term {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(|inner| names_members(inner, resource_type)),
        Filter::Not(inner) => names_members(inner, resource_type),
        Filter::Compare(comparison) => is_detached(&comparison.attribute),
        Filter::Present(attribute) | Filter::ValuePath(ValuePath { attribute, .. }) => is_detached(attribute),
    }
}
