//! The commands for the life of a tenant.

use scimgate_tests::harness::block_on;
use scimgate_tests::{Client, poll};

use super::commands::Shell;
use super::serve::Home;

#[test]
fn a_tenant_is_renamed_deleted_and_erased_by_commands() {
    block_on(async {
        let home = Home::new().await;
        let key = home.furnish().await;
        let served = home.serve().await;
        let shell = Shell::new(&served.internal, key);
        let _ = shell.json(&["tenant", "create", "acme"]).await;
        let token = shell.json(&["token", "issue", "acme"]).await["secret"].as_str().unwrap().to_owned();
        let scim = Client::new(format!("{}/scim/v2", served.public)).with(&token);
        let _ = scim.post("/Users", &scimgate_tests::tenant::user("ada")).await.expect(201);

        let kept = shell.says(&["tenant", "retention", "acme", "--tombstones", "7d"]).await;
        assert!(
            kept.contains("deleted resources, in days  7") && kept.contains("events, in days             -"),
            "{kept}"
        );
        let kept = shell.says(&["tenant", "retention", "acme", "--events", "60", "--tombstones", "default"]).await;
        assert!(
            kept.contains("deleted resources, in days  -") && kept.contains("events, in days             60"),
            "{kept}"
        );
        let renamed = shell.says(&["tenant", "rename", "acme", "acme-eu"]).await;
        assert!(renamed.contains("former names  acme") && renamed.contains("/t/acme-eu/scim/v2"), "{renamed}");
        let shown = shell.says(&["tenant", "show", "acme-eu"]).await;
        assert!(shown.contains("keeps events, in days") && shown.contains("former names"), "{shown}");
        let forgotten = shell.says(&["tenant", "forget-name", "acme-eu", "acme"]).await;
        assert!(forgotten.contains("acme is forgotten"), "{forgotten}");

        let refused = shell.refused(&["tenant", "erase", "acme-eu"]).await;
        assert!(
            refused.contains("without a way back; confirm with `scimgate tenant erase acme-eu --yes acme-eu`"),
            "{refused}"
        );
        let refused = shell.refused(&["tenant", "erase", "acme-eu", "--yes", "acme"]).await;
        assert!(refused.contains("must be the tenant's name, acme-eu"), "{refused}");
        let deleted = shell.says(&["tenant", "delete", "acme-eu", "--yes"]).await;
        assert!(deleted.contains("Its rows are kept until `scimgate tenant erase acme-eu`"), "{deleted}");
        let listed = shell.says(&["tenant", "list", "--deleted"]).await;
        assert!(listed.contains("acme-eu") && listed.contains("false"), "{listed}");

        let begun = shell.json(&["tenant", "erase", "acme-eu", "--yes", "acme-eu", "--no-wait"]).await;
        let id = begun["tenant"].as_str().unwrap().to_owned();
        let proof = "A search over every table with rows of tenants found 0 rows in ";
        let shown = shell.says(&["tenant", "erasures", &id, "--wait"]).await;
        assert!(shown.contains(proof) && shown.contains("finished"), "{shown}");
        poll("the token is refused", async || (scim.get("/Users").await.status == 401).then_some(())).await;
        assert!(shell.says(&["tenant", "list", "--deleted"]).await.contains("There are none"));
        let _ = shell.json(&["tenant", "create", "acme-eu"]).await;
        let erased = shell.says(&["tenant", "erase", "acme-eu", "--yes", "acme-eu"]).await;
        assert!(erased.contains(proof), "{erased}");
        let listed = shell.json(&["tenant", "erasures"]).await;
        assert_eq!(listed["erasures"].as_array().unwrap().len(), 2, "{listed}");
        served.running.kill().await;
        home.drop().await;
    });
}
