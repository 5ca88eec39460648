//! Signatures of plugins: checked at the upload, and when a plugin is loaded.

use scimgate::config::Plugins;
use scimgate_tests::harness::block_on;
use scimgate_tests::plugins::{Plain, Signer};
use scimgate_tests::{Answer, Request, TestGateway};
use serde_json::{Value, json};

use super::{draft, mapping, text};

fn accepting(signers: &[&Signer], require_signature: bool) -> Plugins {
    let keys = signers.iter().map(|signer| signer.public().parse().unwrap()).collect();
    Plugins { keys, require_signature, ..Plugins::default() }
}

async fn push(gateway: &TestGateway, plugin: &Plain<'_>, signature: Option<&str>) -> Answer {
    use base64::Engine as _;
    let mut upload = Request::new("POST", "/plugins").body("application/wasm", plugin.wasm());
    if let Some(signature) = signature {
        upload = upload.header("plugin-signature", &base64::engine::general_purpose::STANDARD.encode(signature));
    }
    gateway.operator.send(upload).await
}

/// The id of a signer's key.
fn id(signer: &Signer) -> String {
    accepting(&[signer], false).keys[0].id.clone()
}

#[test]
fn only_plugins_with_an_accepted_signature_are_taken_where_one_is_required() {
    block_on(async {
        let (ours, second, foreign) = (Signer::new(), Signer::new(), Signer::new());
        let gateway = TestGateway::with_plugins(accepting(&[&ours, &second], true)).await;
        let house = Plain::new("house", "1.0.0", "");
        let wasm = house.wasm();
        let keys = format!("by one of the keys {}, {}", id(&ours), id(&second));
        let other = Plain::new("house", "1.0.0", "other").wasm();
        let changed = ours.sign(&wasm).replace("a test", "the best");
        let foreign_key = format!("The signature is by the key {}. A plugin must be signed {keys}.", id(&foreign));
        let wrong = format!("The signature by the key {} does not fit the plugin", id(&ours));
        for (signature, why) in [
            (None, format!("The plugin is not signed, and here each must be, {keys}.")),
            (Some(foreign.sign(&wasm)), foreign_key),
            (Some(ours.sign(&other)), wrong.clone()),
            (Some(changed), wrong),
            (Some("signed by me".to_owned()), format!("A plugin must be signed {keys}.")),
        ] {
            let refusal = push(&gateway, &house, signature.as_deref()).await.expect(400);
            assert!(text(&refusal, "detail").contains(&why), "{}", refusal.text);
        }
        assert_eq!(gateway.operator.get("/plugins").await.expect(200).body["plugins"], json!([]));

        let signature = ours.sign(&wasm);
        let pushed = push(&gateway, &house, Some(&signature)).await.expect(201);
        assert_eq!((&pushed.body["signedBy"], &pushed.body["signature"]), (&json!(id(&ours)), &json!(signature)));
        let listed = gateway.operator.get("/plugins").await.expect(200).body["plugins"][0].clone();
        assert_eq!((&listed["signedBy"], listed.get("signature")), (&json!(id(&ours)), None));
        let again = push(&gateway, &house, Some(&second.sign(&wasm))).await.expect(200);
        assert_eq!(
            (&again.body["added"], &again.body["signedBy"]),
            (&json!(false), &json!(id(&second))),
            "signed anew"
        );
        gateway.end().await;
    });
}

#[test]
fn a_plugin_is_loaded_only_with_an_accepted_signature() {
    block_on(async {
        let (ours, others) = (Signer::new(), Signer::new());
        let gateway = TestGateway::with_plugins(accepting(&[&others], false)).await;
        let tenant = gateway.plain_tenant("acme").await;
        let house = Plain::new("house", "1.0.0", "");
        let pushed = push(&gateway, &house, None).await.expect(201);
        assert_eq!(pushed.body["signedBy"], Value::Null, "none is required here");
        let put = gateway.operator.put("/tenants/acme/mapping", &mapping("house")).await.expect(200);
        let _ = tenant.user("ada").await;

        // Another replica requires one, also of what is there, compiled or not.
        let replica = gateway.replica_with_plugins(accepting(&[&ours], true)).await;
        let endpoint = (format!("http://{}", replica.public), format!("http://{}", replica.internal));
        let there = tenant.at((&endpoint.0, &endpoint.1));
        let _ = there.post("/Users", &scimgate_tests::tenant::user("ben")).await.expect(500);
        let refusal = draft(&replica, "acme", "house").await.expect(409);
        let why = format!("house@1.0.0: The plugin is not signed, and here each must be, by the key {}.", id(&ours));
        assert_eq!(text(&refusal, "detail"), why);
        // The same bytes with a signature, and it runs.
        let signature = ours.sign(&house.wasm());
        let refusal = push(&gateway, &house, Some(&signature)).await.expect(400);
        assert!(text(&refusal, "detail").contains(&id(&others)), "this one accepts another key: {}", refusal.text);
        let signed = push(&replica, &house, Some(&signature)).await.expect(200);
        assert_eq!(
            (&signed.body["digest"], &signed.body["signedBy"]),
            (&put.body["steps"][0]["plugin"], &json!(id(&ours)))
        );
        let _ = there.post("/Users", &scimgate_tests::tenant::user("ben")).await.expect(201);
        // A signature that was changed in the database is none.
        let owner = gateway.store().await;
        owner
            .execute("UPDATE plugin_release SET signature = replace(signature, 'a test', 'the best')", &[])
            .await
            .unwrap();
        let third = gateway.replica_with_plugins(accepting(&[&ours], true)).await;
        let refusal = draft(&third, "acme", "house").await.expect(409);
        assert!(text(&refusal, "detail").contains("does not fit the plugin"), "{}", refusal.text);
        third.end().await;
        replica.end().await;
        gateway.end().await;
    });
}

#[test]
fn a_signature_that_nobody_could_check_is_refused() {
    block_on(async {
        let gateway = TestGateway::with_plugins(Plugins::default()).await;
        let house = Plain::new("house", "1.0.0", "");
        let refusal = push(&gateway, &house, Some(&Signer::new().sign(&house.wasm()))).await.expect(400);
        assert!(text(&refusal, "detail").contains("--plugin-key"), "{}", refusal.text);
        let upload =
            Request::new("POST", "/plugins").body("application/wasm", house.wasm()).header("plugin-signature", "x");
        let refusal = gateway.operator.send(upload).await.expect(400);
        assert!(text(&refusal, "detail").contains("in base64"), "{}", refusal.text);
        gateway.end().await;
    });
}
