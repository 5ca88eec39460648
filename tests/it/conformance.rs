//! Third-party conformance clients against the built binary, on both databases. docs/conformance.md says what they do not
//! check, and why.

use scimgate_tests::binary::{Running, dev};
use scimgate_tests::conformance::{Mode, Tester};
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;
use scimgate_tests::{Client, Tenant};
use serde_json::{Value, json};

/// Checks that scim2-tester makes on a tenant with the standard schemas, at least.
const SCIM2_CHECKS: usize = 130;
/// Checks that scim-sanity makes on users and groups, at least.
const SANITY_CHECKS: usize = 28;
/// Checks that scim2-tester makes on the resource types of the packs, at least.
const PACK_CHECKS: usize = 200;

fn definition(name: &str) -> Value {
    let path = scimgate_tests::root().join("tests/testdata/conformance").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A tenant like the demo's, with further extensions of users and groups.
async fn extended(operator: &Client, addresses: (&str, &str)) -> Tenant {
    let tenant = Tenant::demo(operator, "extended", addresses).await;
    for (resource_type, name) in [("User", "user-extension.json"), ("Group", "group-extension.json")] {
        let body = json!({ "schema": definition(name), "resourceType": resource_type });
        let _ = operator.post("/tenants/extended/schemas", &body).await.expect(201);
    }
    tenant
}

/// Checks a tenant with the resource types of the packs. Only by scim2-tester, which uses the discovered schemas:
/// scim-sanity sends agents by another draft than the pack's.
async fn check_packs(operator: &Client, addresses: (&str, &str), database: &str) {
    let tenant = Tenant::plain(operator, "packs", addresses).await;
    for pack in ["okta", "agents"] {
        let _ = operator.post("/tenants/packs/schema-packs", &json!({ "pack": pack })).await.expect(200);
    }
    let server = format!("{database}, tenant packs");
    Tester::Scim2.run(&tenant.scim, &server).await.assert_clean(PACK_CHECKS);
}

async fn check(operator: &Client, addresses: (&str, &str), database: &str) {
    let plain = Tenant::plain(operator, "plain", addresses).await;
    let extended = extended(operator, addresses).await;
    for tenant in [plain, extended] {
        let server = format!("{database}, tenant {}", tenant.name);
        // A user and a group exist before.
        let (ada, crew) = (tenant.user("ada").await, tenant.group("crew").await);
        for (tester, checks) in [
            (Tester::Scim2, SCIM2_CHECKS),
            (Tester::Sanity(Mode::Compat), SANITY_CHECKS),
            (Tester::Sanity(Mode::Strict), SANITY_CHECKS),
        ] {
            tester.run(&tenant.scim, &server).await.assert_clean(checks);
        }
        // The clients deleted what they created, and nothing else.
        for (path, left) in [("/Users", ada), ("/Groups", crew)] {
            let list = tenant.get(path).await.expect(200);
            assert_eq!((&list.body["totalResults"], &list.body["Resources"][0]["id"]), (&json!(1), &json!(left)));
        }
    }
    check_packs(operator, addresses, database).await;
}

#[test]
fn conformance_clients_find_nothing_on_postgres() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let served = Prepared::new(&fresh.url, &[]).await.serve(&[]).await;
        check(&served.operator, served.addresses(), "PostgreSQL").await;
        assert!(served.running.terminate().await.0.success());
        fresh.drop().await;
    });
}

#[test]
fn conformance_clients_find_nothing_on_the_embedded_database() {
    block_on(async {
        let mut command = dev(&["--ephemeral"]);
        // Without a line for each request: the binary would block on a full pipe.
        command.env("SCIMGATE_LOG", "warn");
        let mut running = Running::start(command);
        let ready: Value = serde_json::from_str(&running.line().await).unwrap();
        running.pass_log();
        let text = |key: &str| ready[key].as_str().unwrap();
        let operator = Client::new(text("admin_url").to_owned()).with(text("operator_key"));
        let public = text("tenant_url").trim_end_matches("/scim/v2/");
        let internal = text("admin_url").trim_end_matches("/admin/v1");
        check(&operator, (public, internal), "the embedded database").await;
        assert!(running.terminate().await.0.success());
    });
}
