//! A test on one value, and how it is written as SQL.

use crate::store::postgres::sql::{Param, Sql};
use crate::store::resource::key::MAX_WHOLE_BYTES;

/// What is required of one value.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Test {
    /// It exists.
    Any,
    /// It exists and is not empty.
    Filled,
    Equal(Param),
    Differs(Param),
    /// It has this prefix: written as a range, since behind row-level security only a range uses an index.
    Starts(String),
    /// It contains this, or it is truncated and may.
    MayContain(String),
    /// It ends with this, or it is truncated and may.
    MayEnd(String),
    /// For values that are never truncated.
    Contains(String),
    Ends(String),
    Order(&'static str, Param),
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
                sql.push(&format!("(octet_length({value}) > {MAX_WHOLE_BYTES} OR "));
                Self::Contains(part.clone()).write(value, sql);
                sql.push(")");
            }
            Self::MayEnd(part) => {
                sql.push(&format!("(octet_length({value}) > {MAX_WHOLE_BYTES} OR "));
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

/// The least text greater than every text with this prefix, in code point order; none where there is no greater one.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut rest: Vec<char> = prefix.chars().collect();
    while let Some(last) = rest.pop() {
        // Skips the surrogates, which are not characters.
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
    fn the_end_of_a_prefix_range_follows_every_text_with_the_prefix() {
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
}
