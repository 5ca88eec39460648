//! Converts a comparison value to the type of its attribute.

use serde_json::Number;

use super::{Literal, Operator};
use crate::attribute::{Attribute, Type};
use crate::instant;
use crate::leniency::Leniency;

/// A comparison value before its attribute's type is considered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RawLiteral<'t> {
    Text(String),
    /// Without quotes, and neither true, false nor null.
    Bare(&'t str),
    Boolean(bool, &'t str),
    Null,
}

impl<'t> RawLiteral<'t> {
    /// RFC 7644 §3.4.2.2: JSON literals, in any case like the grammar's other keywords.
    pub(super) fn from_word(word: &'t str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "true" => Self::Boolean(true, word),
            "false" => Self::Boolean(false, word),
            "null" => Self::Null,
            _ => Self::Bare(word),
        }
    }

    /// The literal in the attribute's type and the leniency that it needed. The error says what is expected.
    pub(super) fn convert(self, attribute: &Attribute) -> Result<(Literal, Option<Leniency>), &'static str> {
        match attribute.kind {
            Type::Boolean => self.boolean(),
            Type::Integer | Type::Decimal => self.number(),
            Type::String | Type::Reference | Type::Binary | Type::DateTime => self.text(),
            Type::Complex => Err("one of its sub-attributes"),
        }
    }

    fn boolean(self) -> Result<(Literal, Option<Leniency>), &'static str> {
        match self {
            Self::Boolean(flag, _) => Ok((Literal::Boolean(flag), None)),
            // Entra ID: roles[primary eq "True"].
            Self::Text(text) if text.eq_ignore_ascii_case("true") => {
                Ok((Literal::Boolean(true), Some(Leniency::StringBoolean)))
            }
            Self::Text(text) if text.eq_ignore_ascii_case("false") => {
                Ok((Literal::Boolean(false), Some(Leniency::StringBoolean)))
            }
            _ => Err("true or false"),
        }
    }

    fn number(self) -> Result<(Literal, Option<Leniency>), &'static str> {
        let (text, leniency) = match &self {
            Self::Bare(word) => (*word, None),
            Self::Text(text) => (text.as_str(), Some(Leniency::StringNumber)),
            _ => return Err("a number"),
        };
        let number: Number = serde_json::from_str(text).map_err(|_| "a number")?;
        Ok((Literal::Number(number), leniency))
    }

    fn text(self) -> Result<(Literal, Option<Leniency>), &'static str> {
        let bare = |word: &str| {
            // Compared with its quotes, the value would match nothing, and the client would create duplicates.
            if word.starts_with(['\'', '‘', '’', '“', '”', '„', '«', '`']) || is_keyword(word) {
                return Err("a value in double quotes (\")");
            }
            Ok((Literal::String(word.to_owned()), Some(Leniency::UnquotedFilterValue)))
        };
        match self {
            Self::Text(text) => Ok((Literal::String(text), None)),
            Self::Bare(word) | Self::Boolean(_, word) => bare(word),
            Self::Null => Err("a value in double quotes (\")"),
        }
    }
}

/// A truncated filter would otherwise be compared with these: `userName eq and active eq true`.
fn is_keyword(word: &str) -> bool {
    ["and", "or", "not"].iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// The problem with using `operator` on `attribute`, if any.
pub(super) fn operator_problem(operator: Operator, attribute: &Attribute, value: &Literal) -> Option<String> {
    use Operator::{Contains, EndsWith, Equal, NotEqual, StartsWith};
    let name = &attribute.name;
    let word = operator.name();
    match attribute.kind {
        // RFC 7644 table 3, gt, ge, lt, le: "Boolean and Binary attributes SHALL cause a failed response (HTTP status
        // code 400) with "scimType" of "invalidFilter"."
        Type::Boolean if !matches!(operator, Equal | NotEqual) => {
            Some(format!("{name} is a boolean, which {word} cannot compare; use eq or ne"))
        }
        Type::Binary if operator.is_order() => {
            Some(format!("{name} is binary, which {word} cannot compare; use eq or ne"))
        }
        Type::Integer | Type::Decimal if matches!(operator, Contains | StartsWith | EndsWith) => {
            Some(format!("{name} is a number, which {word} cannot compare; use eq, ne, gt, ge, lt or le"))
        }
        // Parts of a date can be matched as text (meta.created sw "2026-03"); a comparison needs a point in time.
        Type::DateTime if !matches!(operator, Contains | StartsWith | EndsWith) => match value {
            Literal::String(text) if instant::parse(text).is_some() => None,
            _ => Some(format!("{name} must be compared with a date and a time such as \"2026-01-31T09:30:00Z\"")),
        },
        _ => None,
    }
}
