//! Delivers messages to webhooks: every replica that has some, as soon as it makes one, and those of others soon after.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::operation::health::delivery::deliver;

/// Pause between two looks for messages of other processes, and for those that are sent again.
const INTERVAL: Duration = Duration::from_secs(5);

/// Runs until cancelled; without webhooks not at all. A try that is cut off is repeated later. A webhook that does not answer delays no other.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let targets = gateway.webhooks.targets();
    let _ = join_all(targets.iter().map(|target| deliver_to(&gateway, target, &stop))).await;
}

async fn deliver_to(gateway: &Gateway, target: &str, stop: &CancellationToken) {
    let mut worker = gateway.workers.worker("webhooks", "messages to a webhook cannot be delivered");
    loop {
        let delivered = tokio::select! {
            () = stop.cancelled() => return,
            delivered = deliver(gateway, target) => delivered,
        };
        if worker.note(delivered).is_some_and(|count| count > 0) {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.webhooks.woken(target) => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}
