//! The net effect of a PATCH on the values outside the document (a group's members). A group may have a hundred thousand
//! members, so they are not read: the operations are combined into one delta that the store applies.

use std::collections::HashMap;

use crate::error::{ScimError, ScimType};
use crate::filter::{Comparison, ElementFilter, Filter, Literal, Operator};
use crate::member::Member;

/// The net effect of all operations on the members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberDelta {
    /// Whether `add` replaces all present members.
    pub replace_all: bool,
    /// The members to add in the order of the request, without duplicates.
    pub add: Vec<Member>,
    /// The ids to remove; empty if `replace_all`.
    pub remove: Vec<String>,
}

impl MemberDelta {
    /// Whether the members do not change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.replace_all && self.add.is_empty() && self.remove.is_empty()
    }
}

/// Combines operations. The last one on an id wins.
#[derive(Debug, Default)]
pub(super) struct DeltaBuilder {
    replace_all: bool,
    entries: Vec<(String, Option<Member>)>,
    index: HashMap<String, usize>,
}

impl DeltaBuilder {
    pub(super) fn add(&mut self, members: Vec<Member>) {
        for member in members {
            self.set(member.value.clone(), Some(member));
        }
    }

    /// RFC 7644 §3.5.2.2 defines no error for a value that is absent.
    pub(super) fn remove(&mut self, members: Vec<Member>) {
        for member in members {
            self.set(member.value, None);
        }
    }

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

    /// Records whether `id` is a member. An id keeps its first position.
    fn set(&mut self, id: String, member: Option<Member>) {
        if let Some(entry) = self.index.get(&id).and_then(|index| self.entries.get_mut(*index)) {
            entry.1 = member;
        } else {
            self.index.insert(id.clone(), self.entries.len());
            self.entries.push((id, member));
        }
    }
}

/// The members that an element filter names: `value eq "…"`, or several such terms joined by `or`. Any other filter would
/// need all members to be read.
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
