//! Looks at tenants: reads by what their health is decided, and decides it. The admin API and the background do the same.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::finding::{self, Facts, Finding, Health};
use super::seen::Seen;
use super::traffic::slot_of;
use crate::operation::context::Gateway;
use crate::store::Error;
use crate::store::health::traffic::{Counts, SLOT, Slot};
use crate::store::health::{Credential, Decided, TenantRow, Unseen};
use crate::tenant::TenantId;

/// After its end, a row of ten minutes is still added to for so long: replicas store what they counted a little later.
const OPEN_FOR: Duration = Duration::from_mins(20);
/// What failed within this time decides whether a provider fails.
const HOUR: Duration = Duration::from_hours(1);

/// A tenant at this moment.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The tenant, and what was decided last.
    pub tenant: TenantRow,
    /// Its traffic to this moment; none where it is not recorded.
    pub seen: Option<Seen>,
    /// What of it is closed, and is to be stored.
    closed: Seen,
    /// What its provider sent in the last hour, to ten minutes.
    pub hour: Counts,
    /// Its credentials.
    pub credentials: Vec<Credential>,
    /// What the product does not see.
    pub unseen: Unseen,
    /// Its health.
    pub health: Health,
    /// What was found.
    pub found: Vec<Finding>,
}

impl Looked {
    /// Since when it is so.
    #[must_use]
    pub fn since(&self, now: SystemTime) -> SystemTime {
        let decided = self.tenant.decided.as_ref().filter(|decided| decided.state == self.health.word());
        decided.map_or(now, |decided| decided.since)
    }

    /// What is to be stored; none where that is stored already.
    #[must_use]
    pub fn decided(&self, now: SystemTime) -> Option<Decided> {
        let before = self.tenant.decided.as_ref();
        let new = Decided {
            revision: before.map_or(0, |before| before.revision),
            state: self.health.word().to_owned(),
            rank: self.health.rank(),
            since: self.since(now),
            codes: self.found.iter().map(|finding| finding.code.word().to_owned()).collect(),
            seen: self.closed.text(),
        };
        (before != Some(&new)).then_some(new)
    }

    /// Rows from this time on are still needed for its traffic.
    #[must_use]
    pub fn counted_to(&self) -> SystemTime {
        self.closed.counted_to()
    }

    /// Whether it is announced, compared with what was decided last.
    #[must_use]
    pub fn is_news(&self) -> bool {
        let before = self.tenant.decided.as_ref().map(|before| (before.state.as_str(), &before.codes[..]));
        finding::is_news(before, self.health, &self.found)
    }
}

/// Looks at a page of tenants.
///
/// # Errors
/// The database is unavailable.
pub async fn at(gateway: &Gateway, tenants: Vec<TenantRow>) -> Result<Vec<Looked>, Error> {
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let (control, now) = (gateway.store.control(), gateway.clock.now());
    let ids: Vec<Uuid> = tenants.iter().map(|tenant| tenant.id.0).collect();
    let mut stored: HashMap<TenantId, Seen> = tenants.iter().map(|it| (it.id, stored(it))).collect();
    let hour = slot_of(now.checked_sub(HOUR).unwrap_or(SystemTime::UNIX_EPOCH));
    let since: Vec<(TenantId, SystemTime)> =
        stored.iter().map(|(id, seen)| (*id, seen.counted_to().min(hour))).collect();
    let mut slots: HashMap<TenantId, Vec<Slot>> = HashMap::new();
    for (tenant, slot) in control.traffic_since(&since).await? {
        slots.entry(tenant).or_default().push(slot);
    }
    let mut credentials = control.health_credentials(&ids).await?;
    let unseen = control.unseen(&ids).await?;
    let is_recorded = gateway.provisioning_log.is_on();
    let looked = tenants.into_iter().map(|tenant| {
        let closed = stored.remove(&tenant.id).unwrap_or_default();
        let slots = slots.remove(&tenant.id).unwrap_or_default();
        let traffic = Traffic::of(closed, &slots, (now, hour));
        let credentials = credentials.remove(&tenant.id).unwrap_or_default();
        let unseen = unseen.get(&tenant.id).copied().unwrap_or_default();
        look(tenant, traffic, (credentials, unseen), (now, is_recorded))
    });
    Ok(looked.collect())
}

fn stored(tenant: &TenantRow) -> Seen {
    tenant.decided.as_ref().map(|decided| Seen::read(&decided.seen)).unwrap_or_default()
}

/// The traffic of a tenant.
struct Traffic {
    closed: Seen,
    seen: Seen,
    hour: Counts,
}

impl Traffic {
    fn of(mut closed: Seen, slots: &[Slot], (now, hour): (SystemTime, SystemTime)) -> Self {
        let of_hour = slots.iter().filter(|slot| slot.begins >= hour);
        let mut counts = Counts::default();
        of_hour.for_each(|slot| counts.add_all(&slot.counts));
        let from = closed.counted_to();
        let (ended, open): (Vec<&Slot>, Vec<&Slot>) =
            slots.iter().filter(|slot| slot.begins >= from).partition(|slot| slot.begins + SLOT + OPEN_FOR <= now);
        ended.into_iter().for_each(|slot| closed.add(slot));
        let mut seen = closed.clone();
        open.into_iter().for_each(|slot| seen.add(slot));
        Self { closed, seen, hour: counts }
    }
}

fn look(
    tenant: TenantRow,
    traffic: Traffic,
    (credentials, unseen): (Vec<Credential>, Unseen),
    (now, is_recorded): (SystemTime, bool),
) -> Looked {
    let Traffic { closed, seen, hour } = traffic;
    let seen = is_recorded.then_some(seen);
    let before = tenant.decided.as_ref().map_or(&[][..], |decided| &decided.codes);
    let facts = Facts {
        now,
        is_suspended: tenant.is_suspended,
        seen: seen.as_ref(),
        hour,
        credentials: &credentials,
        unseen,
        before,
    };
    let (health, mut found) = finding::decide(&facts);
    for finding in &mut found {
        finding.remedy = finding.remedy.replace("TENANT", &tenant.name);
    }
    Looked { tenant, seen, closed, hour, credentials, unseen, health, found }
}
