//! The commands for the life of a tenant.

use scimgate_tests::harness::block_on;
use scimgate_tests::{Client, poll};

use super::commands::Shell;
use super::serve::Home;

#[test]
fn a_tenant_is_deleted_and_erased_by_commands() {
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
        let shown = shell.says(&["tenant", "show", "acme"]).await;
        assert!(shown.contains("keeps events, in days"), "{shown}");

        let refused = shell.refused(&["tenant", "erase", "acme"]).await;
        assert!(
            refused.contains("without a way back; confirm with `scimgate tenant erase acme --yes acme`"),
            "{refused}"
        );
        let refused = shell.refused(&["tenant", "erase", "acme", "--yes", "other"]).await;
        assert!(refused.contains("must be the tenant's name, acme"), "{refused}");
        let deleted = shell.says(&["tenant", "delete", "acme", "--yes"]).await;
        assert!(deleted.contains("Its rows are kept until `scimgate tenant erase acme`"), "{deleted}");
        let listed = shell.says(&["tenant", "list", "--deleted"]).await;
        assert!(listed.contains("acme") && listed.contains("false"), "{listed}");

        let begun = shell.json(&["tenant", "erase", "acme", "--yes", "acme", "--no-wait"]).await;
        let id = begun["tenant"].as_str().unwrap().to_owned();
        let proof = "A search over every table with rows of tenants found 0 rows in ";
        let shown = shell.says(&["tenant", "erasures", &id, "--wait"]).await;
        assert!(shown.contains(proof) && shown.contains("finished"), "{shown}");
        poll("the token is refused", async || (scim.get("/Users").await.status == 401).then_some(())).await;
        assert!(shell.says(&["tenant", "list", "--deleted"]).await.contains("There are none"));
        let _ = shell.json(&["tenant", "create", "acme"]).await;
        let erased = shell.says(&["tenant", "erase", "acme", "--yes", "acme"]).await;
        assert!(erased.contains(proof), "{erased}");
        let listed = shell.json(&["tenant", "erasures"]).await;
        assert_eq!(listed["erasures"].as_array().unwrap().len(), 2, "{listed}");
        served.running.kill().await;
        home.drop().await;
    });
}
