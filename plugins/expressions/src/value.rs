//! The values of expressions. Everything has a text form; a value may be absent, single, or a list.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::date::Date;

/// The value of an attribute, an argument or a whole expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Absent,
    /// A text, or a number that is not a 64-bit integer.
    Text(String),
    /// An integer.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A moment in UTC.
    Date(Date),
    /// Several values.
    List(Vec<Value>),
    /// A complex SCIM value.
    Complex(serde_json::Map<String, Json>),
}

/// The sub-attributes that give a complex value its text.
const TEXT_OF_COMPLEX: [&str; 3] = ["value", "display", "displayName"];

impl Value {
    /// A JSON value as an expression reads it.
    #[must_use]
    pub fn from_json(json: Json) -> Self {
        match json {
            Json::Null => Self::Absent,
            Json::Bool(it) => Self::Boolean(it),
            Json::Number(number) => number.as_i64().map_or_else(|| Self::Text(number.to_string()), Self::Integer),
            Json::String(text) => Self::Text(text),
            Json::Array(elements) => Self::List(elements.into_iter().map(Self::from_json).collect()),
            Json::Object(members) => Self::Complex(members),
        }
    }

    /// The value as JSON; dates are given by their text form, absent values as null.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Absent => Json::Null,
            Self::Text(text) => Json::String(text.clone()),
            Self::Integer(number) => Json::from(*number),
            Self::Boolean(it) => Json::Bool(*it),
            Self::Date(date) => Json::String(date.to_string()),
            Self::List(values) => Json::Array(values.iter().map(Self::to_json).collect()),
            Self::Complex(members) => Json::Object(members.clone()),
        }
    }

    /// The text form of a single value: none of an absent one, and none of several values.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Absent => None,
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Integer(number) => Some(Cow::Owned(number.to_string())),
            Self::Boolean(it) => Some(Cow::Borrowed(if *it { "True" } else { "False" })),
            Self::Date(date) => Some(Cow::Owned(date.to_string())),
            Self::List(values) => match values.as_slice() {
                [single] => single.text(),
                _ => None,
            },
            Self::Complex(members) => {
                let found = TEXT_OF_COMPLEX.iter().find_map(|name| members.get(*name));
                found.and_then(|value| Self::from_json(value.clone()).text().map(|text| Cow::Owned(text.into_owned())))
            }
        }
    }

    /// Whether there is no value: absent, or an empty list.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::List(values) => values.iter().all(Self::is_absent),
            _ => false,
        }
    }

    /// Whether there is no value or an empty text.
    #[must_use]
    pub fn is_absent_or_empty(&self) -> bool {
        self.is_absent() || matches!(self, Self::Text(text) if text.is_empty())
    }

    /// The single values: of a list its elements, of an absent value nothing.
    #[must_use]
    pub fn values(&self) -> &[Self] {
        match self {
            Self::Absent => &[],
            Self::List(values) => values,
            single => std::slice::from_ref(single),
        }
    }

    /// The value as a whole number, also of a text such as `"12"`.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            other => other.text()?.trim().parse().ok(),
        }
    }

    /// The value as a number that can be compared.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Boolean(_) | Self::Date(_) => None,
            other => {
                let text = other.text()?;
                let text = text.trim();
                // Rust also reads `inf`, `nan` and `1e5`, which are texts here.
                let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
                plain.then(|| text.parse().ok()).flatten()
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(it: bool) -> Self {
        Self::Boolean(it)
    }
}
