//! What identifies a tenant: the id that every store call carries, and the name in its addresses.

pub mod in_use;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

/// Longest name of a tenant in bytes: it is part of a host name and of every address of the tenant.
pub const MAX_NAME_BYTES: usize = 40;

/// Whether a text can be a tenant's name: lower-case letters (a-z), digits and hyphens, with no hyphen at either end.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    plain && !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.starts_with('-') && !text.ends_with('-')
}

/// A tenant's id. Everything the tenant owns is keyed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub Uuid);

impl TenantId {
    /// When the tenant was created, as its id says.
    #[must_use]
    pub fn created_at(self) -> Option<SystemTime> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TenantId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_is_what_can_stand_in_an_address() {
        for name in ["a", "7", "acme", "acme-eu-1", &"a".repeat(40)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-", "-acme", "acme-", "Acme", "acme.eu", "ac me", "ac\0me", "äcme", &"a".repeat(41)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
