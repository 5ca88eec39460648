//! What is wrong with a tenant's provider, in plain sentences, and the health that follows. Nothing is found by a guess: a provider that
//! sends only when something changes is not silent, and a tenant that was never connected is not ill.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::seen::{CycleKind, Seen};
use crate::clock::for_people;
use crate::store::health::traffic::{Count, Counts};
use crate::store::health::{Credential, MAX_COUNTED, Unseen};

/// Failures within an hour from which on a provider is failing …
const MIN_FAILURES: i64 = 5;
/// … if they are so many per cent of what it tried to write, and until they are fewer than that.
const FAILING_PERCENT: i64 = 20;
const RECOVERED_PERCENT: i64 = 10;
/// Refused credentials within an hour from which on they are worth a word.
const MIN_REFUSED: i64 = 3;
/// What is not repeated for so long is over.
const OVER_AFTER: Duration = Duration::from_hours(25);
/// A tested connection without any work is worth a word after this time.
const NOT_STARTED_AFTER: Duration = Duration::from_hours(24);
/// A credential was replaced by another one, if the provider was accepted so long after its last use; that is noted to the minute.
const REPLACED_AFTER: Duration = Duration::from_hours(1);
/// A credential with less life than this should be replaced.
const EXPIRES_SOON: Duration = Duration::from_hours(24 * 30);
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The health of a tenant. The greatest is listed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// An operator has suspended it.
    Suspended,
    /// No provider has ever sent anything.
    NotConnected,
    /// Nothing is wrong.
    Healthy,
    /// What providers send is not recorded, and nothing else is wrong.
    Unknown,
    /// It works, and somebody should do something.
    Attention,
    /// It does not work.
    Unhealthy,
}

impl Health {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Suspended, Self::NotConnected, Self::Healthy, Self::Unknown, Self::Attention, Self::Unhealthy];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::NotConnected => "not-connected",
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Attention => "attention",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// By which tenants are listed.
    #[must_use]
    pub fn rank(self) -> i16 {
        self as i16
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub code: Code,
    /// What is so.
    pub what: String,
    /// What to do; `TENANT` stands for the tenant's name.
    pub remedy: String,
}

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The provider's credential is not accepted.
    CredentialRefused,
    /// The credential that the provider used last has expired.
    CredentialExpired,
    /// Much of what it sends fails.
    Failing,
    /// It has a rhythm, and sends nothing any more.
    Silent,
    /// It has a rhythm, and now only tests the connection, seldom.
    ProbesOnly,
    /// It tested the connection, and never sent anything.
    NotStarted,
    /// The credential that it uses expires soon.
    CredentialExpires,
    /// The guard holds removals.
    RemovalsHeld,
    /// The mapping fails for resources.
    NotMapped,
}

impl Code {
    /// The word in the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CredentialRefused => "credential-refused",
            Self::CredentialExpired => "credential-expired",
            Self::Failing => "failing",
            Self::Silent => "silent",
            Self::ProbesOnly => "probes-only",
            Self::NotStarted => "not-started",
            Self::CredentialExpires => "credential-expires",
            Self::RemovalsHeld => "removals-held",
            Self::NotMapped => "not-mapped",
        }
    }

    /// The health of a tenant of which this was found.
    #[must_use]
    pub fn health(self) -> Health {
        if self <= Self::ProbesOnly { Health::Unhealthy } else { Health::Attention }
    }

    /// What to do about it.
    fn remedy(self) -> &'static str {
        match self {
            Self::CredentialRefused => {
                "Issue a new token (scimgate token issue) and have it entered at the provider; check that the tenant in its URL is the token's."
            }
            Self::CredentialExpired => {
                "Issue a new token or client secret and have it entered at the provider; revoke the old one if the tenant is not in use any more."
            }
            Self::Failing => {
                "Look at the failures and their causes with scimgate log TENANT --status failed: each says what to change at the provider."
            }
            Self::Silent => {
                "Look at the provider's job: it is stopped, in quarantine, or cannot reach the gateway. If the tenant is not in use any more, suspend or delete it."
            }
            Self::ProbesOnly => {
                "Look at the provider's job: in Entra ID, Provisioning shows whether it is in quarantine, and why. Correct that, and restart the job."
            }
            Self::NotStarted => {
                "Have provisioning started at the provider, and users and groups assigned; in Entra ID, Start provisioning."
            }
            Self::CredentialExpires => {
                "Rotate it ahead (scimgate token rotate, scimgate oauth-client secret add), and have the new one entered at the provider."
            }
            Self::RemovalsHeld => "Look at them with scimgate held list, and release or reject them.",
            Self::NotMapped => {
                "See why with scimgate explain TENANT --state stale, or never; correct the mapping or the data at the provider."
            }
        }
    }
}

/// By what a tenant's health is decided.
#[derive(Clone, Debug)]
pub struct Facts<'f> {
    /// Now.
    pub now: SystemTime,
    /// Whether the tenant is suspended.
    pub is_suspended: bool,
    /// Its traffic; none where it is not recorded.
    pub seen: Option<&'f Seen>,
    /// What it sent within the last hour.
    pub hour: Counts,
    /// Its credentials.
    pub credentials: &'f [Credential],
    /// What the product does not see.
    pub unseen: Unseen,
    /// What was found before.
    pub before: &'f [String],
}

/// What is found, the worst first, and the health.
#[must_use]
pub fn decide(facts: &Facts<'_>) -> (Health, Vec<Finding>) {
    if facts.is_suspended {
        return (Health::Suspended, Vec::new());
    }
    let mut found = Vec::new();
    let mut add = |code: Code, what: Option<String>| {
        found.extend(what.map(|what| Finding { code, what, remedy: code.remedy().to_owned() }));
    };
    if let Some(seen) = facts.seen {
        add(Code::CredentialRefused, facts.credential_refused(seen));
        add(Code::Failing, facts.failing(seen));
        add(Code::Silent, facts.silent(seen));
        add(Code::ProbesOnly, facts.probes_only(seen));
        add(Code::NotStarted, facts.not_started(seen));
    }
    let (expired, expires) = facts.expiry();
    add(Code::CredentialExpired, expired);
    add(Code::CredentialExpires, expires);
    add(Code::RemovalsHeld, facts.removals_held());
    add(Code::NotMapped, facts.not_mapped());
    found.sort_by_key(|finding| finding.code);
    let worst = found.first().map(|finding| finding.code.health());
    let is_connected = facts.seen.is_some_and(|seen| seen.first_at().is_some())
        || facts.credentials.iter().any(|credential| credential.last_used_at.is_some());
    let otherwise = match (facts.seen, is_connected) {
        (None, _) => Health::Unknown,
        (Some(_), true) => Health::Healthy,
        (Some(_), false) => Health::NotConnected,
    };
    (worst.unwrap_or(otherwise), found)
}

/// What is announced of a change: none where neither the health nor, of an unhealthy tenant, a reason is another one. Of a tenant that is
/// looked at for the first time, only that it is unhealthy.
#[must_use]
pub fn is_news(before: Option<(&str, &[String])>, health: Health, found: &[Finding]) -> bool {
    let Some((state, codes)) = before else { return health == Health::Unhealthy };
    let is_reason = |code: &Code| code.health() == Health::Unhealthy;
    let reasons: BTreeSet<&str> = found.iter().map(|finding| finding.code).filter(is_reason).map(Code::word).collect();
    let known: BTreeSet<&str> = codes.iter().map(String::as_str).filter(|code| ALL_REASONS.contains(code)).collect();
    state != health.word() || health == Health::Unhealthy && reasons != known
}

/// The words of what makes a tenant unhealthy.
const ALL_REASONS: [&str; 5] = ["credential-refused", "credential-expired", "failing", "silent", "probes-only"];

impl Facts<'_> {
    fn was(&self, code: Code) -> bool {
        self.before.iter().any(|known| known == code.word())
    }

    fn is_older(&self, at: SystemTime, age: Duration) -> bool {
        self.now.duration_since(at).is_ok_and(|since| since >= age)
    }

    /// Anybody can name the tenant with a wrong secret: while its own provider is accepted that says nothing.
    fn credential_refused(&self, seen: &Seen) -> Option<String> {
        let refused = self.hour.get(Count::Refused);
        let accepted = seen.last_at()?;
        let last = seen.last_refused_at()?;
        let begins = refused >= MIN_REFUSED && self.hour.get(Count::Requests) == 0;
        let goes_on = self.was(Code::CredentialRefused) && accepted < last && !self.is_older(last, OVER_AFTER);
        (begins || goes_on).then(|| {
            format!(
                "Requests come with a credential that is not accepted, {refused} in the last hour. The last accepted one came at {}.",
                for_people(accepted)
            )
        })
    }

    fn failing(&self, seen: &Seen) -> Option<String> {
        let (failed, written) = (self.hour.get(Count::Failed), self.hour.writes());
        let percent = failed * 100 / (failed + written).max(1);
        let begins = failed >= MIN_FAILURES && percent >= FAILING_PERCENT;
        // While a provider sends nothing, whether it would fail is not known.
        let has_recovered = written > 0 && percent < RECOVERED_PERCENT;
        let is_over = seen.last_failed_at().is_none_or(|last| self.is_older(last, OVER_AFTER));
        let goes_on = self.was(Code::Failing) && !has_recovered && !is_over;
        (begins || goes_on).then(|| {
            format!("In the last hour {failed} requests failed, and {written} writes succeeded: {percent} % failed.")
        })
    }

    fn silent(&self, seen: &Seen) -> Option<String> {
        let (last, limit) = (seen.last_at()?, seen.silence_limit()?);
        self.is_older(last, limit).then(|| {
            format!(
                "The provider has sent nothing since {}. Before that its longest pause within 14 days was {}.",
                for_people(last),
                span(seen.longest_pause())
            )
        })
    }

    fn probes_only(&self, seen: &Seen) -> Option<String> {
        let slowed = seen.slowed_at()?;
        let is_probe = seen.cycle(self.now)?.kind == CycleKind::Probe;
        (is_probe && self.silent(seen).is_none()).then(|| {
            format!(
                "Since {} the provider has only tested its connection, and more seldom than before. Providers do that while their job is in quarantine.",
                for_people(slowed)
            )
        })
    }

    fn not_started(&self, seen: &Seen) -> Option<String> {
        let first = seen.first_at()?;
        (seen.cycles() == 0 && self.is_older(first, NOT_STARTED_AFTER))
            .then(|| format!("The connection was tested at {}, and nothing has been provisioned.", for_people(first)))
    }

    /// The credential that has expired, and the one that soon will: of those that nobody uses, neither is worth a word.
    fn expiry(&self) -> (Option<String>, Option<String>) {
        let used = self.credentials.iter().filter(|it| it.last_used_at.is_some()).max_by_key(|it| it.last_used_at);
        // What was accepted long after its last use came with a client, of which it is not noted when it was used.
        let last = self.seen.and_then(Seen::last_at);
        let used = used.filter(|it| {
            let is_later = |last| it.last_used_at.is_some_and(|used| last > used + REPLACED_AFTER);
            !last.is_some_and(is_later)
        });
        let clients = self.credentials.iter().filter(|it| it.kind == "client");
        let is_valid = |it: &Credential| it.expires_at.is_none_or(|end| end > self.now);
        // Of a client it is not known when it was used: another credential may be in use instead.
        let has_other = |of: &Credential| self.credentials.iter().any(|it| it.id != of.id && is_valid(it));
        let (mut expired, mut expires) = (None, None);
        for credential in used.into_iter().chain(clients) {
            let Some(end) = credential.expires_at else { continue };
            let name = format!("The {} {}", kind(credential), credential.id);
            match end.duration_since(self.now) {
                Err(_) if credential.kind == "client" && has_other(credential) => {}
                Err(_) => {
                    expired.get_or_insert(format!("{name} expired at {}.", for_people(end)));
                }
                Ok(left) if left < EXPIRES_SOON && !(credential.kind == "client" && has_other(credential)) => {
                    let days = left.as_secs() / DAY_SECONDS;
                    expires.get_or_insert(format!("{name} expires in {days} days, at {}.", for_people(end)));
                }
                Ok(_) => {}
            }
        }
        (expired, expires)
    }

    fn removals_held(&self) -> Option<String> {
        let Unseen { held, oldest_batch, .. } = self.unseen;
        let since = oldest_batch?;
        Some(format!("{} removals have been held since {}.", AtMost(held), for_people(since)))
    }

    fn not_mapped(&self) -> Option<String> {
        let Unseen { stale, never, .. } = self.unseen;
        (stale + never > 0).then(|| {
            format!(
                "The product sees an older document of {} resources, and none of {}, since their mapping fails.",
                AtMost(stale),
                AtMost(never)
            )
        })
    }
}

/// A number that is counted to a limit.
struct AtMost(i64);

impl fmt::Display for AtMost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= MAX_COUNTED { write!(f, "{MAX_COUNTED} or more") } else { write!(f, "{}", self.0) }
    }
}

fn kind(credential: &Credential) -> &'static str {
    if credential.kind == "client" { "secret of the OAuth client" } else { "token" }
}

/// A time for people: in hours, or in minutes where it is short.
fn span(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    if minutes < 120 { format!("{minutes} minutes") } else { format!("{} hours", minutes.div_ceil(60)) }
}

#[cfg(test)]
mod tests;
