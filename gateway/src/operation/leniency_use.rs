//! Uses of leniencies, added up in memory until they are written: a request waits for none of it. What cannot be written
//! stays until it can.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use scimgate_scim::leniency::{Leniency, Warnings};

use crate::operation::{Context, Error, Gateway};
use crate::store::tenant::leniency_use::{OTHER_ATTRIBUTES, Use};
use crate::tenant::TenantId;

/// Attributes told apart for one tenant until the next writing; the others are counted together.
const ROOM: usize = 200;
/// Longest name of an attribute, in characters.
const LONGEST: usize = 200;

#[derive(Clone, Copy)]
struct Seen {
    uses: i64,
    first: SystemTime,
    last: SystemTime,
}

type Kept = HashMap<(Leniency, String), Seen>;

/// What was used and is not written yet.
#[derive(Clone, Default)]
pub struct LeniencyUses {
    kept: Arc<Mutex<HashMap<TenantId, Kept>>>,
    /// Held while something is written: who reads afterwards misses nothing that another is just writing.
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

    /// How often leniencies were used that is not written yet.
    #[must_use]
    pub fn waiting(&self) -> i64 {
        let all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().flat_map(HashMap::values).map(|seen| seen.uses).sum()
    }

    /// Whose uses wait to be written.
    fn tenants(&self) -> Vec<TenantId> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    fn take(&self, tenant: TenantId) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant).unwrap_or_default()
    }

    /// They could not be written: the next time they are tried again.
    fn give_back(&self, tenant: TenantId, kept: Kept) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = all.entry(tenant).or_default();
        for (key, seen) in kept {
            count(now, key, seen);
        }
    }
}

fn count(kept: &mut Kept, key: (Leniency, String), new: Seen) {
    let key = if kept.len() < ROOM || kept.contains_key(&key) { key } else { (key.0, OTHER_ATTRIBUTES.to_owned()) };
    let seen = kept.entry(key).or_insert(Seen { uses: 0, ..new });
    seen.uses += new.uses;
    seen.first = seen.first.min(new.first);
    seen.last = seen.last.max(new.last);
}

/// An attribute's name without what is no name: a value path says whose mail address it means, and so may a key that is
/// none.
fn shown(attribute: &str) -> String {
    let mut text = String::new();
    let mut depth = 0_usize;
    for letter in attribute.chars().take(LONGEST) {
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

impl Context {
    /// Takes note of what had to be tolerated.
    pub fn record_leniencies(&self, warnings: &Warnings) {
        if warnings.is_empty() {
            return;
        }
        for warning in warnings {
            tracing::debug!(tenant.id = %self.store.id(), leniency = %warning.leniency, "leniency used");
        }
        self.gateway.uses.add(self.store.id(), warnings, self.gateway.clock.now());
    }

    /// Takes note of one leniency that was used.
    pub fn record_leniency(&self, leniency: Leniency, attribute: &str) {
        let mut warnings = Warnings::default();
        warnings.add(leniency, attribute);
        self.record_leniencies(&warnings);
    }
}

/// Writes what waits of every tenant. One tenant's trouble is not the others'.
///
/// # Errors
/// The database is unavailable; what could not be written waits for the next time.
pub async fn write(gateway: &Gateway) -> Result<(), Error> {
    let mut outcome = Ok(());
    for tenant in gateway.uses.tenants() {
        if let Err(error) = write_of(gateway, tenant).await {
            outcome = Err(error);
        }
    }
    outcome
}

/// Writes what waits of one tenant.
///
/// # Errors
/// As [`write()`].
pub async fn write_of(gateway: &Gateway, tenant: TenantId) -> Result<(), Error> {
    let _alone = gateway.uses.writing.lock().await;
    let kept = gateway.uses.take(tenant);
    if kept.is_empty() {
        return Ok(());
    }
    // Given back by a caller that is dropped in the middle, too.
    let mut unwritten = Unwritten { uses: &gateway.uses, tenant, kept };
    let rows: Vec<Use> = unwritten
        .kept
        .iter()
        .map(|((leniency, attribute), seen)| Use {
            leniency: leniency.name().to_owned(),
            attribute: attribute.clone(),
            uses: seen.uses,
            first_at: seen.first,
            last_at: seen.last,
        })
        .collect();
    let written = gateway.store.tenant(tenant).add_uses(&rows).await?;
    unwritten.kept.clear();
    let is_new = |now: &&Use| {
        rows.iter().any(|row| (&row.leniency, &row.attribute, row.uses) == (&now.leniency, &now.attribute, now.uses))
    };
    for row in written.iter().filter(is_new) {
        tracing::info!(tenant.id = %tenant, leniency = %row.leniency, attribute = %row.attribute, "leniency used for the first time");
    }
    Ok(())
}

/// What is being written; whatever is left of it goes back.
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
    fn uses_are_added_up_and_none_is_lost_on_the_way() {
        let (uses, tenant) = (LeniencyUses::default(), TenantId(uuid::Uuid::nil()));
        uses.add(tenant, &warning("active"), at(1));
        uses.add(tenant, &warning("active"), at(3));
        let taken = uses.take(tenant);
        assert_eq!(uses.waiting(), 0);
        uses.add(tenant, &warning("active"), at(2));
        drop(Unwritten { uses: &uses, tenant, kept: taken });
        let seen = uses.take(tenant)[&(Leniency::StringBoolean, "active".to_owned())];
        assert_eq!((seen.uses, seen.first, seen.last), (3, at(1), at(3)));
    }

    #[test]
    fn names_that_a_client_makes_up_are_counted_together() {
        let (uses, tenant) = (LeniencyUses::default(), TenantId(uuid::Uuid::nil()));
        for number in 0..ROOM + 50 {
            uses.add(tenant, &warning(&number.to_string()), at(1));
        }
        assert_eq!(uses.waiting(), 250);
        let kept = uses.take(tenant);
        assert_eq!(kept.len(), ROOM + 1);
        assert_eq!(kept[&(Leniency::StringBoolean, OTHER_ATTRIBUTES.to_owned())].uses, 50);
    }

    #[test]
    fn a_name_tells_nothing_of_a_value() {
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
        assert_eq!(shown(&"x".repeat(1000)).len(), LONGEST);
    }
}
