//! A condition on a row of `resource`, and how it is written as SQL.
//!
//! It is true or not true: what SQL calls unknown, a comparison with a column that is null, counts as not true.

use uuid::Uuid;

use crate::store::postgres::sql::{Param, Sql};
use crate::store::resource::filter_sql::element::Element;
use crate::store::resource::key::KeyTable;
use crate::store::resource::key::WHOLE;

/// What a row must be like.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Condition {
    Always(bool),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// The row is of this resource type.
    OfType(String),
    Column(Column, Test),
    /// The resource has a key of this attribute that passes.
    Keyed(Key, Test),
    /// The group has a member that passes.
    Member(Element),
    /// The resource is a member of this group.
    InGroup(Uuid),
    /// The resource is a member of a group with this name key.
    InGroupNamed(String),
}

/// Which keys.
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
    /// Of a type whose members are kept beside the document, they count as well.
    Modified {
        members: bool,
    },
}

/// What one value must be like.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Test {
    /// There is one.
    Any,
    /// There is one, and it is not empty.
    Filled,
    Equal(Param),
    Differs(Param),
    /// It begins so: a range, since only a range finds its way in an index behind row-level security.
    Starts(String),
    /// It holds this, or it was cut and may.
    MayContain(String),
    /// It ends so, or it was cut and may.
    MayEnd(String),
    /// Nothing is ever cut here.
    Contains(String),
    Ends(String),
    Order(&'static str, Param),
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
        if terms.contains(&Self::Always(false)) {
            return Self::Always(false);
        }
        let mut terms: Vec<Self> = terms.into_iter().filter(|term| *term != Self::Always(true)).collect();
        match terms.len() {
            0 => Self::Always(true),
            1 => terms.swap_remove(0),
            _ => Self::All(terms),
        }
    }

    pub(in crate::store) fn any(terms: Vec<Self>) -> Self {
        if terms.contains(&Self::Always(true)) {
            return Self::Always(true);
        }
        let mut terms: Vec<Self> = terms.into_iter().filter(|term| *term != Self::Always(false)).collect();
        match terms.len() {
            0 => Self::Always(false),
            1 => terms.swap_remove(0),
            _ => Self::Any(terms),
        }
    }

    /// Whether it is one of the few that providers ask all day: those are worth being kept prepared.
    pub(in crate::store) fn is_common(&self) -> bool {
        let single = |term: &Self| match term {
            Self::Column(Column::Active, Test::Equal(_)) | Self::Member(Element::Value(Test::Equal(_))) => true,
            term => term.is_lookup(),
        };
        let of_two = |terms: &[Self]| terms.len() == 2 && terms.iter().all(single);
        self.is_lookup() && !matches!(self, Self::Any(_)) && !matches!(self, Self::All(terms) if !of_two(terms))
    }

    /// Whether it names what it looks for by a whole key, of which there are few: then they are all read before they are
    /// put in order. Otherwise the server, which must guess how many there are, may as well walk the whole tenant in that
    /// order and hope to meet them soon.
    pub(in crate::store) fn is_lookup(&self) -> bool {
        match self {
            Self::Column(Column::Id | Column::Name | Column::ExternalId, Test::Equal(_))
            | Self::Keyed(_, Test::Equal(_)) => true,
            Self::Member(element) => element.is_lookup(),
            Self::All(terms) => terms.iter().any(Self::is_lookup),
            Self::Any(terms) => terms.iter().all(Self::is_lookup),
            _ => false,
        }
    }

    /// Writes it for a row called `r`, in parentheses where it needs them.
    pub(in crate::store) fn write(&self, sql: &mut Sql) {
        match self {
            Self::Always(true) => sql.push("true"),
            Self::Always(false) => sql.push("false"),
            Self::All(terms) => write_terms(terms, " AND ", sql),
            Self::Any(terms) => write_terms(terms, " OR ", sql),
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
    /// The few with one key are looked up once, before any row: asked of each row, the server may take the rows first.
    fn write(&self, test: &Test, sql: &mut Sql) {
        let looked_up = matches!(test, Test::Equal(_));
        sql.push(if looked_up { "r.id = ANY(ARRAY(SELECT k.id FROM " } else { "EXISTS (SELECT 1 FROM " });
        match self.table {
            KeyTable::Unique => {
                sql.push("unique_key k WHERE k.tenant_id = $1 AND k.resource_type = ");
                sql.bind(Param::Text(self.resource_type.clone()));
            }
            KeyTable::Searchable => sql.push("resource_key k WHERE k.tenant_id = $1"),
        }
        sql.push(" AND k.attribute = ");
        sql.bind(Param::Text(self.attribute.clone()));
        sql.push(" AND ");
        test.write("k.key", sql);
        sql.push(if looked_up { "))" } else { " AND k.id = r.id)" });
    }
}

const GROUPS: &str = "r.id IN (SELECT m.member_id FROM membership m \
    JOIN resource g ON g.tenant_id = $1 AND g.id = m.group_id AND g.deleted_at IS NULL WHERE m.tenant_id = $1";

pub(in crate::store) fn write_list<T>(terms: &[T], between: &str, sql: &mut Sql, mut write: impl FnMut(&T, &mut Sql)) {
    sql.push("(");
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            sql.push(between);
        }
        write(term, sql);
    }
    sql.push(")");
}

fn write_terms(terms: &[Condition], between: &str, sql: &mut Sql) {
    write_list(terms, between, sql, Condition::write);
}

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

impl Test {
    /// Writes it for a value that is the SQL expression.
    pub(in crate::store) fn write(&self, value: &str, sql: &mut Sql) {
        let mut comparison = |operator: &str, param: Param| {
            sql.push(value);
            sql.push(operator);
            sql.bind(param);
        };
        match self {
            Self::Any => sql.push(&format!("{value} IS NOT NULL")),
            Self::Filled => sql.push(&format!("{value} <> ''")),
            Self::Equal(param) => comparison(" = ", param.clone()),
            Self::Differs(param) => comparison(" <> ", param.clone()),
            Self::Order(operator, param) => comparison(operator, param.clone()),
            Self::Starts(prefix) => {
                comparison(" >= ", Param::Text(prefix.clone()));
                if let Some(end) = after_prefix(prefix) {
                    sql.push(&format!(" AND {value} < "));
                    sql.bind(Param::Text(end));
                }
            }
            Self::MayContain(part) => {
                sql.push(&format!("(octet_length({value}) > {WHOLE} OR "));
                Self::Contains(part.clone()).write(value, sql);
                sql.push(")");
            }
            Self::MayEnd(part) => {
                sql.push(&format!("(octet_length({value}) > {WHOLE} OR "));
                Self::Ends(part.clone()).write(value, sql);
                sql.push(")");
            }
            Self::Contains(part) => {
                sql.push(&format!("strpos({value}, "));
                sql.bind(Param::Text(part.clone()));
                sql.push(") > 0");
            }
            Self::Ends(part) => {
                let length = i64::try_from(part.chars().count()).unwrap_or(i64::MAX);
                sql.push(&format!("right({value}, {length}) = "));
                sql.bind(Param::Text(part.clone()));
            }
        }
    }
}

/// The least text that is greater than every text with this beginning: the order is that of code points. None where
/// there is no greater one.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut rest: Vec<char> = prefix.chars().collect();
    while let Some(last) = rest.pop() {
        // Past the surrogates, which are no characters.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            rest.push(next);
            return Some(rest.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_prefix_comes_after_all_that_begin_with_it() {
        for (prefix, after) in [
            ("ada", Some("adb")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("é", Some("ê")),
            ("", None),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(after_prefix(prefix).as_deref(), after, "{prefix:?}");
        }
    }

    #[test]
    fn constants_vanish_and_two_negations_are_none() {
        let id = || Condition::InGroup(Uuid::nil());
        assert_eq!(Condition::all(vec![Condition::Always(true), id()]), id());
        assert_eq!(Condition::all(vec![Condition::Always(false), id()]), Condition::Always(false));
        assert_eq!(Condition::any(vec![Condition::Always(true), id()]), Condition::Always(true));
        assert_eq!(Condition::any(vec![]), Condition::Always(false));
        assert_eq!(id().not().not(), id());
    }
}
