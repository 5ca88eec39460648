//! `scimgate simulate` at a terminal: where its secrets come from, what it prints, and its exit status.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use scimgate_tests::binary::{Running, command, finish, refusal};
use scimgate_tests::broken::{self, Asked, Fault, Reply};
use scimgate_tests::harness::block_on;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{client, text};

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
        .env("SCIMGATE_ADMIN_URL", internal(ready))
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
        directories(&ready).await;
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
    let closing = broken::start(&internal(ready), Closing::default()).await;
    let mut command = simulate(ready, &[]);
    command.env("SCIMGATE_ADMIN_URL", closing);
    let output = finish(command).await;
    let failed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{failed}");
    assert!(
        failed.contains("check --admin-url and --directory-key") && failed.contains("--seed 7 takes it away"),
        "{failed}"
    );
    let _ = succeeds(simulate(ready, &[])).await;
}

fn internal(ready: &Value) -> String {
    ready["admin_url"].as_str().unwrap().trim_end_matches("/admin/v1").to_owned()
}

/// A directory that answers once.
#[derive(Default)]
struct Closing(AtomicU32);

impl Fault for Closing {
    fn asked(&self, _: &mut Asked) -> Option<Reply> {
        (self.0.fetch_add(1, Ordering::Relaxed) > 0).then(|| Reply::status(500))
    }
}

/// Does nothing wrong, and counts what it is asked.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU32>);

impl Fault for Counter {
    fn asked(&self, _: &mut Asked) -> Option<Reply> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// The environment still has the key of the demo tenant, or its directory is away.
async fn directories(ready: &Value) {
    let operator = client(ready, "admin_url", "operator_key");
    let _ = operator.post("/tenants", &json!({ "name": "other" })).await.expect(201);
    let issued = operator.post("/tenants/other/tokens", &json!({ "scope": "scim" })).await.expect(201);
    let token = issued.body["secret"].as_str().unwrap();
    let demo = ready["directory_key"].as_str().unwrap();
    let cases = [
        ("SCIMGATE_SCIM_TOKEN", token, "of another tenant than the token"),
        ("SCIMGATE_DIRECTORY_KEY", token, "holds no directory key"),
        ("SCIMGATE_ADMIN_URL", "http://127.0.0.1:1", "--admin-url (SCIMGATE_ADMIN_URL) must lead to"),
        ("SCIMGATE_ADMIN_URL", "nowhere", "--admin-url (SCIMGATE_ADMIN_URL) takes an address"),
    ];
    for (name, value, words) in cases {
        let mut command = simulate(ready, &[]);
        command.env(name, value);
        let said = succeeds(command).await;
        assert!(said.contains("\nThe directory was not compared: ") && said.contains(words), "{name}: {said}");
        assert!(said.contains("\nSCIM ") && !said.contains("\ndirectory "), "{said}");

        // A key that is told is meant, and nothing is begun that cannot be ended.
        let counter = Counter::default();
        let url = ready["tenant_url"].as_str().unwrap();
        let (gateway, path) = url.split_at(url.find("/scim").unwrap());
        let before = broken::start(gateway, counter.clone()).await + path;
        let told = if name == "SCIMGATE_DIRECTORY_KEY" { value } else { demo };
        let mut command = simulate(ready, &["--directory-key", told, "--url", &before]);
        command.env(name, value);
        let output = finish(command).await;
        let failed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{failed}");
        assert!(failed.starts_with("scimgate: --directory-key: ") && !failed.contains(demo), "{failed}");
        assert_eq!((counter.0.load(Ordering::Relaxed), output.stdout.len()), (0, 0), "{name}: {failed}");
    }
    // With its own key, the other tenant's directory is compared.
    let issued = operator.post("/tenants/other/tokens", &json!({ "scope": "directory" })).await.expect(201);
    let mut command = simulate(ready, &["--directory-key", issued.body["secret"].as_str().unwrap()]);
    command.env("SCIMGATE_SCIM_TOKEN", token);
    let said = succeeds(command).await;
    assert!(said.contains("\ndirectory ") && !said.contains("not compared"), "{said}");
}
