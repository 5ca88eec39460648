//! SIGTERM while a write waits for a lock at the database: the write gets a reply, and shutdown does not hang.

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::user;
use scimgate_tests::{Answer, poll, rows};
use tokio::net::TcpStream;

use super::check_outage;
use super::pool::statements_wait;

/// Creates a user while the table is locked, and sends SIGTERM. `released` says whether the lock is released before the
/// reply. Returns the reply, and the number of users after the next start.
async fn created_during_shutdown(released: bool) -> (Answer, usize) {
    let fresh = Fresh::empty().await;
    let prepared = Prepared::new(&fresh.url, &[]).await;
    let served = prepared.serve(&[]).await;
    let tenant = served.tenant("acme").await;
    let address = served.address().to_owned();
    let owner = fresh.owner().await;
    let mut holder = fresh.owner().await;
    let lock = holder.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE resource IN SHARE MODE").await.unwrap();
    let scim = tenant.scim.clone();
    let write = tokio::spawn(async move { scim.post("/Users", &user("ada")).await });
    statements_wait(&owner, 1).await;
    let shutdown = tokio::spawn(served.running.terminate());
    poll("new connections are refused", async || TcpStream::connect(&address).await.is_err().then_some(())).await;
    let mut lock = Some(lock);
    if let Some(lock) = lock.take_if(|_| released) {
        lock.rollback().await.unwrap();
    }
    let answer = write.await.unwrap();
    let (status, _) = shutdown.await.unwrap();
    assert!(status.success(), "{status}");
    if let Some(lock) = lock {
        lock.rollback().await.unwrap();
    }
    // The next process numbers the remaining events.
    let served = prepared.serve(&[]).await;
    let users = tenant.at(served.addresses()).events().await.len();
    rows::check(&owner).await;
    let (status, _) = served.running.terminate().await;
    assert!(status.success(), "{status}");
    fresh.drop().await;
    (answer, users)
}

#[test]
fn a_write_blocked_by_a_lock_finishes_before_shutdown() {
    block_on(async {
        let (answer, users) = created_during_shutdown(true).await;
        let _ = answer.expect(201);
        assert_eq!(users, 1);
    });
}

#[test]
fn a_held_lock_delays_neither_the_reply_nor_shutdown() {
    block_on(async {
        let (answer, users) = created_during_shutdown(false).await;
        check_outage(&answer);
        assert_eq!(users, 0, "a write that got 503 at the database's time limit is not stored");
    });
}
