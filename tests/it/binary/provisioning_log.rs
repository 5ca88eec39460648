//! The provisioning log of the built binary: nothing is lost when it is stopped, and `scimgate log` finds it.

use futures_util::future::join_all;
use scimgate_tests::binary::{Running, finish};
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::{Tenant, group, user};

use super::commands::Shell;
use super::serve::Home;

/// Rows of the whole log: a row of reads stands for many.
const COUNT: &str = "SELECT coalesce(sum(coalesce(rows, 1)), 0)::int8 FROM provisioning_log WHERE operation <> 'lost'";

#[test]
fn a_thousand_requests_answered_are_a_thousand_rows_after_the_process_was_stopped() {
    block_on(async {
        let home = Home::new().await;
        let key = home.furnish().await;
        let mut served = home.serve().await;
        served.running.pass_log();
        let shell = Shell::new(&served.internal, key.clone());
        let acme = Tenant::plain(&shell.operator(), "acme", (&served.public, &served.internal)).await;
        let acme = &acme;
        let writer = async |number: usize| {
            for turn in 0..20 {
                let name = format!("u{number}-{turn}");
                let id = acme.post("/Users", &user(&name)).await.expect(201).id();
                let _ = acme.get(&format!("/Users/{id}")).await.expect(200);
                let _ = acme.get("/Users?count=1").await.expect(200);
                let _ = acme.post("/Users", &user(&name)).await.expect(409);
                let _ = acme.delete(&format!("/Users/{id}")).await.expect(204);
            }
        };
        let _ = join_all((0..10).map(writer)).await;
        // At once: most of the last hundred milliseconds is not written yet.
        let _ = served.running.terminate().await;
        let owner = home.owner().await;
        assert_eq!(owner.query_one(COUNT, &[]).await.unwrap().get::<_, i64>(0), 1_000);

        // Switched off it costs nothing and keeps nothing.
        let mut served = home.serve_with(&[("SCIMGATE_PROVISIONING_LOG", "off")]).await;
        served.running.pass_log();
        let acme = acme.clone().at((&served.public, &served.internal));
        let _ = acme.post("/Groups", &group("crew")).await.expect(201);
        let _ = served.running.terminate().await;
        assert_eq!(owner.query_one(COUNT, &[]).await.unwrap().get::<_, i64>(0), 1_000);

        the_command_finds_them(&home, key).await;
        home.drop().await;
    });
}

async fn the_command_finds_them(home: &Home, key: String) {
    let mut served = home.serve().await;
    served.running.pass_log();
    let shell = Shell::new(&served.internal, key);
    let table = shell.says(&["log", "acme", "--user", "u3-7"]).await;
    let words: Vec<Vec<&str>> = table.lines().take(3).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0][..5], ["AT", "OPERATION", "TYPE", "NAME", "STATUS"], "{table}");
    let operations: Vec<&str> = words[1..].iter().map(|row| row[1]).collect();
    assert_eq!(operations, ["delete", "create"], "{table}");
    let table = shell.says(&["log", "acme", "--user", "u3-7@corp.test"]).await;
    assert!(table.contains("value-in-use: Another object has this userName"), "{table}");
    assert!(table.contains("In Entra ID: EntryConflict, Conflict, DuplicateTargetEntries."), "{table}");
    let more = shell.says(&["log", "acme", "--limit", "3", "--since", "1h"]).await;
    assert!(more.contains("There are more: continue with --cursor "), "{more}");

    let csv = shell.says(&["log", "acme", "--all", "--status", "failed", "-o", "csv"]).await;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 201);
    assert!(lines[0].starts_with("at,request,number,operation,status,duration ms,type,id,name,"), "{}", lines[0]);
    assert!(lines[1].contains(",create,409,"), "{}", lines[1]);
    let all = shell.says(&["log", "acme", "--all", "-o", "json"]).await;
    assert_eq!(all.lines().count(), 1_000);
    assert!(all.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["operation"].is_string()));

    let mut follow = Running::start(shell.command(&["log", "acme", "--follow"]));
    let acme = scimgate_tests::Client::new(format!("{}/t/acme/scim/v2", served.public));
    let seen = async {
        loop {
            // A command that follows begins with its first look.
            let _ = acme.with("nonsense").get("/Users").await.expect(401);
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    };
    let line = tokio::select! {
        line = follow.line() => line,
        () = seen => unreachable!(),
    };
    assert!(line.contains("401") && line.contains("token-not-accepted"), "{line}");
    // It outlives the gateway.
    let port = served.internal.rsplit_once(':').unwrap().1.to_owned();
    let _ = served.running.terminate().await;
    let said = follow.logged("asking again").await;
    assert!(said.starts_with("scimgate: cannot connect to"), "{said}");
    let mut served = home.serve_at(&port, &[]).await;
    served.running.pass_log();
    let acme = scimgate_tests::Client::new(format!("{}/t/acme/scim/v2", served.public));
    let _ = acme.with("nonsense").get("/ResourceTypes").await.expect(401);
    while !follow.line().await.contains("discovery") {}
    drop(follow);
    let wrong = finish(shell.command(&["log", "acme", "--since", "yesterday"])).await;
    assert!(!wrong.status.success());
    let _ = served.running.terminate().await;
}
