//! `scimgate dev` as a newcomer sees it: a line for each request, the full log in a file, commands that find the keys by themselves.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use scimgate_tests::binary::{Running, command, refusal};
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::tenant::user;
use scimgate_tests::{Client, root};
use serde_json::Value;
use tokio::process::Command;

use super::serve::said;
use super::text;

fn at_home(home: &Path, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.env("HOME", home);
    command
}

/// `scimgate dev` for people, on free ports.
fn dev(home: &Path) -> Command {
    let plugins = root().join("target/wasm32-unknown-unknown/plugin");
    let mut command = at_home(home, &["dev", "--port", "0", "--internal-port", "0", "--probe-port", "0"]);
    command.arg("--data-dir").arg(home.join("data")).arg("--plugins").arg(plugins);
    command
}

#[test]
fn dev_shows_each_request_and_commands_find_its_keys() {
    block_on(async {
        let home = tempfile::tempdir().unwrap();
        let none = refusal(at_home(home.path(), &["dev", "--show-keys"])).await;
        assert!(none.starts_with("no scimgate dev of this user runs"), "{none}");
        let mut running = Running::start(dev(home.path()));
        while !running.line().await.contains("A line for each request follows; the full log is in ") {}

        let exports = said(at_home(home.path(), &["dev", "--show-keys"])).await;
        let variable = |name: &str| {
            let at = exports.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
            at.unwrap_or_else(|| panic!("{name}: {exports}")).to_owned()
        };
        let url = variable("SCIMGATE_SCIM_URL");
        let scim = Client::new(url.trim_end_matches('/').to_owned()).with(&variable("SCIMGATE_SCIM_TOKEN"));
        let mut ada = user("Ada");
        ada["emails"] = serde_json::json!([{ "type": "work", "value": "Ada@Corp.Test" }]);
        let id = scim.post("/Users", &ada).await.expect(201).id();
        let name = ada["userName"].as_str().unwrap();
        let mut next = async || loop {
            let line = running.line().await;
            if line.contains(" → ") {
                return line;
            }
        };
        let line = next().await;
        let start = format!("POST /Users → 201  {name} created, mapped by tutorial@0.1.0 (");
        assert!(line.starts_with(&start) && line.ends_with(" changes)"), "{line}");
        let _ = scim.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!(next().await, format!("GET /Users/{id} → 200"));
        let _ = scim.post("/Users", &ada).await.expect(409);
        let line = next().await;
        assert!(line.starts_with("POST /Users → 409  ") && line.len() > 30, "{line}");

        // Neither address nor key.
        let users: Value =
            serde_json::from_str(&said(at_home(home.path(), &["directory", "users", "-o", "json"])).await).unwrap();
        assert_eq!(users["resources"][0]["id"], id);
        let tenants = said(at_home(home.path(), &["tenant", "list"])).await;
        assert!(tenants.contains("demo"), "{tenants}");
        // A given address is another gateway's: no key is sent there.
        let other = refusal(at_home(home.path(), &["tenant", "list", "--admin-url", "http://127.0.0.1:1"])).await;
        assert!(other.starts_with("this needs an operator key"), "{other}");

        let file = home.path().join(".local/state/scimgate/dev.json");
        let log = home.path().join("data/dev.log");
        for path in [&file, &log] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", text(path));
        }
        assert!(
            poll("the log has the request", async || {
                std::fs::read_to_string(&log).unwrap().contains("request answered").then_some(true)
            })
            .await
        );
        assert!(running.terminate().await.0.success());
        assert!(!file.exists());
        let gone = refusal(at_home(home.path(), &["tenant", "list"])).await;
        assert!(gone.starts_with("this needs an operator key"), "{gone}");
    });
}
