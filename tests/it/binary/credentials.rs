//! The commands for operator keys, the audit and the rotation of tokens, and the recovery of a lost key.

use scimgate_tests::Client;
use scimgate_tests::binary::{Running, refusal};
use scimgate_tests::harness::block_on;
use serde_json::Value;

use super::commands::Shell;
use super::serve::{Home, said};
use super::{client, text};

#[test]
fn keys_and_tokens_are_replaced_and_recorded_by_commands() {
    block_on(async {
        let home = Home::new().await;
        let first = home.furnish().await;
        let served = home.serve().await;
        let shell = Shell::new(&served.internal, first.clone());
        let _ = shell.json(&["tenant", "create", "acme"]).await;
        rotation(&shell, &served.public).await;

        let issue = ["operator-key", "issue", "--scope", "plugins", "--scope", "read", "--label", "build server"];
        let issued = shell.json(&issue).await;
        let secret = issued["secret"].as_str().unwrap().to_owned();
        let builder = Shell::new(&served.internal, secret.clone());
        assert!(builder.says(&["plugin", "list"]).await.contains("There are none"));
        let refused = builder.refused(&["tenant", "create", "globex"]).await;
        assert!(refused.contains("with the scope tenants") && refused.contains("plugins and read"), "{refused}");
        let listed = shell.says(&["operator-key", "list"]).await;
        assert!(listed.contains("build server") && listed.contains("bootstrap"), "{listed}");
        let own = shell.json(&["operator-key", "list"]).await["operatorKeys"][1]["id"].as_str().unwrap().to_owned();
        assert!(shell.refused(&["operator-key", "revoke", &own]).await.contains("--yes"));

        let refused = refusal(home.command(&["bootstrap"])).await;
        assert!(refused.contains("bootstrap --replace"), "{refused}");
        let replaced = said(home.command(&["bootstrap", "--replace"])).await;
        let key = replaced.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
        assert!(replaced.contains("still accepted") && replaced.contains("build server"), "{replaced}");
        scimgate_tests::poll("the first key is refused", async || {
            let answer = Client::new(format!("{}/admin/v1", served.internal)).with(&first).get("/tenants").await;
            (answer.status == 401).then_some(())
        })
        .await;
        let shell = Shell::new(&served.internal, key);
        let revoked = shell.says(&["operator-key", "revoke", issued["id"].as_str().unwrap()]).await;
        assert!(revoked.ends_with("is revoked."), "{revoked}");
        audit(&shell, &[secret, first]).await;
        let replaced = said(home.command(&["bootstrap", "--replace", "--revoke-others"])).await;
        assert!(replaced.ends_with("No other operator key is accepted."), "{replaced}");
        served.running.kill().await;
        home.drop().await;
    });
}

async fn rotation(shell: &Shell, public: &str) {
    let old = shell.json(&["token", "issue", "acme", "--network", "127.0.0.0/8"]).await;
    let id = old["id"].as_str().unwrap();
    let new = shell.json(&["token", "rotate", "start", "acme", id]).await;
    assert_eq!((&new["state"], &new["networks"]), (&"pending".into(), &old["networks"]));
    let with = |token: &Value| Client::new(format!("{public}/scim/v2")).with(token["secret"].as_str().unwrap());
    for token in [&old, &new] {
        let _ = with(token).get("/Users").await.expect(200);
    }
    let listed = shell.says(&["token", "list", "acme"]).await;
    assert!(listed.contains("retiring") && listed.contains("pending"), "{listed}");
    assert!(shell.says(&["token", "rotate", "complete", "acme", id, "--yes"]).await.contains("is revoked"));
    let _ = with(&old).get("/Users").await.expect(401);
    let _ = with(&new).get("/Users").await.expect(200);
    let again = shell.refused(&["token", "rotate", "cancel", "acme", id]).await;
    assert!(again.contains("is not being rotated"), "{again}");
}

async fn audit(shell: &Shell, secrets: &[String]) {
    let listed = shell.says(&["audit", "--tenant", "acme"]).await;
    assert!(listed.contains("token.rotate-complete") && !listed.contains("schema.migrate"), "{listed}");
    let exported = shell.says(&["audit", "--export"]).await;
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&str> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..3], ["schema.migrate", "operator-key.bootstrap", "tenant.create"]);
    assert!(actions.contains(&"operator-key.replace"), "{actions:?}");
    let since = lines.last().unwrap()["at"].as_str().unwrap();
    assert!(shell.json(&["audit", "--since", since]).await["changes"].as_array().unwrap().len() < lines.len());
    assert!(secrets.iter().all(|secret| !exported.contains(&secret[4..])), "a secret is recorded");
}

#[test]
fn dev_has_the_same_operator_key_at_each_start() {
    block_on(async {
        let data = tempfile::tempdir().unwrap();
        let start = async || Running::dev(&["--data-dir", text(data.path())]).await;
        let (running, first) = start().await;
        let keys = client(&first, "admin_url", "operator_key").get("/operator-keys").await.expect(200).body;
        let id = keys["operatorKeys"][0]["id"].as_str().unwrap().to_owned();
        assert!(running.terminate().await.0.success());

        let (running, second) = start().await;
        assert_eq!(first["operator_key"], second["operator_key"]);
        let operator = client(&second, "admin_url", "operator_key");
        let keys = operator.get("/operator-keys").await.expect(200).body;
        assert_eq!(keys["operatorKeys"].as_array().unwrap().len(), 1);
        let _ = operator.delete(&format!("/operator-keys/{id}?confirm=true")).await.expect(204);
        assert!(running.terminate().await.0.success());

        let (running, third) = start().await;
        assert_ne!(first["operator_key"], third["operator_key"], "a revoked key stays revoked");
        let _ = client(&third, "admin_url", "operator_key").get("/tenants").await.expect(200);
        let _ = client(&third, "admin_url", "operator_key")
            .with(first["operator_key"].as_str().unwrap())
            .get("/tenants")
            .await
            .expect(401);
        assert!(running.terminate().await.0.success());
    });
}
