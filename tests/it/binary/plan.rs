//! `mapping plan`, `mapping shadow` and the question before an activation by which users vanish from the product.

use std::process::Stdio;

use scimgate_tests::binary::{command, finish};
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Request, Tenant, plugin};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::commands::Shell;
use super::serve::Home;

/// Ada and Bob, who is a contractor, and a draft that excludes contractors.
async fn prepare(shell: &Shell, tenant: &Tenant) -> String {
    let upload = Request::new("POST", "/plugins").body("application/wasm", plugin("tutorial"));
    let _ = shell.operator().send(upload).await;
    let _ = tenant.user("Ada").await;
    let mut bob = user("Bob");
    bob["userType"] = "Contractor".into();
    let bob = tenant.post("/Users", &bob).await.expect(201).id();
    let config = json!({ "lowerCaseMail": true, "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    let steps = json!([{ "plugin": "tutorial", "config": config, "resourceTypes": ["User"] }]);
    let file = shell.file("mapping.json", &json!({ "onFailure": "keep", "steps": steps }));
    assert!(shell.says(&["mapping", "draft", "acme", &file]).await.contains("state       draft"));
    bob
}

/// `mapping activate` at a terminal that answers with a line.
async fn activate_at_a_terminal(shell: &Shell, answer: &str) -> (bool, String) {
    let binary = command(&[]).as_std().get_program().to_str().unwrap().to_owned();
    // It makes a terminal of its own, on which the command asks.
    let mut command = shell.with_keys(Command::new("script"));
    command.args(["-qec", &format!("{binary} mapping activate acme 1"), "/dev/null"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut terminal = child.stdin.take().unwrap();
    terminal.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    drop(terminal);
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_mapping_is_planned_tried_on_live_writes_and_activated_by_commands() {
    block_on(async {
        let home = Home::new().await;
        let operator_key = home.furnish().await;
        let served = home.serve().await;
        let shell = Shell::new(&served.internal, operator_key);
        let tenant = Tenant::plain(&shell.operator(), "acme", (&served.public, &served.internal)).await;
        let bob = prepare(&shell, &tenant).await;

        let unplanned = shell.refused(&["mapping", "plan", "acme", "--show"]).await;
        assert!(unplanned.contains("There is no plan of revision 1"), "{unplanned}");
        let plan = shell.says(&["mapping", "plan", "acme", "--wait"]).await;
        for words in [
            "Plan of revision 1 against revision 0: 2 of 2 documents.",
            "1  changed",
            "1  newly excluded",
            "1    of them users, who vanish from the product",
            "A remap takes about ",
            "1  emails.value",
            "User Bob@corp.test: newly excluded: userType is \"Contractor\".",
            "- Ada@Corp.Test\n",
            "+ ada@corp.test\n",
        ] {
            assert!(plan.replace('"', "").contains(&words.replace('"', "")), "{words} is missing: {plan}");
        }
        assert_eq!(shell.json(&["mapping", "plan", "acme", "--show"]).await["vanishingUsers"], 1);

        let on = shell.says(&["mapping", "shadow", "on", "acme"]).await;
        assert!(on.contains("Revision 1 also maps 100 % of the writes."), "{on}");
        let change = patch(json!([{ "op": "replace", "path": "title", "value": "Boss" }]));
        let _ = tenant.patch(&format!("/Users/{bob}"), &change).await.expect(200);
        let report = poll("the draft has mapped the write", async || {
            let report = shell.says(&["mapping", "shadow", "report", "acme"]).await;
            report.contains(": 1 writes, 100 % of the writes").then_some(report)
        })
        .await;
        assert!(report.contains("1  newly excluded") && report.contains("User Bob@corp.test"), "{report}");
        let off = shell.says(&["mapping", "shadow", "off", "acme"]).await;
        assert_eq!(off, "No draft maps live writes of the tenant acme.");

        let refused = finish({
            let mut command = shell.command(&["mapping", "activate", "acme", "1"]);
            command.stdin(Stdio::null());
            command
        })
        .await;
        assert!(String::from_utf8_lossy(&refused.stderr).contains("confirm that with --yes"), "{refused:?}");
        let (activated, said) = activate_at_a_terminal(&shell, "n").await;
        assert!(!activated && said.contains("Activate the revision? [y/N]") && said.contains("nothing was activated"));
        let _ = tenant.directory(&format!("/users/{bob}")).await.expect(200);
        let (activated, said) = activate_at_a_terminal(&shell, "y").await;
        assert!(activated && said.contains("state       active"), "{said}");
        let done = shell.says(&["job", "show", "acme", "remap", "--wait"]).await;
        assert!(done.contains("finished"), "{done}");
        let _ = tenant.directory(&format!("/users/{bob}")).await.expect(404);

        served.running.kill().await;
        home.drop().await;
    });
}
