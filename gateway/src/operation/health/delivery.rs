//! Delivers messages to webhooks, and tries again after growing pauses for a day. The database has what is not delivered yet: a process
//! that is killed loses none.

use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::join_all;
use reqwest::StatusCode;

use super::webhooks::{Outcome, SendError};
use crate::config::WebhookUrl;
use crate::operation::context::Gateway;
use crate::store::Error;
use crate::store::health::delivery::Delivery;
use crate::telemetry::chain;

/// Messages that a process sends at once to one webhook.
const MAX_AT_ONCE: i64 = 4;
/// After this time another process repeats a try of which it knows no end.
const LEASE: Duration = Duration::from_mins(1);
/// Pause after the first try; each later one is four times as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_hours(2);
/// A message that could not be delivered for so long is given up.
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// Sends messages to a webhook that are due, some at once, and returns how many there were.
///
/// # Errors
/// The database is unavailable: what was sent is sent again later.
pub async fn deliver(gateway: &Gateway, target: &str) -> Result<usize, Error> {
    let (webhooks, now) = (&gateway.webhooks, gateway.clock.now());
    let due = gateway.store.control().claim_deliveries(&[target.to_owned()], now, (MAX_AT_ONCE, LEASE)).await?;
    let sent = due.iter().map(|delivery| async move {
        let Some(url) = webhooks.find(&delivery.target) else { return Ok(()) };
        let outcome = webhooks.send(url, delivery, now).await;
        end(gateway, (url, delivery), outcome).await
    });
    for ended in join_all(sent).await {
        ended?;
    }
    Ok(due.len())
}

/// Gives up messages to webhooks that no process has any more.
///
/// # Errors
/// The database is unavailable.
pub async fn give_up_abandoned(gateway: &Gateway) -> Result<(), Error> {
    let before = gateway.clock.now().checked_sub(GIVE_UP_AFTER).unwrap_or(UNIX_EPOCH);
    for delivery in gateway.store.control().abandoned_deliveries(before, MAX_AT_ONCE).await? {
        if gateway.store.tenant(delivery.tenant).end_delivery(&delivery).await? {
            gateway.webhooks.count(Outcome::GivenUp);
            tracing::error!(
                tenant.id = %delivery.tenant, message.id = %delivery.id,
                "a message is given up: no process has its webhook any more"
            );
        }
    }
    Ok(())
}

async fn end(
    gateway: &Gateway,
    (url, delivery): (&WebhookUrl, &Delivery),
    outcome: Result<(), SendError>,
) -> Result<(), Error> {
    let (webhooks, now) = (&gateway.webhooks, gateway.clock.now());
    let (tenant, message, webhook, attempts) = (delivery.tenant, delivery.id, url.origin(), delivery.attempts);
    let Err(why) = outcome else {
        gateway.store.tenant(tenant).end_delivery(delivery).await?;
        webhooks.count(Outcome::Delivered);
        tracing::debug!(tenant.id = %tenant, message.id = %message, webhook, attempts, "a webhook took a message");
        return Ok(());
    };
    let is_old = now.duration_since(delivery.created_at).is_ok_and(|age| age >= GIVE_UP_AFTER);
    // The webhook says that it wants no more of them.
    let is_gone = matches!(why, SendError::Status(StatusCode::GONE));
    let error = chain(&why);
    if is_old || is_gone {
        gateway.store.tenant(tenant).end_delivery(delivery).await?;
        webhooks.count(Outcome::GivenUp);
        tracing::error!(tenant.id = %tenant, message.id = %message, webhook, attempts, error, "a message is given up: its webhook does not take it");
        return Ok(());
    }
    gateway.store.control().postpone_delivery(delivery, now + pause(attempts)).await?;
    webhooks.count(Outcome::Failed);
    if attempts == 1 {
        tracing::warn!(tenant.id = %tenant, message.id = %message, webhook, error, "a webhook does not take a message; it is sent again");
    } else {
        tracing::debug!(tenant.id = %tenant, message.id = %message, webhook, attempts, error, "a webhook does not take a message; it is sent again");
    }
    Ok(())
}

/// The pause after so many tries.
fn pause(attempts: i32) -> Duration {
    let earlier = u32::try_from(attempts).unwrap_or_default().saturating_sub(1);
    FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(earlier)).min(MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_two_hours() {
        let seconds = [1, 2, 3, 4, 5, 6, 7, 50].map(|attempts| pause(attempts).as_secs());
        assert_eq!(seconds, [5, 20, 80, 320, 1_280, 5_120, 7_200, 7_200]);
    }
}
