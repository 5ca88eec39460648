//! Reminds of tokens, client secrets and operator keys that will expire: a line in the log, and an event for the product if it is a
//! tenant's; once for each of several numbers of days, over all replicas.

use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::Gateway;
use crate::operation::figures::{ExpiringCounts, count_expiring};
use crate::store::Error;
use crate::store::reminder::{Expiring, Kind, Reminder};

const LEASE: &str = "expiry";
/// How often one replica looks for credentials that will expire.
const INTERVAL: Duration = Duration::from_hours(1);
/// Pause after a failed look.
const RETRY_INTERVAL: Duration = Duration::from_mins(5);
/// Credentials of one statement.
const PAGE: i64 = 200;
/// Days before the end of a credential at which its operators are reminded.
const REMINDER_DAYS: [i32; 6] = [1, 7, 15, 30, 60, 90];
const DAY: Duration = Duration::from_hours(24);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let holder = Uuid::new_v4();
    let mut worker = gateway.workers.worker("expiry", "credentials that will expire cannot be looked for");
    loop {
        let looked = async {
            let lease = gateway.store.control().take_lease(LEASE, holder, INTERVAL).await?;
            if lease { once(&gateway).await.map(drop) } else { Ok(()) }
        };
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = looked => looked,
        };
        let rest = worker.note(looked).map_or(RETRY_INTERVAL, |()| INTERVAL);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Looks at all credentials, a page at a time, and returns the reminders that were given.
///
/// # Errors
/// The database is unavailable.
pub async fn once(gateway: &Gateway) -> Result<Vec<Reminder>, Error> {
    let (mut given, mut counts) = (Vec::new(), ExpiringCounts::default());
    for (kind, counts) in Kind::ALL.into_iter().zip(&mut counts) {
        given.extend(once_of(gateway, kind, counts).await?);
    }
    gateway.figures.set_expiring(counts);
    Ok(given)
}

async fn once_of(gateway: &Gateway, kind: Kind, counts: &mut (u64, u64)) -> Result<Vec<Reminder>, Error> {
    let control = gateway.store.control();
    let (mut after, mut given) = ([Uuid::nil(); 3], Vec::new());
    loop {
        let page = control.expiring_after(kind, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(given) };
        after = last.place;
        let now = gateway.clock.now();
        page.iter().for_each(|it| count_expiring(counts, it.expires_at, now));
        let due: Vec<Reminder> = page.iter().filter_map(|it| reminder_due(it, now)).collect();
        if due.is_empty() {
            continue;
        }
        let request = gateway.clock.new_id().to_string();
        for reminder in control.mark_reminded(kind, &due, &request, now).await? {
            let (id, days) = (reminder.id(), reminder.days);
            let tenant = reminder.tenant();
            tenant.into_iter().for_each(|tenant| gateway.events_waiting.add(tenant));
            let tenant = tenant.map(tracing::field::display);
            match kind {
                Kind::Token => tracing::warn!(tenant.id = tenant, token.id = %id, days, "a token expires soon"),
                Kind::ClientSecret => {
                    let client = reminder.place[1];
                    tracing::warn!(tenant.id = tenant, client.id = %client, secret.id = %id, days, "a client's secret expires soon");
                }
                Kind::OperatorKey => tracing::warn!(key.id = %id, days, "an operator key expires soon"),
            }
            given.push(reminder);
        }
    }
}

/// The reminder that a credential with so much life left is past: none where the first is still to come.
fn reminder_at(left: Duration) -> Option<i32> {
    REMINDER_DAYS.into_iter().find(|days| left <= DAY * days.unsigned_abs())
}

/// The reminder of a credential that is due and was not given. None is due that was past when the credential was issued.
fn reminder_due(credential: &Expiring, now: SystemTime) -> Option<Reminder> {
    let end = credential.expires_at?;
    let left = end.duration_since(now).ok().filter(|left| !left.is_zero())?;
    let days = reminder_at(left)?;
    let life = end.duration_since(credential.created_at).unwrap_or_default();
    let is_past = |given: Option<i32>| given.is_some_and(|given| given <= days);
    (!is_past(credential.reminded_days) && !is_past(reminder_at(life)))
        .then_some(Reminder { place: credential.place, days })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// Looked at every hour of its life, a credential is reminded of once for each number of days that is less than its life.
    #[test]
    fn each_reminder_is_due_once() {
        for (life, expected) in [(365, &[90, 60, 30, 15, 7, 1][..]), (60, &[30, 15, 7, 1]), (2, &[1]), (1, &[])] {
            let expires_at = Some(UNIX_EPOCH + DAY * life);
            let mut given = Vec::new();
            for hour in 0..=life * 24 + 1 {
                let reminded_days = given.last().copied();
                let credential =
                    Expiring { place: [Uuid::nil(); 3], created_at: UNIX_EPOCH, expires_at, reminded_days };
                given.extend(reminder_due(&credential, UNIX_EPOCH + DAY / 24 * hour).map(|reminder| reminder.days));
            }
            assert_eq!(given, expected, "{life}");
        }
    }
}
