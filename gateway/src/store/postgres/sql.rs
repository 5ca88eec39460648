//! Puts a statement together piece by piece: every value is a parameter with its type, never a part of the text.

use std::fmt::Write as _;
use std::time::SystemTime;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Param {
    Id(Uuid),
    Text(String),
    Texts(Vec<String>),
    Moment(SystemTime),
    Flag(bool),
    Number(i64),
}

impl Param {
    fn value(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Id(id) => (id, Type::UUID),
            Self::Text(text) => (text, Type::TEXT),
            Self::Texts(texts) => (texts, Type::TEXT_ARRAY),
            Self::Moment(at) => (at, Type::TIMESTAMPTZ),
            Self::Flag(flag) => (flag, Type::BOOL),
            Self::Number(number) => (number, Type::INT8),
        }
    }
}

/// A statement in the making.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Sql {
    pub(in crate::store) text: String,
    params: Vec<Param>,
}

impl Sql {
    /// A statement whose `$1` is the tenant, as every statement of a tenant has it.
    pub(in crate::store) fn of(tenant: Uuid) -> Self {
        Self { text: String::new(), params: vec![Param::Id(tenant)] }
    }

    pub(in crate::store) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Writes the number of a new parameter. The type is written, too: what is compared must not be guessed.
    pub(in crate::store) fn bind(&mut self, param: Param) {
        let (_, kind) = param.value();
        // Writing to a String cannot fail.
        let _ = match kind {
            Type::TEXT_ARRAY => write!(self.text, "${}::text[]", self.params.len() + 1),
            kind => write!(self.text, "${}::{}", self.params.len() + 1, kind.name()),
        };
        self.params.push(param);
    }

    pub(in crate::store) fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.params.iter().map(Param::value).collect()
    }
}
