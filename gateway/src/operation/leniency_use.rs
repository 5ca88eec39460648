//! Uses of leniencies, counted in memory until they are written, off the request's path. What cannot be written stays.

pub mod flush;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use scimgate_scim::leniency::{Leniency, Warnings};

use crate::store::tenant::leniency_use::OTHER_ATTRIBUTES;
use crate::tenant::TenantId;

/// Attributes that are counted apart for one tenant between two flushes; the others are counted together.
const MAX_ATTRIBUTES: usize = 200;
/// Longest name of an attribute.
const MAX_NAME_CHARS: usize = 200;

#[derive(Clone, Copy)]
struct Seen {
    uses: i64,
    first: SystemTime,
    last: SystemTime,
}

type Kept = HashMap<(Leniency, String), Seen>;

/// Uses that are not written yet.
#[derive(Clone, Default)]
pub struct LeniencyUses {
    kept: Arc<Mutex<HashMap<TenantId, Kept>>>,
    /// Held during a flush, so that a reader who takes it reads everything that was being written.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl LeniencyUses {
    /// Counts the warnings of a request.
    pub fn add(&self, tenant: TenantId, warnings: &Warnings, now: SystemTime) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.entry(tenant).or_default();
        for warning in warnings {
            count(kept, (warning.leniency, shown(&warning.attribute)), Seen { uses: 1, first: now, last: now });
        }
    }

    /// How many uses are not written yet.
    #[must_use]
    pub fn unwritten(&self) -> i64 {
        let all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().flat_map(HashMap::values).map(|seen| seen.uses).sum()
    }

    /// How many tenants have unwritten uses.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Tenants with unwritten uses.
    fn tenants(&self) -> Vec<TenantId> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    fn take(&self, tenant: TenantId) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant).unwrap_or_default()
    }

    /// Puts uses back that could not be written.
    fn give_back(&self, tenant: TenantId, kept: Kept) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = all.entry(tenant).or_default();
        for (key, seen) in kept {
            count(now, key, seen);
        }
    }
}

/// Uses being written; on drop, those that are left are put back.
struct Unwritten<'a> {
    uses: &'a LeniencyUses,
    tenant: TenantId,
    kept: Kept,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        if !self.kept.is_empty() {
            self.uses.give_back(self.tenant, std::mem::take(&mut self.kept));
        }
    }
}

fn count(kept: &mut Kept, key: (Leniency, String), new: Seen) {
    let key =
        if kept.len() < MAX_ATTRIBUTES || kept.contains_key(&key) { key } else { (key.0, OTHER_ATTRIBUTES.to_owned()) };
    let seen = kept.entry(key).or_insert(Seen { uses: 0, ..new });
    seen.uses += new.uses;
    seen.first = seen.first.min(new.first);
    seen.last = seen.last.max(new.last);
}

/// An attribute's name without anything that may be personal data: a value path may hold a mail address, and so may an invalid
/// name.
fn shown(attribute: &str) -> String {
    let mut text = String::new();
    let mut depth = 0_usize;
    for letter in attribute.chars().take(MAX_NAME_CHARS) {
        match letter {
            '[' => {
                if depth == 0 {
                    text.push_str("[…]");
                }
                depth += 1;
            }
            ']' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            letter if letter.is_alphanumeric() || "$-_.:/#%".contains(letter) => text.push(letter),
            _ => {
                text.push('…');
                break;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn warning(attribute: &str) -> Warnings {
        let mut warnings = Warnings::default();
        warnings.add(Leniency::StringBoolean, attribute);
        warnings
    }

    #[test]
    fn uses_are_added_up_and_none_is_lost() {
        let (uses, tenant) = (LeniencyUses::default(), TenantId(uuid::Uuid::nil()));
        uses.add(tenant, &warning("active"), at(1));
        uses.add(tenant, &warning("active"), at(3));
        let taken = uses.take(tenant);
        assert_eq!(uses.unwritten(), 0);
        uses.add(tenant, &warning("active"), at(2));
        drop(Unwritten { uses: &uses, tenant, kept: taken });
        let seen = uses.take(tenant)[&(Leniency::StringBoolean, "active".to_owned())];
        assert_eq!((seen.uses, seen.first, seen.last), (3, at(1), at(3)));
    }

    #[test]
    fn surplus_names_are_counted_together() {
        let (uses, tenant) = (LeniencyUses::default(), TenantId(uuid::Uuid::nil()));
        for number in 0..MAX_ATTRIBUTES + 50 {
            uses.add(tenant, &warning(&number.to_string()), at(1));
        }
        assert_eq!(uses.unwritten(), 250);
        let kept = uses.take(tenant);
        assert_eq!(kept.len(), MAX_ATTRIBUTES + 1);
        assert_eq!(kept[&(Leniency::StringBoolean, OTHER_ATTRIBUTES.to_owned())].uses, 50);
    }

    #[test]
    fn a_name_reveals_no_value() {
        for (attribute, expected) in [
            ("emails[value eq \"ada@corp.test\"].type", "emails[…].type"),
            ("foos[value eq ada@corp.test].x", "foos[…].x"),
            ("foos[a[b] eq 'ada'].x", "foos[…].x"),
            ("foos[value eq ada", "foos[…]"),
            ("a\"b\"c", "a…"),
            ("ada@corp.test", "ada…"),
            ("name\n.givenName", "name…"),
            ("urn:example:2.0:User:größe", "urn:example:2.0:User:größe"),
        ] {
            assert_eq!(shown(attribute), expected);
        }
        assert_eq!(shown(&"x".repeat(1000)).len(), MAX_NAME_CHARS);
    }
}
