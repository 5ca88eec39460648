//! A condition on one member of a group, and how it is written as SQL.

use uuid::Uuid;

use crate::store::postgres::sql::{Param, Sql};
use crate::store::resource::filter_sql::value::Test;

/// What is required of one member. A pending reference has no type.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Element {
    Always(bool),
    All(Vec<Element>),
    Any(Vec<Element>),
    Not(Box<Element>),
    Value(Test),
    /// Its type is one of these.
    OfType(Vec<String>),
    /// Its address passes the test.
    Address(Vec<(String, String)>, Test),
}

impl Element {
    /// The one value that a member must have to pass: an index leads from it to its groups.
    fn wanted(&self) -> Option<&str> {
        match self {
            Self::Value(Test::Equal(Param::Text(value))) => Some(value),
            Self::All(terms) => terms.iter().find_map(Self::wanted),
            _ => None,
        }
    }

    pub(in crate::store) fn write_exists(&self, sql: &mut Sql) {
        if self.is_lookup() {
            sql.push("r.id = ANY(ARRAY(");
            self.write_groups(sql);
            sql.push("))");
            return;
        }
        sql.push(
            "EXISTS (SELECT 1 FROM (SELECT member_id::text COLLATE \"C\" AS value, member_type AS type FROM membership \
             WHERE tenant_id = $1 AND group_id = r.id UNION ALL SELECT value, NULL FROM member_ref \
             WHERE tenant_id = $1 AND group_id = r.id) m WHERE ",
        );
        self.write(sql);
        sql.push(")");
    }

    /// The query for the groups of a member that an index leads to.
    pub(in crate::store) fn write_groups(&self, sql: &mut Sql) {
        let value = self.wanted().unwrap_or_default().to_owned();
        sql.push("SELECT m.group_id AS id FROM (");
        Self::write_wanted(&value, sql);
        sql.push(") m WHERE ");
        self.write(sql);
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
            Self::All(terms) => sql.list(terms, " AND ", Self::write),
            Self::Any(terms) => sql.list(terms, " OR ", Self::write),
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
            Self::Address(addresses, test) => sql.list(addresses, " OR ", |(name, base), sql| {
                sql.push("m.type = ");
                sql.bind(Param::Text(name.clone()));
                sql.push(" AND ");
                // The address is built in a subquery, since a test may use its value twice.
                sql.push("(SELECT ");
                test.write("a.value", sql);
                sql.push(" FROM (SELECT (");
                sql.bind(Param::Text(base.clone()));
                sql.push(" || m.value) COLLATE \"C\" AS value) a)");
            }),
        }
    }
}

/// The id whose canonical form this is.
pub(in crate::store) fn canonical(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}
