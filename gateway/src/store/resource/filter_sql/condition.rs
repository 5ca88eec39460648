//! A condition on a row of `resource`, and how it is written as SQL.
//!
//! A comparison with a column that is null, which is unknown in SQL, counts as false.

use uuid::Uuid;

use crate::store::postgres::sql::{Param, Sql};
use crate::store::resource::filter_sql::element::Element;
use crate::store::resource::filter_sql::value::Test;
use crate::store::resource::indexed::KeyTable;

/// What is required of a row.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Condition {
    Always(bool),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// The row is of this resource type.
    OfType(String),
    Column(Column, Test),
    /// A key of this attribute passes the test.
    Keyed(Key, Test),
    /// A search key has this hash.
    Hashed(i64),
    /// The group has a member that passes.
    Member(Element),
    /// The resource is a member of this group.
    InGroup(Uuid),
    /// The resource is a member of a group with this name key.
    InGroupNamed(String),
}

/// The keys of one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Key {
    pub(in crate::store) table: KeyTable,
    pub(in crate::store) resource_type: String,
    pub(in crate::store) attribute: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Column {
    Id,
    Name,
    ExternalId,
    Active,
    Created,
    Modified {
        /// Whether changes of members count.
        members: bool,
    },
}

impl Condition {
    pub(in crate::store) fn not(self) -> Self {
        match self {
            Self::Always(flag) => Self::Always(!flag),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    pub(in crate::store) fn all(terms: Vec<Self>) -> Self {
        Self::join(terms, true, Self::All)
    }

    pub(in crate::store) fn any(terms: Vec<Self>) -> Self {
        Self::join(terms, false, Self::Any)
    }

    fn join(mut terms: Vec<Self>, neutral: bool, several: fn(Vec<Self>) -> Self) -> Self {
        if terms.contains(&Self::Always(!neutral)) {
            return Self::Always(!neutral);
        }
        terms.retain(|term| *term != Self::Always(neutral));
        match terms.len() {
            0 => Self::Always(neutral),
            1 => terms.swap_remove(0),
            _ => several(terms),
        }
    }

    /// Whether it is one of the few conditions that providers send constantly, which are kept prepared.
    pub(in crate::store) fn is_common(&self) -> bool {
        let single = |term: &Self| match term {
            Self::Column(Column::Active, Test::Equal(_)) | Self::Member(Element::Value(Test::Equal(_))) => true,
            // Joined terms come in any number.
            Self::Any(_) | Self::All(_) => false,
            term => term.is_lookup(),
        };
        let of_two = |terms: &[Self]| terms.len() == 2 && terms.iter().all(single);
        self.is_lookup() && !matches!(self, Self::Any(_)) && !matches!(self, Self::All(terms) if !of_two(terms))
    }

    /// Whether a whole key leads to the few matching rows: then all are read before they are sorted. Left to its estimate,
    /// the server may scan the whole tenant in that order until it meets them.
    pub(in crate::store) fn is_lookup(&self) -> bool {
        match self {
            Self::Column(Column::Id | Column::Name | Column::ExternalId, Test::Equal(_))
            | Self::Keyed(_, Test::Equal(_))
            | Self::Hashed(_) => true,
            Self::Member(element) => element.is_lookup(),
            Self::All(terms) => terms.iter().any(Self::is_lookup),
            Self::Any(terms) => terms.iter().all(Self::is_lookup),
            _ => false,
        }
    }

    /// The term that leads to the few ids of the matching rows, and the other conditions on them.
    pub(in crate::store) fn split_ids(&self) -> Option<(&Self, Vec<&Self>)> {
        if self.leads_to_ids() {
            return Some((self, Vec::new()));
        }
        let Self::All(terms) = self else { return None };
        let index = terms.iter().position(Self::leads_to_ids)?;
        let rest = terms.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, term)| term);
        Some((&terms[index], rest.collect()))
    }

    fn leads_to_ids(&self) -> bool {
        match self {
            Self::Column(Column::Id, Test::Equal(_)) | Self::Keyed(_, Test::Equal(_)) | Self::Hashed(_) => true,
            Self::Member(element) => element.is_lookup(),
            Self::Any(terms) => terms.iter().all(|term| term.leads_to_ids() || term.is_column_lookup()),
            _ => false,
        }
    }

    /// Whether it is a whole value of a column that has an index: alone it leads to the row, without its id.
    fn is_column_lookup(&self) -> bool {
        matches!(self, Self::Column(Column::Name | Column::ExternalId, Test::Equal(_)))
    }

    /// Whether the name, or the beginning of it, leads to the matching rows.
    pub(in crate::store) fn is_by_name(&self) -> bool {
        match self {
            Self::Column(Column::Name, Test::Equal(_) | Test::Starts(_)) => true,
            Self::All(terms) => terms.iter().any(Self::is_by_name),
            _ => false,
        }
    }

    /// Whether it requires a whole name.
    pub(in crate::store) fn is_one_name(&self) -> bool {
        match self {
            Self::Column(Column::Name, Test::Equal(_)) => true,
            Self::All(terms) => terms.iter().any(Self::is_one_name),
            _ => false,
        }
    }

    /// Whether the externalId, and no name, leads to the matching rows.
    pub(in crate::store) fn is_by_external_id(&self) -> bool {
        match self {
            Self::Column(Column::ExternalId, Test::Equal(_)) => true,
            Self::All(terms) => terms.iter().any(Self::is_by_external_id) && !self.is_by_name(),
            _ => false,
        }
    }

    /// Writes the query for the ids of a term that [`Condition::split_ids`] gave, of resources of these types.
    pub(in crate::store) fn write_ids(&self, types: &[String], sql: &mut Sql) {
        match self {
            Self::Any(terms) => {
                for (index, term) in terms.iter().enumerate() {
                    sql.push(if index > 0 { " UNION ALL " } else { "" });
                    term.write_ids(types, sql);
                }
            }
            Self::Column(Column::Name, test) => {
                // By `= ANY` the server may take an index with the tenant alone.
                for (index, resource_type) in types.iter().enumerate() {
                    sql.push(if index > 0 { " UNION ALL " } else { "" });
                    sql.push(OF_COLUMN);
                    sql.push(" AND r.resource_type = ");
                    sql.bind(Param::Text(resource_type.clone()));
                    sql.push(" AND ");
                    test.write(Column::Name.expression(), sql);
                }
            }
            Self::Column(Column::ExternalId, test) => {
                sql.push(OF_COLUMN);
                sql.push(" AND ");
                test.write(Column::ExternalId.expression(), sql);
            }
            Self::Column(_, Test::Equal(id)) => {
                sql.push("SELECT ");
                sql.bind(id.clone());
                sql.push(" AS id");
            }
            Self::Hashed(hash) => {
                sql.push("SELECT k.id FROM search_key k WHERE k.tenant_id = $1 AND k.h = ");
                sql.bind(Param::Number(*hash));
            }
            Self::Keyed(key, test) => key.write_ids(test, sql),
            Self::Member(element) => element.write_groups(sql),
            _ => sql.push("SELECT NULL::uuid AS id"),
        }
    }

    /// Writes it for a row called `r`, in parentheses where it needs them.
    pub(in crate::store) fn write(&self, sql: &mut Sql) {
        match self {
            Self::Always(true) => sql.push("true"),
            Self::Always(false) => sql.push("false"),
            Self::All(terms) => sql.list(terms, " AND ", Self::write),
            Self::Any(terms) => sql.list(terms, " OR ", Self::write),
            Self::Not(inner) => {
                sql.push("(");
                inner.write(sql);
                sql.push(") IS NOT TRUE");
            }
            Self::OfType(name) => {
                sql.push("r.resource_type = ");
                sql.bind(Param::Text(name.clone()));
            }
            Self::Column(column, test) => test.write(column.expression(), sql),
            Self::Keyed(key, test) => key.write(test, sql),
            Self::Hashed(hash) => {
                sql.push("r.id = ANY(ARRAY(");
                Self::Hashed(*hash).write_ids(&[], sql);
                sql.push("))");
            }
            Self::Member(element) => element.write_exists(sql),
            Self::InGroup(group) => {
                sql.push(GROUPS);
                sql.push(" AND m.group_id = ");
                sql.bind(Param::Id(*group));
                sql.push(")");
            }
            Self::InGroupNamed(key) => {
                sql.push(GROUPS);
                sql.push(" AND g.resource_type = 'Group' AND g.name_key = ");
                sql.bind(Param::Text(key.clone()));
                sql.push(")");
            }
        }
    }
}

impl Key {
    /// The few ids with one key are looked up once: with a test for each row, the server may scan the rows first.
    fn write(&self, test: &Test, sql: &mut Sql) {
        if matches!(test, Test::Equal(_)) {
            sql.push("r.id = ANY(ARRAY(");
            self.write_ids(test, sql);
            sql.push("))");
        } else {
            sql.push("EXISTS (SELECT 1 FROM ");
            self.write_keys(test, sql);
            sql.push(" AND k.id = r.id)");
        }
    }

    fn write_ids(&self, test: &Test, sql: &mut Sql) {
        sql.push("SELECT k.id FROM ");
        self.write_keys(test, sql);
    }

    fn write_keys(&self, test: &Test, sql: &mut Sql) {
        match self.table {
            KeyTable::Unique => {
                sql.push("unique_key k WHERE k.tenant_id = $1 AND k.resource_type = ");
                sql.bind(Param::Text(self.resource_type.clone()));
            }
            KeyTable::Text | KeyTable::Hashed => sql.push("resource_key k WHERE k.tenant_id = $1"),
        }
        sql.push(" AND k.attribute = ");
        sql.bind(Param::Text(self.attribute.clone()));
        sql.push(" AND ");
        test.write("k.key", sql);
    }
}

const OF_COLUMN: &str = "SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.deleted_at IS NULL";

const GROUPS: &str = "r.id IN (SELECT m.member_id FROM membership m \
    JOIN resource g ON g.tenant_id = $1 AND g.id = m.group_id AND g.deleted_at IS NULL WHERE m.tenant_id = $1";

impl Column {
    fn expression(self) -> &'static str {
        match self {
            Self::Id => "r.id",
            Self::Name => "r.name_key",
            Self::ExternalId => "r.external_id",
            Self::Active => "r.active",
            Self::Created => "r.created_at",
            Self::Modified { members: false } => "r.modified_at",
            Self::Modified { members: true } => {
                "greatest(r.modified_at, (SELECT max(c.at) FROM group_change c WHERE c.tenant_id = $1 AND c.group_id = r.id))"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_simplified_away_and_double_negation_cancels() {
        let id = || Condition::InGroup(Uuid::nil());
        assert_eq!(Condition::all(vec![Condition::Always(true), id()]), id());
        assert_eq!(Condition::all(vec![Condition::Always(false), id()]), Condition::Always(false));
        assert_eq!(Condition::any(vec![Condition::Always(true), id()]), Condition::Always(true));
        assert_eq!(Condition::any(vec![]), Condition::Always(false));
        assert_eq!(id().not().not(), id());
    }
}
