//! What of a filter the database decides by its keys and columns, as one parameterised condition.
//!
//! The condition never loses a match. Where it decides the whole filter it is exact, and no document is read; where not,
//! the protocol's evaluator, the one truth, decides on the documents that pass. What is not in the documents at all, the
//! members of groups, only the database can decide: for each such part of a filter it says of each row whether it holds.

use std::sync::Arc;

use scimgate_scim::attribute::Attribute;
use scimgate_scim::filter::{Comparison, Filter, Literal, Operator, ValuePath};
use scimgate_scim::fold::{comparison_key, is_case_exact};
use scimgate_scim::schema::{AttributeRef, ResourceType};
use serde_json::json;

pub(in crate::store) mod condition;
mod element;
mod text;

use crate::store::postgres::sql::Param;
use crate::store::resource::key;
use crate::store::resource::key::key_of;
pub(in crate::store) use condition::{Column, Condition, Key, Test};

/// How a query is answered.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The resource types that are asked for.
    pub(in crate::store) types: Vec<String>,
    /// What every row must meet.
    pub(in crate::store) condition: Condition,
    /// Whether the condition decides the whole filter.
    exact: bool,
    /// The parts of the filter that the database decides for each row, with their conditions.
    decided: Vec<(Filter, Condition)>,
    /// Whether the evaluator needs a user's groups.
    groups: bool,
    /// Whether nothing narrows the resources of the types.
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
            decided: Vec::new(),
            groups: false,
            everything: true,
        }
    }

    /// What the database decides of a filter on resources of these types, whose addresses begin with `base_url`.
    #[must_use]
    pub fn of(filter: &Filter, types: &[Arc<ResourceType>], all: &[Arc<ResourceType>], base_url: &str) -> Self {
        let addresses: Vec<(String, String)> =
            all.iter().map(|known| (known.name.clone(), format!("{base_url}{}/", known.endpoint))).collect();
        let sides: Vec<Side<'_>> =
            types.iter().map(|resource_type| Side { resource_type, addresses: &addresses }).collect();
        let one_type = sides.len() == 1;
        let joined = |filter: &Filter| {
            let mut exact = true;
            let each = sides.iter().map(|side| {
                let (condition, whole) = side.decide(filter).unwrap_or((Condition::Always(true), false));
                exact &= whole;
                if one_type { condition } else { Condition::all(vec![side.is_it(), condition]) }
            });
            (Condition::any(each.collect()), exact)
        };
        let (condition, exact) = joined(filter);
        let mut plan = Self { condition, exact, everything: false, ..Self::all(types) };
        if !exact {
            let mut beside = Vec::new();
            collect(filter, &|attribute| is_member_attribute(attribute, types), &mut beside);
            plan.decided = beside.into_iter().map(|term| (term.clone(), joined(&term).0)).collect();
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

    /// Whether the database leaves any resource out.
    #[must_use]
    pub fn narrows(&self) -> bool {
        self.condition != Condition::Always(true)
    }

    /// Whether it names what it looks for by a whole key.
    #[must_use]
    pub fn is_lookup(&self) -> bool {
        self.condition.is_lookup()
    }

    /// Whether every living resource of the types is meant.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether the documents must be read with the groups of each user.
    #[must_use]
    pub fn needs_groups(&self) -> bool {
        self.groups
    }

    /// The resource types.
    #[must_use]
    pub fn types(&self) -> &[String] {
        &self.types
    }

    /// The conditions to be decided for each row.
    pub(in crate::store) fn decided(&self) -> impl Iterator<Item = &Condition> {
        self.decided.iter().map(|(_, condition)| condition)
    }

    /// What the database said of a part of the filter.
    #[must_use]
    pub fn answer(&self, term: &Filter, said: &[bool]) -> Option<bool> {
        let place = self.decided.iter().position(|(known, _)| known == term)?;
        said.get(place).copied()
    }
}

/// The parts of a filter, down to single conditions, that are on certain attributes.
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

/// A condition and whether it is exact; else it lets through too many, and never too few.
type Decision = (Condition, bool);

/// One resource type's view of a filter.
struct Side<'a> {
    resource_type: &'a ResourceType,
    addresses: &'a element::Addresses,
}

impl Side<'_> {
    fn is_it(&self) -> Condition {
        Condition::OfType(self.resource_type.name.clone())
    }

    /// None where nothing is known.
    fn decide(&self, filter: &Filter) -> Option<Decision> {
        match filter {
            Filter::And(terms) => {
                let known: Vec<Decision> = terms.iter().filter_map(|term| self.decide(term)).collect();
                let exact = known.len() == terms.len() && known.iter().all(|(_, exact)| *exact);
                let conditions: Vec<Condition> = known.into_iter().map(|(condition, _)| condition).collect();
                (!conditions.is_empty()).then(|| (Condition::all(conditions), exact))
            }
            // What may hold by an unknown part may hold for any row.
            Filter::Or(terms) => {
                let known = terms.iter().map(|term| self.decide(term)).collect::<Option<Vec<Decision>>>()?;
                let exact = known.iter().all(|(_, exact)| *exact);
                Some((Condition::any(known.into_iter().map(|(condition, _)| condition).collect()), exact))
            }
            // The opposite of too many would be too few.
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
            // No resource of this type has the attribute, so what holds of an empty document holds of all.
            return Some((Condition::Always(filter.matches(&serde_json::Map::new())), true));
        };
        if self.resource_type.detached == Some(own.attribute.name.as_str()) && own.extension.is_none() {
            return element::condition(filter, self.addresses).map(|condition| (condition, true));
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
            ("id", Literal::String(text)) => by_id(*operator, text).map(|condition| (condition, true)),
            ("active", Literal::Boolean(flag)) => {
                let equal = Condition::Column(Column::Active, Test::Equal(Param::Flag(*flag)));
                Some((if *operator == Operator::NotEqual { equal.not() } else { equal }, true))
            }
            ("meta.created", value) => exactly(text::moment(Column::Created, *operator, value)),
            ("meta.lastModified", value) => {
                let members = self.resource_type.detached.is_some();
                exactly(text::moment(Column::Modified { members }, *operator, value))
            }
            ("meta.resourceType", _) => {
                let document = json!({ "meta": { "resourceType": self.resource_type.name } });
                let holds = document.as_object().is_some_and(|it| Filter::Compare(comparison.clone()).matches(it));
                Some((Condition::Always(holds), true))
            }
            (_, Literal::String(text)) => {
                let key = comparison_key(text, attribute.leaf());
                let place = |test| self.place(attribute, test);
                if *operator != Operator::NotEqual {
                    let (found, exact) = text::key_test(*operator, &key)?;
                    return Some((place(found)?, exact));
                }
                let (_, exact) = text::key_test(Operator::Equal, &key)?;
                // Some value differs, or there is none. A cut key may differ where the value does not.
                let differs = Test::Differs(Param::Text(key.into_owned()));
                exact.then(|| Some((Condition::any(vec![place(differs)?, place(Test::Any)?.not()]), true)))?
            }
            _ => None,
        }
    }

    fn present(&self, attribute: &AttributeRef) -> Option<Decision> {
        match attribute.name().as_str() {
            "id" | "meta" | "meta.created" | "meta.lastModified" | "meta.resourceType" | "meta.location"
            | "meta.version" => Some((Condition::Always(true), true)),
            "active" => Some((Condition::Column(Column::Active, Test::Any), true)),
            _ => Some((self.place(attribute, Test::Filled)?, true)),
        }
    }

    /// One element that meets a filter; only what holds by a value that it has, since keys know of no element's others.
    fn some_element(&self, filter: &Filter) -> Option<Decision> {
        match filter {
            Filter::And(terms) => {
                let known: Vec<Condition> =
                    terms.iter().filter_map(|term| self.some_element(term)).map(|(condition, _)| condition).collect();
                (!known.is_empty()).then(|| (Condition::all(known), false))
            }
            Filter::Or(terms) => {
                let known = terms.iter().map(|term| self.some_element(term)).collect::<Option<Vec<Decision>>>()?;
                let exact = known.iter().all(|(_, exact)| *exact);
                Some((Condition::any(known.into_iter().map(|(condition, _)| condition).collect()), exact))
            }
            Filter::Compare(Comparison { operator: Operator::NotEqual, .. })
            | Filter::Not(_)
            | Filter::ValuePath(_)
            | Filter::Present(AttributeRef { sub: None, .. }) => None,
            Filter::Compare(comparison) => self.compare(comparison),
            Filter::Present(attribute) => self.present(attribute),
        }
    }

    /// A test of an attribute's values where they are in a column or a table of keys.
    fn place(&self, attribute: &AttributeRef, test: Test) -> Option<Condition> {
        if let Some(column) = self.column(attribute) {
            return Some(Condition::Column(column, test));
        }
        let table = key::key_table(attribute, self.resource_type)?;
        let key = Key { table, resource_type: self.resource_type.name.clone(), attribute: attribute.name() };
        Some(Condition::Keyed(key, test))
    }

    /// The column that holds the folded, or verbatim, value of an attribute.
    fn column(&self, attribute: &AttributeRef) -> Option<Column> {
        let by_case = |wanted: bool| is_case_exact(attribute.leaf()) == wanted;
        match attribute.name().as_str() {
            "externalId" if by_case(true) => Some(Column::ExternalId),
            name if name == key::name_attribute(self.resource_type) && by_case(false) => Some(Column::Name),
            _ => None,
        }
    }
}

fn exactly(condition: Option<Condition>) -> Option<Decision> {
    condition.map(|condition| (condition, true))
}

/// Ids are compared as the text that clients see. Their order as text is their order.
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

/// Membership of a group by its id, or by its name: the one is exact, the other narrows.
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
