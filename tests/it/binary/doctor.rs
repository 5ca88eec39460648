//! `scimgate doctor`: what is wrong with an installation, and what to do.

use scimgate_tests::binary::{command, finish};
use scimgate_tests::harness::block_on;
use serde_json::{Value, json};
use tokio::process::Command;

use super::serve::Home;

/// The checks with their states and what to do, and whether the command succeeds.
async fn checks(mut doctor: Command) -> (Vec<(String, String, String)>, bool) {
    doctor.args(["-o", "json"]);
    let output = finish(doctor).await;
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"));
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let row = |check: &Value| (text(&check["check"]), text(&check["state"]), text(&check["fix"]));
    (printed["checks"].as_array().unwrap().iter().map(row).collect(), output.status.success())
}

/// The checks that failed.
fn wrong(checks: &[(String, String, String)]) -> Vec<(&str, &str)> {
    let wrong = checks.iter().filter(|(_, state, _)| state == "wrong");
    wrong.map(|(check, _, fix)| (check.as_str(), fix.as_str())).collect()
}

#[test]
fn doctor_says_what_is_wrong_and_what_to_do() {
    block_on(async {
        let home = Home::new().await;
        let (found, is_well) = checks(home.command(&["doctor"])).await;
        assert_eq!((wrong(&found), is_well), (vec![("schema", "run `scimgate migrate`")], false), "{found:#?}");

        let _ = home.furnish().await;
        let served = home.serve().await;
        let with_url = |url: &str| {
            let mut doctor = home.command(&["doctor"]);
            doctor.env("SCIMGATE_PUBLIC_URL", url);
            doctor
        };
        let (found, is_well) = checks(with_url(&served.public)).await;
        assert!(is_well, "{found:#?}");
        // Whether there is TLS depends on the server of the tests.
        let is_good = |(check, state, _): &&(String, String, String)| state == "good" && check != "TLS to the database";
        let good: Vec<&str> = found.iter().filter(is_good).map(|(check, ..)| check.as_str()).collect();
        let expected = ["settings", "database", "clock", "schema", "roles", "row-level security", "public URL"];
        assert_eq!(good, expected, "{found:#?}");

        // The admin API is not the SCIM endpoint.
        let (found, is_well) = checks(with_url(&served.internal)).await;
        let [("public URL", fix)] = wrong(&found)[..] else { panic!("{found:#?}") };
        assert!(fix.contains("port 8080") && !is_well, "{fix}");

        let owner = home.owner().await;
        owner.batch_execute("ALTER TABLE resource NO FORCE ROW LEVEL SECURITY").await.unwrap();
        let (found, _) = checks(with_url(&served.public)).await;
        assert_eq!(
            wrong(&found).iter().map(|(check, _)| *check).collect::<Vec<_>>(),
            ["row-level security"],
            "{found:#?}"
        );
        assert!(served.running.terminate().await.0.success());
        home.drop().await;

        let mut nowhere = command(&["doctor"]);
        nowhere.env("DATABASE_URL", "postgres://gate:s3cret@127.0.0.1:1/gate?sslmode=disable");
        nowhere.env("SCIMGATE_PUBLIC_URL", "http://127.0.0.1:1").env("SCIMGATE_REQUIRE_SIGNATURE", "true");
        let (found, _) = checks(nowhere).await;
        let all: Vec<&str> = wrong(&found).iter().map(|(check, _)| *check).collect();
        assert_eq!(all, ["settings", "database", "public URL"], "{found:#?}");
        assert!(!json!(found).to_string().contains("s3cret"), "{found:#?}");
    });
}
