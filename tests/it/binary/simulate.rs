//! `scimgate simulate` at a terminal: where its secrets come from, what it prints, and its exit status.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use scimgate_tests::binary::{Running, command, finish, refusal};
use scimgate_tests::faulty_server::{self, Fault, Request, Response};
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
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "no progress bar unless standard error is a terminal");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_simulation_ends_with_a_table_and_its_exit_status() {
    block_on(async {
        let (running, ready) = Running::dev(&["--ephemeral", "--log", "warn"]).await;

        let printed = succeeds(simulate(&ready, &[])).await;
        assert!(printed.starts_with("10 users and 2 groups against http://127.0.0.1:"), "{printed}");
        assert!(printed.contains("dialect default, seed 7"), "{printed}");
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
            assert!(printed.contains(words), "{words} is missing in\n{printed}");
        }
        assert!(printed.ends_with("All steps succeeded, and the end state equals what was sent.\n"), "{printed}");

        let report: Value =
            serde_json::from_str(&succeeds(simulate(&ready, &["-o", "json", "--rate", "2000"])).await).unwrap();
        assert_eq!((&report["green"], &report["seed"]), (&Value::from(true), &Value::from(7)), "{report}");
        assert_eq!(report["compared"].as_array().unwrap().len(), 2);
        // The flag in the tenant URL determines how a PATCH is written, as in Entra.
        let flagged = format!("{}?aadOptscim062020", ready["tenant_url"].as_str().unwrap());
        let report = succeeds(simulate(&ready, &["-o", "json", "--url", &flagged])).await;
        assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["dialect"], "flag");

        others(&ready).await;
        pages(&ready).await;
        secrets(&ready).await;
        directories(&ready).await;
        faults(&ready).await;
        running.kill().await;
    });
}

async fn others(ready: &Value) {
    for (provider, form) in [("okta", ", form wizard, seed 7"), ("jumpcloud", ", seed 7"), ("sailpoint", ", seed 7")] {
        let printed = succeeds(simulate_as(ready, provider, &SIZE)).await;
        assert!(printed.starts_with("10 users and 2 groups against http://") && printed.contains(form), "{printed}");
        assert!(!printed.contains("dialect") && printed.contains("\ndirectory "), "{printed}");
    }
    let printed = succeeds(simulate_as(ready, "limits", &["--sizes", "2,3"])).await;
    assert!(printed.contains("\n2 members at once: accepted\n3 members at once: accepted\n"), "{printed}");
    let printed = succeeds(simulate_as(ready, "limits", &["--sizes", "2", "3"])).await;
    assert!(printed.contains("\n3 members at once: accepted\n"), "{printed}");
    let printed = succeeds(simulate_as(ready, "garbage", &["--concurrency", "1"])).await;
    assert!(printed.ends_with("All steps succeeded.\n"), "{printed}");
}

/// The report as a page: by itself, and with what a server did wrong.
async fn pages(ready: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let page = || std::fs::read_to_string(folder.path().join("scimgate-entra-7.html")).unwrap();
    let mut command = simulate(ready, &["--report", "html"]);
    command.current_dir(folder.path());
    let printed = succeeds(command).await;
    assert!(printed.ends_with("The report is in scimgate-entra-7.html.\n"), "{printed}");
    let green = page();
    assert!(green.contains("The server did everything as Microsoft Entra ID needs it"), "{green}");
    assert!(green.contains("<svg") && green.contains("initial: users: create user"), "{green}");
    for outside in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!green.contains(outside), "{outside} in the page");
    }
    let url = ready["tenant_url"].as_str().unwrap();
    let (gateway, path) = url.split_at(url.find("/scim").unwrap());
    let broken = faulty_server::start(gateway, IgnoresMembers).await + path;
    let mut command = simulate(ready, &["--report", "html", "--url", &broken]);
    command.current_dir(folder.path());
    let _ = finish(command).await;
    let red = page();
    for words in ["<h3>member-lost: ", "An added member is missing.", "Add must keep the existing members"] {
        assert!(red.contains(words), "{words} is missing in {red}");
    }
    let _ = succeeds(simulate(ready, &[])).await;
}

async fn secrets(ready: &Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}\n", ready["token"].as_str().unwrap())).unwrap();
    let mut command = simulate(ready, &["--token-file", text(file.path())]);
    // The file takes precedence.
    command.env("SCIMGATE_SCIM_TOKEN", "sgt_wrong").env_remove("SCIMGATE_DIRECTORY_KEY");
    let printed = succeeds(command).await;
    assert!(printed.contains("\nSCIM ") && !printed.contains("\ndirectory "), "{printed}");

    let mut command = simulate(ready, &[]);
    command.env_remove("SCIMGATE_SCIM_TOKEN");
    let printed = refusal(command).await;
    assert!(printed.contains("SCIMGATE_SCIM_TOKEN") && printed.contains("--token-file"), "{printed}");
    let printed = refusal(simulate(ready, &["--token", "sgt_wrong"])).await;
    assert!(printed.contains("answered 401") && !printed.contains("sgt_wrong"), "{printed}");
    let printed = refusal(simulate(ready, &["--url", "scim.example.com"])).await;
    assert!(printed.contains("is not a SCIM base URL"), "{printed}");
}

/// Answers every change of members with success and makes none.
struct IgnoresMembers;

impl Fault for IgnoresMembers {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        (request.method == "PATCH" && request.path.contains("/Groups")).then(|| Response::status(204))
    }
}

async fn faults(ready: &Value) {
    let url = ready["tenant_url"].as_str().unwrap();
    let (gateway, path) = url.split_at(url.find("/scim").unwrap());
    let broken = faulty_server::start(gateway, IgnoresMembers).await + path;
    let output = finish(simulate(ready, &["--url", &broken])).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let [printed, error] = [output.stdout, output.stderr].map(|printed| String::from_utf8(printed).unwrap());
    assert!(printed.contains("\nmember-lost, ") && printed.contains("Add must keep the existing members"), "{printed}");
    assert!(!printed.contains("All steps succeeded"), "{printed}");
    assert!(error.starts_with("scimgate: the server did ") && error.ends_with(" things wrong\n"), "{error}");

    // The report is printed as far as the simulation ran.
    let closing = faulty_server::start(&internal(ready), FailsAfterFirst::default()).await;
    let mut command = simulate(ready, &[]);
    command.env("SCIMGATE_ADMIN_URL", closing);
    let output = finish(command).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("check --admin-url and --directory-key") && error.contains("--seed 7 deletes them"),
        "{error}"
    );
    let _ = succeeds(simulate(ready, &[])).await;
}

fn internal(ready: &Value) -> String {
    ready["admin_url"].as_str().unwrap().trim_end_matches("/admin/v1").to_owned()
}

/// A directory that answers only the first request.
#[derive(Default)]
struct FailsAfterFirst(AtomicU32);

impl Fault for FailsAfterFirst {
    fn on_request(&self, _: &mut Request) -> Option<Response> {
        (self.0.fetch_add(1, Ordering::Relaxed) > 0).then(|| Response::status(500))
    }
}

/// Counts the requests.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU32>);

impl Fault for Counter {
    fn on_request(&self, _: &mut Request) -> Option<Response> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// The key in the environment is that of another tenant, or the directory cannot be reached.
async fn directories(ready: &Value) {
    let operator = client(ready, "admin_url", "operator_key");
    let _ = operator.post("/tenants", &json!({ "name": "other" })).await.expect(201);
    let issued = operator.post("/tenants/other/tokens", &json!({ "scope": "scim" })).await.expect(201);
    let token = issued.body["secret"].as_str().unwrap();
    let demo = ready["directory_key"].as_str().unwrap();
    let cases = [
        ("SCIMGATE_SCIM_TOKEN", token, "belongs to another tenant than the token"),
        ("SCIMGATE_DIRECTORY_KEY", token, "is not a directory key"),
        ("SCIMGATE_ADMIN_URL", "http://127.0.0.1:1", "--admin-url (SCIMGATE_ADMIN_URL) must be the internal listener"),
        ("SCIMGATE_ADMIN_URL", "nowhere", "--admin-url (SCIMGATE_ADMIN_URL) must be a URL"),
    ];
    for (name, value, words) in cases {
        let mut command = simulate(ready, &[]);
        command.env(name, value);
        let printed = succeeds(command).await;
        assert!(printed.contains("\nThe directory was not compared: ") && printed.contains(words), "{name}: {printed}");
        assert!(printed.contains("\nSCIM ") && !printed.contains("\ndirectory "), "{printed}");

        // An explicit key must be accepted, and nothing is sent before.
        let counter = Counter::default();
        let url = ready["tenant_url"].as_str().unwrap();
        let (gateway, path) = url.split_at(url.find("/scim").unwrap());
        let before = faulty_server::start(gateway, counter.clone()).await + path;
        let key = if name == "SCIMGATE_DIRECTORY_KEY" { value } else { demo };
        let mut command = simulate(ready, &["--directory-key", key, "--url", &before]);
        command.env(name, value);
        let output = finish(command).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.starts_with("scimgate: --directory-key: ") && !error.contains(demo), "{error}");
        assert_eq!((counter.0.load(Ordering::Relaxed), output.stdout.len()), (0, 0), "{name}: {error}");
    }
    // With its own key, the directory of the other tenant is compared.
    let issued = operator.post("/tenants/other/tokens", &json!({ "scope": "directory" })).await.expect(201);
    let mut command = simulate(ready, &["--directory-key", issued.body["secret"].as_str().unwrap()]);
    command.env("SCIMGATE_SCIM_TOKEN", token);
    let printed = succeeds(command).await;
    assert!(printed.contains("\ndirectory ") && !printed.contains("not compared"), "{printed}");
}
