//! A tenant's guard against mass deprovisioning, as its writes need it.

use std::sync::Arc;

use scimgate_scim::effort::Effort;
use scimgate_scim::filter::Filter;
use scimgate_scim::schema::registry::Registry;
use serde_json::{Map, Value};

use crate::store::guard::{Allowance, GuardRow};

/// A tenant's guard.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// What may be removed within an hour; none: everything.
    pub(in crate::operation) limits: Option<Limits>,
    /// Who is never removed without an operator.
    protected: Option<Protected>,
}

/// What may pass within an hour.
#[derive(Clone, Copy, Debug)]
pub(in crate::operation) struct Limits {
    users: i64,
    members: i64,
    percent: i64,
}

impl Limits {
    pub(in crate::operation) fn of_users(self) -> Allowance {
        Allowance { number: self.users, percent: self.percent }
    }

    pub(in crate::operation) fn of_members(self) -> Allowance {
        Allowance { number: self.members, percent: self.percent }
    }
}

#[derive(Clone, Debug)]
enum Protected {
    Matching(Arc<Filter>),
    /// The filter names an attribute that no schema defines any more.
    Unreadable,
}

impl Guard {
    /// The guard of a tenant's row.
    #[must_use]
    pub fn of(row: &GuardRow, registry: &Registry) -> Self {
        let number = |number: Option<i32>| i64::from(number.unwrap_or_default());
        let limits = row.users.map(|users| Limits {
            users: i64::from(users),
            members: number(row.members),
            percent: number(row.percent),
        });
        let protected = row.protected.as_deref().map(|text| {
            let filter = registry.resource_type("User").and_then(|user| Filter::parse(text, user).ok());
            filter.map_or(Protected::Unreadable, |filter| Protected::Matching(Arc::new(filter)))
        });
        Self { limits, protected }
    }

    /// Whether a removal may be held.
    pub(in crate::operation) fn may_hold(&self) -> bool {
        self.limits.is_some() || self.protected.is_some()
    }

    /// Whether a user must not be removed. A filter that cannot be evaluated protects everybody.
    pub(in crate::operation) fn protects(&self, document: &Map<String, Value>) -> bool {
        match &self.protected {
            None => false,
            Some(Protected::Unreadable) => true,
            Some(Protected::Matching(filter)) => {
                filter.prepare().matches_within(document, &|_| None, &mut Effort::patch()).unwrap_or(true)
            }
        }
    }
}
