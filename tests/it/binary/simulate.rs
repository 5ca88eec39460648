//! `scimgate simulate` at a terminal: where its secrets come from, what it prints, and its exit status.

use scimgate_tests::binary::{Running, command, finish, refusal};
use scimgate_tests::broken::{self, Asked, Fault, Reply};
use scimgate_tests::harness::block_on;
use serde_json::Value;
use tokio::process::Command;

use super::text;

const SIZE: [&str; 6] = ["--users", "10", "--groups", "2", "--seed", "7"];

/// `simulate entra` with the addresses and secrets of a `scimgate dev` in its environment.
fn simulate(ready: &Value, arguments: &[&str]) -> Command {
    simulate_as(ready, "entra", &[&SIZE[..], arguments].concat())
}

fn simulate_as(ready: &Value, provider: &str, arguments: &[&str]) -> Command {
    let mut command = command(&[&["simulate", provider], arguments].concat());
    let of = |name: &str| ready[name].as_str().unwrap();
    command
        .env("SCIMGATE_SCIM_URL", of("tenant_url"))
        .env("SCIMGATE_SCIM_TOKEN", of("token"))
        .env("SCIMGATE_ADMIN_URL", of("admin_url").trim_end_matches("/admin/v1"))
        .env("SCIMGATE_DIRECTORY_KEY", of("directory_key"));
    command
}

async fn succeeds(command: Command) -> String {
    let output = finish(command).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "no bar where nobody watches");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_simulation_ends_with_a_table_and_its_exit_status() {
    block_on(async {
        let (running, ready) = Running::dev(&["--ephemeral", "--log", "warn"]).await;

        let said = succeeds(simulate(&ready, &[])).await;
        assert!(said.starts_with("10 users and 2 groups against http://127.0.0.1:"), "{said}");
        assert!(said.contains("dialect default, seed 7"), "{said}");
        for words in [
            "STEP",
            "P99 MS",
            "probe users",
            "remove members",
            "read deleted user",
            "clean up",
            "\nSCIM ",
            "\ndirectory ",
        ] {
            assert!(said.contains(words), "{words} is missing in\n{said}");
        }
        assert!(said.ends_with("Every step went as it should, and the end state equals what was sent.\n"), "{said}");

        let report: Value =
            serde_json::from_str(&succeeds(simulate(&ready, &["-o", "json", "--rate", "2000"])).await).unwrap();
        assert_eq!((&report["green"], &report["seed"]), (&Value::from(true), &Value::from(7)), "{report}");
        assert_eq!(report["compared"].as_array().unwrap().len(), 2);
        // The flag in the tenant URL says how a PATCH is written, as it does at Entra.
        let flagged = format!("{}?aadOptscim062020", ready["tenant_url"].as_str().unwrap());
        let report = succeeds(simulate(&ready, &["-o", "json", "--url", &flagged])).await;
        assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["dialect"], "flag");

        others(&ready).await;
        secrets(&ready).await;
        faults(&ready).await;
        running.kill().await;
    });
}

async fn others(ready: &Value) {
    for (provider, form) in [("okta", ", form wizard, seed 7"), ("jumpcloud", ", seed 7"), ("sailpoint", ", seed 7")] {
        let said = succeeds(simulate_as(ready, provider, &SIZE)).await;
        assert!(said.starts_with("10 users and 2 groups against http://") && said.contains(form), "{said}");
        assert!(!said.contains("dialect") && said.contains("\ndirectory "), "{said}");
    }
    let said = succeeds(simulate_as(ready, "limits", &["--sizes", "2,3"])).await;
    assert!(said.contains("\n2 members at once: accepted\n3 members at once: accepted\n"), "{said}");
    let said = succeeds(simulate_as(ready, "garbage", &["--concurrency", "1"])).await;
    assert!(said.ends_with("Every step went as it should.\n"), "{said}");
}

async fn secrets(ready: &Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}\n", ready["token"].as_str().unwrap())).unwrap();
    let mut command = simulate(ready, &["--token-file", text(file.path())]);
    // The file is the nearer one.
    command.env("SCIMGATE_SCIM_TOKEN", "sgt_wrong").env_remove("SCIMGATE_DIRECTORY_KEY");
    let said = succeeds(command).await;
    assert!(said.contains("\nSCIM ") && !said.contains("\ndirectory "), "{said}");

    let mut command = simulate(ready, &[]);
    command.env_remove("SCIMGATE_SCIM_TOKEN");
    let said = refusal(command).await;
    assert!(said.contains("SCIMGATE_SCIM_TOKEN") && said.contains("--token-file"), "{said}");
    let said = refusal(simulate(ready, &["--token", "sgt_wrong"])).await;
    assert!(said.contains("answered 401") && !said.contains("sgt_wrong"), "{said}");
    let said = refusal(simulate(ready, &["--url", "scim.example.com"])).await;
    assert!(said.contains("is no SCIM base address"), "{said}");
}

/// Says yes to every change of members and makes none.
struct Idle;

impl Fault for Idle {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        (asked.method == "PATCH" && asked.path.contains("/Groups")).then(|| Reply::status(204))
    }
}

async fn faults(ready: &Value) {
    let url = ready["tenant_url"].as_str().unwrap();
    let (gateway, path) = url.split_at(url.find("/scim").unwrap());
    let broken = broken::start(gateway, Idle).await + path;
    let output = finish(simulate(ready, &["--url", &broken])).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let [said, failed] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
    assert!(said.contains("\nmember-lost, ") && said.contains("Add must keep the members that are there"), "{said}");
    assert!(!said.contains("Every step went as it should"), "{said}");
    assert!(failed.starts_with("scimgate: the server did ") && failed.ends_with(" things wrong\n"), "{failed}");

    // The report is printed as far as it came.
    let mut command = simulate(ready, &[]);
    command.env("SCIMGATE_DIRECTORY_KEY", ready["token"].as_str().unwrap());
    let output = finish(command).await;
    let failed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{failed}");
    assert!(
        failed.contains("check --admin-url and --directory-key") && failed.contains("--seed 7 takes it away"),
        "{failed}"
    );
    let _ = succeeds(simulate(ready, &[])).await;
}
