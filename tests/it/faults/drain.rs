//! The gateway is told to stop while a write waits for a lock at the database. It is answered, and the end does not hang.

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::user;
use scimgate_tests::{Answer, poll, rows};
use tokio::net::TcpStream;

use super::check_outage;
use super::pool::waiting;

/// A user is made while the table is locked, and SIGTERM comes meanwhile; `in_time` says whether the lock goes then. Gives
/// the answer, and how many users there are after the next start.
async fn made_at_the_end(in_time: bool) -> (Answer, usize) {
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
    waiting(&owner, 1).await;
    let end = tokio::spawn(served.running.terminate());
    poll("nobody else is let in", async || TcpStream::connect(&address).await.is_err().then_some(())).await;
    let mut lock = Some(lock);
    if let Some(lock) = lock.take_if(|_| in_time) {
        lock.rollback().await.unwrap();
    }
    let answer = write.await.unwrap();
    let (status, _) = end.await.unwrap();
    assert!(status.success(), "{status}");
    if let Some(lock) = lock {
        lock.rollback().await.unwrap();
    }
    // The next one numbers the events that the first had no time for.
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
        let (answer, users) = made_at_the_end(true).await;
        let _ = answer.expect(201);
        assert_eq!(users, 1);
    });
}

#[test]
fn a_held_lock_delays_neither_the_reply_nor_shutdown() {
    block_on(async {
        let (answer, users) = made_at_the_end(false).await;
        check_outage(&answer);
        assert_eq!(users, 0, "what was answered with an outage at the database's own time limit is not there");
    });
}
