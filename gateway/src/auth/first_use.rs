//! Requests with the credentials of setup links: the first accepted one of each, and why the latest of a tenant was refused. Noted in
//! memory, and stored at once, off the request's path.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;
use uuid::Uuid;

use super::token::{Kind, Token};
use super::{Auth, Verified};
use crate::tenant::TenantId;

/// Links, and tenants, of which something is noted at once.
const MAX_NOTED: usize = 10_000;

/// The first use of a link's credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstUse {
    /// When.
    pub at: SystemTime,
    /// The name of the client that was recognised.
    pub recognised: Option<&'static str>,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: SystemTime,
    /// Why, for the customer's administrator.
    pub why: Cow<'static, str>,
}

/// What is not stored yet.
#[derive(Clone, Default)]
pub struct FirstUses {
    noted: Arc<Mutex<Noted>>,
    /// Wakes `work/first_use.rs`.
    pub changed: Arc<Notify>,
}

/// What was noted since it was last taken.
#[derive(Debug, Default)]
pub struct Noted {
    /// By the link.
    pub uses: HashMap<(TenantId, Uuid), FirstUse>,
    /// Of each tenant the latest.
    pub refusals: HashMap<TenantId, Refusal>,
}

impl FirstUses {
    fn note(&self, add: impl FnOnce(&mut Noted)) {
        add(&mut self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// How much is noted.
    #[must_use]
    pub fn count(&self) -> usize {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.uses.len() + noted.refusals.len()
    }

    /// Takes what is noted.
    #[must_use]
    pub fn take(&self) -> Noted {
        std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes again what could not be stored, unless there is something newer.
    pub fn put_back(&self, noted: Noted) {
        let mut now = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, first) in noted.uses {
            insert(&mut now.uses, key, |_| first);
        }
        for (key, refusal) in noted.refusals {
            insert(&mut now.refusals, key, |newer| newer.unwrap_or(refusal));
        }
    }
}

fn insert<K: Eq + Hash + Copy, V: Clone>(noted: &mut HashMap<K, V>, key: K, value: impl FnOnce(Option<V>) -> V) {
    let known = noted.get(&key).cloned();
    if known.is_some() || noted.len() < MAX_NOTED {
        noted.insert(key, value(known));
    }
}

impl Auth {
    /// Notes a request that was accepted, if its credential comes from a setup link.
    pub fn note_first_use(&self, verified: &Verified, recognised: Option<&'static str>) {
        if let Some(link) = verified.take_setup_link() {
            let first = FirstUse { at: self.clock.now(), recognised };
            self.first_uses
                .note(|noted| insert(&mut noted.uses, (verified.tenant, link), |known| known.unwrap_or(first)));
        }
    }

    /// Notes that a bearer token was refused, if it names a tenant.
    pub fn note_refused_token(&self, text: &str) {
        if let Some((kind, tenant)) = Token::named_by(text) {
            let why = match kind {
                Kind::Scim if Token::parse(text).is_none() => {
                    "its token is incomplete or mistyped. Copy it again, whole"
                }
                Kind::Scim => "its token is not accepted: it is another one, revoked or expired",
                Kind::Client => {
                    "it sent the client secret itself. Choose OAuth client credentials as the authentication method"
                }
                Kind::Directory | Kind::Operator | Kind::Setup => "it sent a secret that is for something else",
            };
            self.note_refused(tenant, why.into());
        }
    }

    /// Notes that an assertion was refused.
    pub(super) fn note_refused_assertion(&self, tenant: TenantId, why: &str) {
        self.note_refused(tenant, format!("the provider's assertion is not accepted: {why}").into());
    }

    /// Notes that a request of a tenant's client was refused. Tenants that do not exist are left out: everybody can name one.
    pub(super) fn note_refused(&self, tenant: TenantId, why: Cow<'static, str>) {
        if self.tenants.contains(tenant) {
            let refusal = Refusal { at: self.clock.now(), why };
            self.first_uses.note(|noted| insert(&mut noted.refusals, tenant, |_| refusal));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_stored_is_kept_unless_there_is_something_newer() {
        let uses = FirstUses::default();
        let tenant = TenantId(Uuid::from_u128(7));
        let refusal = |why: &'static str| Refusal { at: SystemTime::UNIX_EPOCH, why: why.into() };
        uses.note(|noted| insert(&mut noted.refusals, tenant, |_| refusal("first")));
        let taken = uses.take();
        assert!(uses.take().refusals.is_empty());
        uses.put_back(taken);
        let taken = uses.take();
        assert_eq!(taken.refusals[&tenant].why, "first");
        uses.note(|noted| insert(&mut noted.refusals, tenant, |_| refusal("second")));
        uses.put_back(taken);
        assert_eq!(uses.take().refusals[&tenant].why, "second");
    }

    #[test]
    fn no_more_is_noted_than_the_limit() {
        let mut noted = HashMap::new();
        for key in 0..=MAX_NOTED {
            insert(&mut noted, key, |_| 1);
        }
        assert_eq!(noted.len(), MAX_NOTED);
        insert(&mut noted, 0, |known| known.unwrap_or_default() + 1);
        assert_eq!(noted[&0], 2);
    }
}
