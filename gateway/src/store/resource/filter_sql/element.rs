//! Conditions on the members of a group, which are rows and not in its document: all of them are decided here.

use scimgate_scim::filter::{Comparison, Filter, Literal, Operator};
use scimgate_scim::schema::AttributeRef;
use serde_json::json;
use uuid::Uuid;

use crate::store::postgres::sql::{Param, Sql};
use crate::store::resource::filter_sql::condition::Condition;
use crate::store::resource::filter_sql::condition::Test;
use crate::store::resource::filter_sql::condition::write_list;
use crate::store::resource::filter_sql::text;

/// The resource types a member can be of, with the address under which each is found.
pub(in crate::store) type Addresses = [(String, String)];

/// What one member must be like. Nothing here is unknown: a member without a type, a pending reference, has none.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Element {
    Always(bool),
    All(Vec<Element>),
    Any(Vec<Element>),
    Not(Box<Element>),
    Value(Test),
    /// Its type is one of these.
    OfType(Vec<String>),
    /// Its address is like this.
    Address(Vec<(String, String)>, Test),
}

/// What a filter asks of members, as a condition on the group.
pub(in crate::store) fn condition(term: &Filter, addresses: &Addresses) -> Option<Condition> {
    match term {
        Filter::Present(attribute) if attribute.sub.is_none() => {
            let filled = Element::Any(vec![Element::Value(Test::Filled), known(addresses)]);
            Some(Condition::Member(filled))
        }
        Filter::Compare(comparison) if comparison.operator == Operator::NotEqual => {
            // Some value differs, or there is none at all.
            let there = present(&comparison.attribute, addresses);
            let equal = Filter::Compare(Comparison { operator: Operator::Equal, ..comparison.clone() });
            let differs = Element::All(vec![there.clone(), not(element(&equal, addresses)?)]);
            Some(Condition::any(vec![Condition::Member(differs), Condition::Member(there).not()]))
        }
        Filter::Present(_) | Filter::Compare(_) => element(term, addresses).map(Condition::Member),
        Filter::ValuePath(path) => element(path.filter.filter(), addresses).map(Condition::Member),
        Filter::And(_) | Filter::Or(_) | Filter::Not(_) => None,
    }
}

fn element(filter: &Filter, addresses: &Addresses) -> Option<Element> {
    let each = |terms: &[Filter]| terms.iter().map(|term| element(term, addresses)).collect::<Option<Vec<_>>>();
    Some(match filter {
        Filter::And(terms) => Element::All(each(terms)?),
        Filter::Or(terms) => Element::Any(each(terms)?),
        Filter::Not(inner) => not(element(inner, addresses)?),
        Filter::Present(attribute) => match part(attribute) {
            "value" => Element::Value(Test::Filled),
            _ => present(attribute, addresses),
        },
        Filter::Compare(comparison) => match comparison.operator {
            Operator::NotEqual => not(element(
                &Filter::Compare(Comparison { operator: Operator::Equal, ..comparison.clone() }),
                addresses,
            )?),
            _ => compare(comparison, addresses),
        },
        Filter::ValuePath(_) => return None,
    })
}

fn part(attribute: &AttributeRef) -> &str {
    attribute.sub.as_ref().map_or("value", |sub| sub.name.as_str())
}

/// Whether a member has this part at all.
fn present(attribute: &AttributeRef, addresses: &Addresses) -> Element {
    match part(attribute) {
        "value" => Element::Always(true),
        "type" | "$ref" => known(addresses),
        _ => Element::Always(false),
    }
}

fn known(addresses: &Addresses) -> Element {
    Element::OfType(addresses.iter().map(|(name, _)| name.clone()).collect())
}

fn compare(comparison: &Comparison, addresses: &Addresses) -> Element {
    let Literal::String(literal) = &comparison.value else { return Element::Always(false) };
    let key = scimgate_scim::fold::comparison_key(literal, comparison.attribute.leaf());
    match part(&comparison.attribute) {
        "value" => Element::Value(text::whole_test(comparison.operator, &key)),
        "$ref" => Element::Address(addresses.to_vec(), text::whole_test(comparison.operator, &key)),
        "type" => {
            // There are few types, so the evaluator itself says which of them pass.
            let term = Filter::Compare(comparison.clone());
            let passes = |name: &str| {
                let document = json!({ &comparison.attribute.attribute.name: [{ "type": name }] });
                document.as_object().is_some_and(|document| term.matches(document))
            };
            Element::OfType(addresses.iter().map(|(name, _)| name.clone()).filter(|name| passes(name)).collect())
        }
        _ => Element::Always(false),
    }
}

fn not(element: Element) -> Element {
    match element {
        Element::Always(flag) => Element::Always(!flag),
        other => Element::Not(Box::new(other)),
    }
}

impl Element {
    /// The value that a member must have to pass: then an index leads from it to its groups.
    fn wanted(&self) -> Option<&str> {
        match self {
            Self::Value(Test::Equal(Param::Text(value))) => Some(value),
            Self::All(terms) => terms.iter().find_map(Self::wanted),
            _ => None,
        }
    }

    pub(in crate::store) fn write_exists(&self, sql: &mut Sql) {
        match self.wanted().map(str::to_owned) {
            Some(value) => {
                sql.push("r.id = ANY(ARRAY(SELECT m.group_id FROM (");
                Self::write_wanted(&value, sql);
            }
            None => sql.push(
                "EXISTS (SELECT 1 FROM (SELECT member_id::text COLLATE \"C\" AS value, member_type AS type FROM membership \
                 WHERE tenant_id = $1 AND group_id = r.id UNION ALL SELECT value, NULL FROM member_ref \
                 WHERE tenant_id = $1 AND group_id = r.id",
            ),
        }
        sql.push(") m WHERE ");
        self.write(sql);
        sql.push(if self.is_lookup() { "))" } else { ")" });
    }

    /// Whether an index leads from a value to the few groups with such a member.
    pub(in crate::store) fn is_lookup(&self) -> bool {
        self.wanted().is_some()
    }

    fn write_wanted(value: &str, sql: &mut Sql) {
        if let Some(id) = canonical(value) {
            sql.push(
                "SELECT group_id, member_id::text COLLATE \"C\" AS value, member_type AS type FROM membership \
                 WHERE tenant_id = $1 AND member_id = ",
            );
            sql.bind(Param::Id(id));
            sql.push(" UNION ALL ");
        }
        sql.push("SELECT group_id, value, NULL::text AS type FROM member_ref WHERE tenant_id = $1 AND key = ");
        sql.bind(Param::Text(scimgate_scim::fold::fold(value)));
    }

    fn write(&self, sql: &mut Sql) {
        match self {
            Self::Always(flag) => sql.push(if *flag { "true" } else { "false" }),
            Self::All(terms) => write_list(terms, " AND ", sql, Self::write),
            Self::Any(terms) => write_list(terms, " OR ", sql, Self::write),
            Self::Not(inner) => {
                sql.push("(");
                inner.write(sql);
                sql.push(") IS NOT TRUE");
            }
            Self::Value(test) => test.write("m.value", sql),
            Self::OfType(names) => {
                sql.push("m.type = ANY(");
                sql.bind(Param::Texts(names.clone()));
                sql.push(")");
            }
            Self::Address(addresses, test) => write_list(addresses, " OR ", sql, |(name, base), sql| {
                sql.push("m.type = ");
                sql.bind(Param::Text(name.clone()));
                sql.push(" AND ");
                // The address is put together in a subquery, since a test may name its value twice.
                sql.push("(SELECT ");
                test.write("a.value", sql);
                sql.push(" FROM (SELECT (");
                sql.bind(Param::Text(base.clone()));
                sql.push(" || m.value) COLLATE \"C\" AS value) a)");
            }),
        }
    }
}

/// The id, if this is just the text that it is shown as.
pub(in crate::store) fn canonical(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}
