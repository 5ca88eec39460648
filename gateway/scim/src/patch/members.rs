//! The net effect of a PATCH on the values kept outside the document (a group's members).
//! A group may have a hundred thousand members, so they are never read to be changed: the operations are
//! folded into one difference that the store carries out.

use std::collections::HashMap;

use crate::error::{ScimError, ScimType};
use crate::filter::{Comparison, ElementFilter, Filter, Literal, Operator};
use crate::member::Member;

/// What a PATCH does to the members, all operations taken together and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberDelta {
    /// All present members go first; `add` is then the whole set.
    pub replace_all: bool,
    /// To be members afterwards, each id once, in the order of the request.
    pub add: Vec<Member>,
    /// Ids that are no members afterwards; empty when `replace_all`.
    pub remove: Vec<String>,
}

impl MemberDelta {
    /// Whether no member is touched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.replace_all && self.add.is_empty() && self.remove.is_empty()
    }
}

/// Folds operations; the last word on an id counts.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    replace_all: bool,
    entries: Vec<(String, Option<Member>)>,
    place: HashMap<String, usize>,
}

impl Ledger {
    /// The values are members from here on. An id that is there already is named once, and its place is kept.
    pub(super) fn add(&mut self, members: Vec<Member>) {
        for member in members {
            self.note(member.value.clone(), Some(member));
        }
    }

    /// The values are no members from here on. RFC 7644 §3.5.2.2 knows no error for a value that is not there.
    pub(super) fn remove(&mut self, members: Vec<Member>) {
        for member in members {
            self.note(member.value, None);
        }
    }

    /// The values are the only members from here on.
    pub(super) fn replace(&mut self, members: Vec<Member>) {
        *self = Self { replace_all: true, ..Self::default() };
        self.add(members);
    }

    pub(super) fn finish(self) -> MemberDelta {
        let mut delta = MemberDelta { replace_all: self.replace_all, ..MemberDelta::default() };
        for (id, member) in self.entries {
            match member {
                Some(member) => delta.add.push(member),
                None if self.replace_all => {}
                None => delta.remove.push(id),
            }
        }
        delta
    }

    fn note(&mut self, id: String, member: Option<Member>) {
        if let Some(entry) = self.place.get(&id).and_then(|place| self.entries.get_mut(*place)) {
            entry.1 = member;
        } else {
            self.place.insert(id.clone(), self.entries.len());
            self.entries.push((id, member));
        }
    }
}

/// The members an element filter names, if it is nothing but `value eq "…"`, once or several times joined by `or`: any
/// other question would need every member to be read.
pub(super) fn selected(element: &ElementFilter, attribute: &str) -> Result<Vec<Member>, ScimError> {
    let terms = match element.filter() {
        Filter::Or(terms) => terms.as_slice(),
        only => std::slice::from_ref(only),
    };
    let id = |term: &Filter| match term {
        Filter::Compare(Comparison { attribute, operator: Operator::Equal, value: Literal::String(id) })
            if attribute.sub.as_ref().is_some_and(|sub| sub.name == "value") =>
        {
            Some(Member::new(id.as_str()))
        }
        _ => None,
    };
    terms.iter().map(id).collect::<Option<_>>().ok_or_else(|| {
        ScimError::bad_request(
            ScimType::InvalidFilter,
            format!("Select {attribute} by value: {attribute}[value eq \"<id>\"], or several such terms joined by or."),
        )
    })
}
