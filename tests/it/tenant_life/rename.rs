//! Renaming a tenant: its tokens and its addresses stay valid, and nobody else gets a name that still leads to it.

use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::user;
use scimgate_tests::{Answer, Client, Database, TestGateway, on_both, poll};
use serde_json::json;

on_both!(a_renamed_tenant_goes_on_at_both_addresses, a_new_name_that_cannot_be_is_refused);

/// The tenant's own address.
fn address(gateway: &TestGateway, client: &Client, name: &str) -> Client {
    client.at(format!("http://{}/t/{name}/scim/v2", gateway.public))
}

async fn rename(gateway: &TestGateway, from: &str, to: &str) -> Answer {
    gateway.operator.patch(&format!("/tenants/{from}"), &json!({ "name": to })).await
}

async fn a_renamed_tenant_goes_on_at_both_addresses(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let globex = gateway.plain_tenant("globex").await;
    let old = address(gateway, &acme.scim, "acme");
    let ada = old.post("/Users", &user("ada")).await.expect(201).id();
    let renamed = rename(gateway, "acme", "acme-eu").await.expect(200).body;
    assert_eq!((&renamed["name"], &renamed["formerNames"]), (&json!("acme-eu"), &json!(["acme"])));
    assert!(renamed["scimUrl"].as_str().unwrap().ends_with("/t/acme-eu/scim/v2"));
    let new = address(gateway, &acme.scim, "acme-eu");
    for (client, name) in [(&new, "acme-eu"), (&old, "acme")] {
        let read = client.get(&format!("/Users/{ada}")).await.expect(200);
        let location = read.body["meta"]["location"].as_str().unwrap();
        assert!(location.contains(&format!("/t/{name}/scim/v2/Users/")), "the address that was asked: {location}");
    }
    let _ = acme.get("/Users").await.expect(200);
    let _ = acme.directory("/users").await.expect(200);
    // Nobody else's token is accepted there, and no name leads to another tenant.
    for name in ["acme", "acme-eu"] {
        let _ = address(gateway, &globex.scim, name).get("/Users").await.expect(401);
    }
    let gone = gateway.operator.get("/tenants/acme").await.expect(404);
    assert!(gone.text.contains("that one is called acme-eu now"), "{}", gone.text);
    let taken = gateway.operator.post("/tenants", &json!({ "name": "acme" })).await.expect(409);
    assert!(taken.text.contains("scimgate tenant forget-name acme-eu acme"), "{}", taken.text);
    let _ = rename(gateway, "globex", "acme").await.expect(409);
    // Forgotten, the name is free, and the address ends.
    let names = "/tenants/acme-eu/former-names";
    let _ = gateway.operator.delete(&format!("{names}/globex")).await.expect(404);
    let _ = gateway.operator.delete(&format!("{names}/acme")).await.expect(200);
    let _ = old.get("/Users").await.expect(401);
    let _ = new.get("/Users").await.expect(200);
    let _ = gateway.operator.post("/tenants", &json!({ "name": "acme" })).await.expect(201);
    let audit = gateway.operator.get("/audit?tenant=acme-eu").await.expect(200).body;
    let actions: Vec<&str> =
        audit["changes"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).take(2).collect();
    assert_eq!(actions, ["tenant.forget-name", "tenant.rename"]);
}

async fn a_new_name_that_cannot_be_is_refused(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let _ = gateway.plain_tenant("globex").await;
    for (to, status) in [("Acme", 400), ("", 400), ("-a", 400), ("globex", 409)] {
        let _ = rename(gateway, "acme", to).await.expect(status);
    }
    let _ = rename(gateway, "none", "some").await.expect(404);
    assert_eq!(rename(gateway, "acme", "acme").await.expect(200).body["formerNames"], json!([]));
    // Back and forth it is one former name.
    for (from, to) in [("acme", "b"), ("b", "acme"), ("acme", "b"), ("b", "acme")] {
        let _ = rename(gateway, from, to).await.expect(200);
    }
    assert_eq!(gateway.operator.get("/tenants/acme").await.expect(200).body["formerNames"], json!(["b"]));
    let mut name = "acme".to_owned();
    for number in 1..10 {
        let next = format!("n{number}");
        let _ = rename(gateway, &name, &next).await.expect(200);
        name = next;
    }
    let refused = rename(gateway, &name, "one-more").await.expect(409);
    assert!(refused.text.contains("10 former names"), "{}", refused.text);
    let _ = acme.get("/Users").await.expect(200);
}

/// Every replica has the new name within a second.
#[test]
fn a_replica_knows_both_names() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let replica = gateway.replica().await;
        let acme = gateway.plain_tenant("acme").await;
        let [old, new] = ["acme", "acme-eu"].map(|name| address(&replica, &acme.scim, name));
        let _ = old.get("/Users").await.expect(200);
        let _ = new.get("/Users").await.expect(401);
        let _ = rename(&gateway, "acme", "acme-eu").await.expect(200);
        poll("the replica has the new name", async || (new.get("/Users").await.status == 200).then_some(())).await;
        let _ = old.get("/Users").await.expect(200);
        let _ = gateway.operator.delete("/tenants/acme-eu/former-names/acme").await.expect(200);
        poll("the replica has forgotten the former name", async || {
            (old.get("/Users").await.status == 401).then_some(())
        })
        .await;
        replica.end().await;
        gateway.end().await;
    });
}

/// Of concurrent renames to one name one succeeds, and the others say that it is taken.
#[test]
fn one_of_many_tenants_gets_a_name() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        for number in 0..6 {
            let _ = gateway.operator.post("/tenants", &json!({ "name": format!("t{number}") })).await.expect(201);
        }
        let renames = (0..6).map(|number| {
            let (operator, path) = (gateway.operator.clone(), format!("/tenants/t{number}"));
            tokio::spawn(async move { operator.patch(&path, &json!({ "name": "acme" })).await.status })
        });
        let mut statuses = Vec::new();
        for rename in renames.collect::<Vec<_>>() {
            statuses.push(rename.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
        gateway.end().await;
    });
}
