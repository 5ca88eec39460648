//! Builds a statement piece by piece: every value is a parameter with its type, never a part of the text.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::SystemTime;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// The texts of a statement whose parts depend on flags, each built when it is first used: of `N` texts for `F` flags, `N` is
/// two to the power of `F`.
pub(in crate::store) struct Variants<const N: usize = 8>([OnceLock<String>; N]);

impl<const N: usize> Variants<N> {
    pub(in crate::store) const fn new() -> Self {
        Self([const { OnceLock::new() }; N])
    }

    pub(in crate::store) fn get<const F: usize>(&self, flags: [bool; F], text: impl FnOnce() -> String) -> &str {
        const { assert!(N == 1 << F, "a text for every combination of flags") };
        let index = flags.iter().fold(0, |index, flag| index * 2 + usize::from(*flag));
        self.0[index].get_or_init(text)
    }
}

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Param {
    Id(Uuid),
    Text(String),
    Texts(Vec<String>),
    Time(SystemTime),
    Flag(bool),
    Number(i64),
}

impl Param {
    fn value(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Id(id) => (id, Type::UUID),
            Self::Text(text) => (text, Type::TEXT),
            Self::Texts(texts) => (texts, Type::TEXT_ARRAY),
            Self::Time(at) => (at, Type::TIMESTAMPTZ),
            Self::Flag(flag) => (flag, Type::BOOL),
            Self::Number(number) => (number, Type::INT8),
        }
    }
}

/// A statement being built.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Sql {
    pub(in crate::store) text: String,
    params: Vec<Param>,
}

impl Sql {
    /// A statement whose `$1` is the tenant, as in every statement of a tenant.
    pub(in crate::store) fn of(tenant: Uuid) -> Self {
        Self { text: String::new(), params: vec![Param::Id(tenant)] }
    }

    pub(in crate::store) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a parameter and writes its number with its type, which the server must not guess.
    pub(in crate::store) fn bind(&mut self, param: Param) {
        let (_, kind) = param.value();
        // Writing to a String cannot fail.
        let _ = match kind {
            Type::TEXT_ARRAY => write!(self.text, "${}::text[]", self.params.len() + 1),
            kind => write!(self.text, "${}::{}", self.params.len() + 1, kind.name()),
        };
        self.params.push(param);
    }

    /// Writes terms in parentheses, with `separator` between them.
    pub(in crate::store) fn list<T>(&mut self, terms: &[T], separator: &str, mut write: impl FnMut(&T, &mut Self)) {
        self.push("(");
        for (index, term) in terms.iter().enumerate() {
            if index > 0 {
                self.push(separator);
            }
            write(term, self);
        }
        self.push(")");
    }

    pub(in crate::store) fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.params.iter().map(Param::value).collect()
    }
}
