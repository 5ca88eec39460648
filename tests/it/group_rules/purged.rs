//! Events that are purged before they are followed: what they were about is announced all the same.

use scimgate_tests::{TestGateway, on_postgres, rows};

use super::{Watched, role, set_rules, sorted};
use crate::remap::helpers::stop_jobs;

on_postgres!(what_purged_events_were_about_is_announced);

async fn what_purged_events_were_about_is_announced(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let [ada, bob] = [watched.tenant.user("ada").await, watched.tenant.user("bob").await];
    let crew = watched.tenant.group("Crew").await;
    watched.add(&crew, &ada).await;
    set_rules(gateway, &[role("Crew", "admin")]).await;
    let _ = watched.look().await;
    let owner = gateway.store().await;
    let purge = async || {
        rows::numbered(&owner).await;
        let _ = owner.execute("DELETE FROM event WHERE type LIKE 'membership.%'", &[]).await.unwrap();
    };
    // The last ones, and some before others.
    let stop = stop_jobs(gateway).await;
    watched.remove(&crew, &ada).await;
    watched.add(&crew, &bob).await;
    purge().await;
    drop(stop);
    assert_eq!(watched.changed().await, sorted(&[&ada, &bob]));
    let stop = stop_jobs(gateway).await;
    watched.add(&crew, &ada).await;
    let _ = watched.tenant.user("eve").await;
    purge().await;
    drop(stop);
    assert_eq!(watched.changed().await, [ada]);
}
