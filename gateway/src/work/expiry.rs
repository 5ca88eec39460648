//! Reminds of tokens that will expire, in the log: once for each of several days, over all replicas.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::Gateway;
use crate::operation::admin::tokens::reminder_due;
use crate::store::Error;
use crate::store::tenant::credential::Reminder;
use crate::telemetry::chain;

const LEASE: &str = "expiry";
/// How often one replica looks for tokens that will expire.
const INTERVAL: Duration = Duration::from_hours(1);
/// Pause after a failed look.
const RETRY_INTERVAL: Duration = Duration::from_mins(5);
/// Tokens of one statement.
const PAGE: i64 = 200;

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let holder = Uuid::new_v4();
    loop {
        let looked = async {
            let lease = gateway.store.control().take_lease(LEASE, holder, INTERVAL).await?;
            if lease { once(&gateway).await.map(drop) } else { Ok(()) }
        };
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = looked => looked,
        };
        let rest = match looked {
            Ok(()) => INTERVAL,
            Err(error) => {
                tracing::warn!(error = chain(&error), "tokens that will expire cannot be looked for");
                RETRY_INTERVAL
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Looks at all tokens, a page at a time, and returns the reminders that were given.
///
/// # Errors
/// The database is unavailable.
pub async fn once(gateway: &Gateway) -> Result<Vec<Reminder>, Error> {
    let control = gateway.store.control();
    let (mut after, mut given) = ((Uuid::nil(), Uuid::nil()), Vec::new());
    loop {
        let page = control.credentials_after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(given) };
        after = (last.tenant.0, last.id);
        let now = gateway.clock.now();
        let due: Vec<Reminder> = page.iter().filter_map(|it| reminder_due(it, now)).collect();
        if due.is_empty() {
            continue;
        }
        for reminder in control.mark_reminded(&due).await? {
            let Reminder { tenant, id, days } = reminder;
            tracing::warn!(tenant.id = %tenant, token.id = %id, days, "a token expires soon");
            given.push(reminder);
        }
    }
}
