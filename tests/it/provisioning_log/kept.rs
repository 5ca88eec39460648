//! How long rows are kept, and what becomes of them while the database is away.

use std::time::Duration;

use scimgate::operation::request_facts::{Claimed, Facts};
use scimgate::work::provisioning_log::keep_days;
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::tenant::user;
use scimgate_tests::{Database, TestGateway, on_both};
use serde_json::json;

use super::{lines, page, rows};

on_both!(days_are_partitions_and_old_ones_are_dropped_or_purged);

const DAY: Duration = Duration::from_hours(24);

/// Begins the purge of a tenant, and waits for its end.
async fn purge(gateway: &TestGateway, tenant: &str) {
    let path = format!("/tenants/{tenant}/jobs/retention");
    let finished = async || {
        let job = gateway.operator.get(&path).await.expect(200).body;
        (job["state"] != "running").then_some(())
    };
    poll("no purge is running", finished).await;
    let _ = gateway.operator.patch(&path, &json!({ "state": "running" })).await.expect(200);
    poll("the purge has ended", finished).await;
}

async fn days_are_partitions_and_old_ones_are_dropped_or_purged(gateway: &TestGateway) {
    let [acme, globex] = [gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await];
    let _ = acme.user("ada").await;
    let _ = rows(gateway, "acme", "", 1).await;
    let partitions = async || {
        if gateway.database() == Database::Embedded {
            return None;
        }
        let sql = "SELECT c.relname::text, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', c.relname), false, true, '')))[1]::text
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'provisioning_log'::regclass ORDER BY 1";
        let found = gateway.store().await.query(sql, &[]).await.unwrap();
        Some(found.iter().map(|row| format!("{} {}", row.get::<_, &str>(0), row.get::<_, &str>(1))).collect::<Vec<_>>())
    };
    if let Some(found) = partitions().await {
        assert_eq!(found, ["provisioning_log_default 1"], "a row is kept before its day has a partition");
    }
    keep_days(&gateway.gateway).await.unwrap();
    if let Some(found) = partitions().await {
        let days = (1..=8).map(|day| format!("provisioning_log_2026050{day} {}", u8::from(day == 1)));
        let days = ["provisioning_log_20260430 0".to_owned()].into_iter().chain(days);
        assert_eq!(found, days.chain(["provisioning_log_default 0".to_owned()]).collect::<Vec<_>>());
    }
    let _ = rows(gateway, "acme", "", 1).await;
    // A tenant with a shorter retention than others has its rows purged; those of the others stay.
    let _ = globex.user("bob").await;
    let _ = rows(gateway, "globex", "", 1).await;
    let short = json!({ "retention": { "logDays": 2 } });
    let _ = gateway.operator.patch("/tenants/acme", &short).await.expect(200);
    gateway.clock.advance(2 * DAY);
    purge(gateway, "acme").await;
    let _ = rows(gateway, "acme", "", 1).await;
    gateway.clock.advance(DAY);
    for tenant in ["acme", "globex"] {
        purge(gateway, tenant).await;
    }
    let _ = rows(gateway, "acme", "", 0).await;
    let _ = rows(gateway, "globex", "", 1).await;
    // Beyond everybody's retention the day goes as a whole.
    gateway.clock.advance(27 * DAY);
    keep_days(&gateway.gateway).await.unwrap();
    let _ = rows(gateway, "globex", "", 1).await;
    gateway.clock.advance(DAY);
    keep_days(&gateway.gateway).await.unwrap();
    let _ = rows(gateway, "globex", "", 0).await;
    if let Some(found) = partitions().await {
        assert_eq!((found[0].as_str(), found.len()), ("provisioning_log_20260502 0", 18), "{found:#?}");
    }
    let _ = globex.user("cyd").await;
    let _ = rows(gateway, "globex", "", 1).await;
    for wrong in [0, 367] {
        let _ =
            gateway.operator.patch("/tenants/acme", &json!({ "retention": { "logDays": wrong } })).await.expect(400);
    }
}

#[test]
fn rows_wait_while_the_database_is_away_and_what_finds_no_room_is_counted() {
    block_on(async {
        let (gateway, proxy) = TestGateway::behind_proxy().await;
        // A search at the moment at which rows move from the default partition to their day's may miss them.
        keep_days(&gateway.gateway).await.unwrap();
        let acme = gateway.plain_tenant("acme").await;
        let ada = acme.user("ada").await;
        let _ = rows(&gateway, "acme", "", 1).await;
        proxy.cut();
        let _ = acme.get(&format!("/Users/{ada}")).await.expect(503);
        let _ = acme.post("/Users", &user("bob")).await.expect(503);
        let tenant = gateway.gateway.provisioning_log.waiting();
        assert_eq!(tenant, 2);
        proxy.restore();
        let found = rows(&gateway, "acme", "", 3).await;
        let away = ["get 503 User - database-unavailable", "create 503 User bob@corp.test database-unavailable"];
        assert_eq!(lines(&found[1..]), away);

        // More than there is room for.
        let verified = gateway.gateway.auth.verify(
            acme.scim.authorization.as_ref().unwrap().to_str().unwrap().trim_start_matches("Bearer "),
            scimgate::store::tenant::credential::Scope::Scim,
            || None,
        );
        let verified = verified.await.unwrap();
        proxy.cut();
        let _ = acme.get(&format!("/Users/{ada}")).await.expect(503);
        let log = &gateway.gateway.provisioning_log;
        let (lost, written) = (log.lost(), log.written());
        for number in 0..20_100 {
            let mut facts = Facts::default();
            (facts.method, facts.route, facts.status) = ("GET", Some("/scim/v2/{endpoint}"), Some(200));
            (facts.request_id, facts.credential) = (format!("many-{number}"), Some(verified.clone()));
            log.take(facts);
        }
        assert_eq!(log.lost() - lost, 101, "the one that waits had its place");
        log.take(Facts { claimed: Some(Claimed::Name("acme".to_owned())), ..Facts::default() });
        proxy.restore();
        let all = poll("all but the lost ones are written", async || (log.waiting() == 0).then(|| log.written())).await;
        assert_eq!(all - written, 20_000);
        let lost = poll("the log says how many are missing", async || {
            let found = page(&gateway, "acme", "status=failed").await["rows"].as_array().unwrap().clone();
            let lost: i64 = found.iter().filter_map(|row| row["lostRows"].as_i64()).sum();
            (lost >= 101).then_some(lost)
        });
        assert_eq!(lost.await, 101);
        let mut count = 0;
        let mut cursor = String::new();
        loop {
            let found = page(&gateway, "acme", &format!("status=ok{cursor}")).await;
            count += found["rows"].as_array().unwrap().len();
            let Some(next) = found["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(count, 20_000, "the first request, and the others but the one that failed");
        gateway.end().await;
    });
}
