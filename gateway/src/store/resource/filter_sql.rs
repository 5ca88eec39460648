//! The part of a filter that the database decides by its keys and columns, as one parameterised condition.
//!
//! The condition never loses a match. Where it decides the whole filter it is exact, and no document is read; otherwise the
//! protocol's evaluator decides on the documents of the rows that pass. Members of groups are in no document, so only the
//! database can decide on them: for each such predicate of a filter it gives a result with each row.

use std::sync::Arc;

use scimgate_scim::attribute::Attribute;
use scimgate_scim::filter::{Comparison, Filter, Literal, Operator, ValuePath};
use scimgate_scim::fold::{comparison_key, is_case_exact};
use scimgate_scim::schema::{AttributeRef, ResourceType};
use serde_json::json;

pub(in crate::store) mod condition;
mod element;
mod members;
mod text;
pub(in crate::store) mod value;

use condition::{Column, Condition, Key};
use value::Test;

use crate::store::postgres::sql::Param;
use crate::store::resource::indexed::{KeyTable, SearchKeys, key_table, name_attribute};
use crate::store::resource::key::{hash, key_of};

/// How a query is answered.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The requested resource types.
    pub(in crate::store) types: Vec<String>,
    /// The condition that every row must meet.
    pub(in crate::store) condition: Condition,
    /// Whether the condition decides the whole filter.
    exact: bool,
    /// The predicates of the filter that the database decides for each row, with their conditions.
    row_predicates: Vec<(Filter, Condition)>,
    /// Whether the evaluator needs a user's groups.
    groups: bool,
    /// Whether it matches all resources of the types.
    everything: bool,
}

impl Plan {
    /// All resources of the types.
    #[must_use]
    pub fn all(types: &[Arc<ResourceType>]) -> Self {
        Self {
            types: types.iter().map(|known| known.name.clone()).collect(),
            condition: Condition::Always(true),
            exact: true,
            row_predicates: Vec::new(),
            groups: false,
            everything: true,
        }
    }

    /// The plan for a filter on resources of these types, out of all, whose addresses begin with `base_url`.
    #[must_use]
    pub fn of(
        filter: &Filter,
        types: &[Arc<ResourceType>],
        (all, base_url): (&[Arc<ResourceType>], &str),
        search: &SearchKeys,
    ) -> Self {
        let addresses: Vec<(String, String)> =
            all.iter().map(|known| (known.name.clone(), format!("{base_url}{}/", known.endpoint))).collect();
        let views: Vec<TypeView<'_>> =
            types.iter().map(|resource_type| TypeView { resource_type, addresses: &addresses, search }).collect();
        let one_type = views.len() == 1;
        let joined = |filter: &Filter| {
            let mut exact = true;
            let each = views.iter().map(|view| {
                let (condition, whole) = view.decide(filter).unwrap_or((Condition::Always(true), false));
                exact &= whole;
                if one_type { condition } else { Condition::all(vec![view.is_of_type(), condition]) }
            });
            (Condition::any(each.collect()), exact)
        };
        let (condition, exact) = joined(filter);
        let mut plan = Self { condition, exact, everything: false, ..Self::all(types) };
        if !exact {
            let mut predicates = Vec::new();
            collect(filter, &|attribute| is_member_attribute(attribute, types), &mut predicates);
            plan.row_predicates = predicates.into_iter().map(|term| (term.clone(), joined(&term).0)).collect();
            let mut groups = Vec::new();
            collect(filter, &is_groups, &mut groups);
            plan.groups = !groups.is_empty();
        }
        plan
    }

    /// Whether the database decides alone.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether the database excludes any resource.
    #[must_use]
    pub fn narrows(&self) -> bool {
        self.condition != Condition::Always(true)
    }

    /// Whether a whole key leads to the matching resources.
    #[must_use]
    pub fn is_lookup(&self) -> bool {
        self.condition.is_lookup()
    }

    /// Whether it matches every living resource of the types.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether the evaluator needs the groups of each user.
    #[must_use]
    pub fn needs_groups(&self) -> bool {
        self.groups
    }

    /// The resource types.
    #[must_use]
    pub fn types(&self) -> &[String] {
        &self.types
    }

    /// The conditions whose results are read with each row.
    pub(in crate::store) fn row_predicates(&self) -> impl Iterator<Item = &Condition> {
        self.row_predicates.iter().map(|(_, condition)| condition)
    }

    /// The database's result for a predicate, out of a row's results.
    #[must_use]
    pub fn predicate_result(&self, term: &Filter, results: &[bool]) -> Option<bool> {
        let index = self.row_predicates.iter().position(|(known, _)| known == term)?;
        results.get(index).copied()
    }
}

/// The predicates of a filter on certain attributes.
fn collect(filter: &Filter, wanted: &dyn Fn(&AttributeRef) -> bool, found: &mut Vec<Filter>) {
    let attribute = match filter {
        Filter::And(terms) | Filter::Or(terms) => return terms.iter().for_each(|term| collect(term, wanted, found)),
        Filter::Not(inner) => return collect(inner, wanted, found),
        Filter::Compare(Comparison { attribute, .. })
        | Filter::Present(attribute)
        | Filter::ValuePath(ValuePath { attribute, .. }) => attribute,
    };
    if wanted(attribute) && !found.contains(filter) {
        found.push(filter.clone());
    }
}

fn is_member_attribute(attribute: &AttributeRef, types: &[Arc<ResourceType>]) -> bool {
    let name = attribute.attribute.name.as_str();
    attribute.extension.is_none() && types.iter().any(|known| known.detached == Some(name))
}

fn is_groups(attribute: &AttributeRef) -> bool {
    attribute.extension.is_none() && attribute.attribute.name == "groups"
}

/// A condition and whether it is exact; otherwise it passes too many rows, never too few.
type Decision = (Condition, bool);

/// What a filter means for one resource type.
struct TypeView<'a> {
    resource_type: &'a ResourceType,
    addresses: &'a members::Addresses,
    search: &'a SearchKeys,
}

impl TypeView<'_> {
    fn is_of_type(&self) -> Condition {
        Condition::OfType(self.resource_type.name.clone())
    }

    /// None where the database cannot decide anything.
    fn decide(&self, filter: &Filter) -> Option<Decision> {
        match filter {
            Filter::And(terms) => {
                let (conditions, exact): (Vec<Condition>, Vec<bool>) =
                    terms.iter().filter_map(|term| self.decide(term)).unzip();
                let is_exact = exact.len() == terms.len() && exact.iter().all(|exact| *exact);
                (!conditions.is_empty()).then(|| (Condition::all(conditions), is_exact))
            }
            Filter::Or(terms) => any(terms.iter().map(|term| self.decide(term))),
            // The negation of too many would be too few.
            Filter::Not(inner) => match self.decide(inner)? {
                (condition, true) => Some((condition.not(), true)),
                (_, false) => None,
            },
            Filter::Compare(Comparison { attribute, .. })
            | Filter::Present(attribute)
            | Filter::ValuePath(ValuePath { attribute, .. }) => self.leaf(filter, attribute),
        }
    }

    fn leaf(&self, filter: &Filter, attribute: &AttributeRef) -> Option<Decision> {
        let own = self.resource_type.resolve_in(attribute.extension.as_ref(), &attribute.attribute.name);
        let Some(own) = own.filter(|_| self.has(attribute)) else {
            // No resource of this type has the attribute, so the result for an empty document is the result for all.
            return Some((Condition::Always(filter.matches(&serde_json::Map::new())), true));
        };
        if self.resource_type.detached == Some(own.attribute.name.as_str()) && own.extension.is_none() {
            return exact(members::condition(filter, self.addresses));
        }
        if is_groups(attribute) {
            return in_groups(filter);
        }
        match filter {
            Filter::Compare(comparison) => self.compare(comparison),
            Filter::Present(attribute) => self.present(attribute),
            Filter::ValuePath(path) => self.some_element(path.filter.filter()),
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) => None,
        }
    }

    fn has(&self, attribute: &AttributeRef) -> bool {
        attribute.extension.as_ref().is_none_or(|schema| self.resource_type.extension(&schema.id).is_some())
    }

    fn compare(&self, comparison: &Comparison) -> Option<Decision> {
        let Comparison { attribute, operator, value } = comparison;
        let name = attribute.name();
        match (name.as_str(), value) {
            ("id", Literal::String(text)) => exact(by_id(*operator, text)),
            ("active", Literal::Boolean(flag)) => {
                let equal = Condition::Column(Column::Active, Test::Equal(Param::Flag(*flag)));
                Some((if *operator == Operator::NotEqual { equal.not() } else { equal }, true))
            }
            ("meta.created", value) => exact(text::time_condition(Column::Created, *operator, value)),
            ("meta.lastModified", value) => {
                let members = self.resource_type.detached.is_some();
                exact(text::time_condition(Column::Modified { members }, *operator, value))
            }
            ("meta.resourceType", _) => {
                let document = json!({ "meta": { "resourceType": self.resource_type.name } });
                let holds = document.as_object().is_some_and(|it| Filter::Compare(comparison.clone()).matches(it));
                Some((Condition::Always(holds), true))
            }
            (_, Literal::String(text)) => {
                let key = comparison_key(text, attribute.leaf());
                if self.table(attribute) == Some(KeyTable::Hashed) {
                    // Values that share a hash are told apart by the evaluator.
                    let hash = || hash(&name, &key_of(attribute.leaf(), text));
                    return (*operator == Operator::Equal).then(|| (Condition::Hashed(hash()), false));
                }
                let indexed = |test| self.indexed(attribute, test);
                if *operator != Operator::NotEqual {
                    let (found, exact) = text::key_test(*operator, &key)?;
                    return Some((indexed(found)?, exact));
                }
                let (_, exact) = text::key_test(Operator::Equal, &key)?;
                // Some value differs, or there is none. A truncated key may differ where the value does not.
                let differs = Test::Differs(Param::Text(key.into_owned()));
                exact.then(|| Some((Condition::any(vec![indexed(differs)?, indexed(Test::Any)?.not()]), true)))?
            }
            _ => None,
        }
    }

    fn present(&self, attribute: &AttributeRef) -> Option<Decision> {
        match attribute.name().as_str() {
            "id" | "meta" | "meta.created" | "meta.lastModified" | "meta.resourceType" | "meta.location"
            | "meta.version" => Some((Condition::Always(true), true)),
            "active" => Some((Condition::Column(Column::Active, Test::Any), true)),
            _ => Some((self.indexed(attribute, Test::Filled)?, true)),
        }
    }

    /// One element that meets a filter. Only predicates that need a value can be decided: keys do not show which values belong
    /// to one element.
    fn some_element(&self, filter: &Filter) -> Option<Decision> {
        match filter {
            Filter::And(terms) => {
                let (known, _): (Vec<Condition>, Vec<bool>) =
                    terms.iter().filter_map(|term| self.some_element(term)).unzip();
                (!known.is_empty()).then(|| (Condition::all(known), false))
            }
            Filter::Or(terms) => any(terms.iter().map(|term| self.some_element(term))),
            Filter::Compare(Comparison { operator: Operator::NotEqual, .. })
            | Filter::Not(_)
            | Filter::ValuePath(_)
            | Filter::Present(AttributeRef { sub: None, .. }) => None,
            Filter::Compare(comparison) => self.compare(comparison),
            Filter::Present(attribute) => self.present(attribute),
        }
    }

    /// A test of an attribute's values, where they are in a column or as text in a table of keys.
    fn indexed(&self, attribute: &AttributeRef, test: Test) -> Option<Condition> {
        if let Some(column) = self.column(attribute) {
            return Some(Condition::Column(column, test));
        }
        let table = self.table(attribute).filter(|table| *table != KeyTable::Hashed)?;
        let key = Key { table, resource_type: self.resource_type.name.clone(), attribute: attribute.name() };
        Some(Condition::Keyed(key, test))
    }

    /// The table with the keys of an attribute that has no column.
    fn table(&self, attribute: &AttributeRef) -> Option<KeyTable> {
        if self.column(attribute).is_some() {
            return None;
        }
        key_table(attribute, self.resource_type, self.search)
    }

    /// The column that holds the folded, or verbatim, value of an attribute.
    fn column(&self, attribute: &AttributeRef) -> Option<Column> {
        let by_case = |wanted: bool| is_case_exact(attribute.leaf()) == wanted;
        match attribute.name().as_str() {
            "externalId" if by_case(true) => Some(Column::ExternalId),
            name if name == name_attribute(self.resource_type) && by_case(false) => Some(Column::Name),
            _ => None,
        }
    }
}

/// None where a term is undecided, which may hold for any row.
fn any(terms: impl Iterator<Item = Option<Decision>>) -> Option<Decision> {
    let (conditions, exact): (Vec<Condition>, Vec<bool>) =
        terms.collect::<Option<Vec<Decision>>>()?.into_iter().unzip();
    Some((Condition::any(conditions), exact.iter().all(|exact| *exact)))
}

fn exact(condition: Option<Condition>) -> Option<Decision> {
    condition.map(|condition| (condition, true))
}

/// Ids are compared as the text that clients see, which has the same order.
fn by_id(operator: Operator, text: &str) -> Option<Condition> {
    let id = element::canonical(text);
    let column = |test| Condition::Column(Column::Id, test);
    let order = |sign| id.map(|id| column(Test::Order(sign, Param::Id(id))));
    let equal = || id.map_or(Condition::Always(false), |id| column(Test::Equal(Param::Id(id))));
    match operator {
        Operator::Equal => Some(equal()),
        Operator::NotEqual => Some(equal().not()),
        Operator::Greater => order(" > "),
        Operator::GreaterOrEqual => order(" >= "),
        Operator::Less => order(" < "),
        Operator::LessOrEqual => order(" <= "),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => None,
    }
}

/// Membership of a group: by its id it is exact, by its name it narrows.
fn in_groups(filter: &Filter) -> Option<Decision> {
    match filter {
        Filter::Compare(Comparison { attribute, operator: Operator::Equal, value: Literal::String(text) }) => {
            match attribute.sub.as_ref().map(|sub| sub.name.as_str())? {
                "value" => {
                    let found = element::canonical(text);
                    Some((found.map_or(Condition::Always(false), Condition::InGroup), true))
                }
                "display" if !text.is_empty() => {
                    let display: &Attribute = attribute.leaf();
                    Some((Condition::InGroupNamed(key_of(display, text)), false))
                }
                _ => None,
            }
        }
        Filter::ValuePath(path) => {
            let terms = path.filter.filter().conjuncts();
            let alone = terms.len() == 1;
            terms.into_iter().find_map(in_groups).map(|(condition, exact)| (condition, exact && alone))
        }
        _ => None,
    }
}
