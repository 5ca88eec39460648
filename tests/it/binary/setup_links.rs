//! `scimgate setup-link` against a running server.

use reqwest::Url;
use scimgate_tests::harness::block_on;
use scimgate_tests::{Client, Request};

use super::commands::Shell;
use super::serve::Home;

#[test]
fn a_link_is_created_used_listed_and_revoked_by_commands() {
    block_on(async {
        let home = Home::new().await;
        let key = home.furnish().await;
        let served = home.serve().await;
        let shell = Shell::new(&served.internal, key);
        let _ = shell.json(&["tenant", "create", "acme"]).await;
        assert!(shell.says(&["setup-link", "list", "acme"]).await.contains("There are none."));
        let create = ["setup-link", "create", "acme", "--provider", "entra", "--label", "Acme", "--expires", "2d"];
        let link = shell.json(&create).await;
        assert_eq!((&link["provider"], &link["method"]), (&"entra".into(), &"token".into()));
        let path = Url::parse(link["url"].as_str().unwrap()).unwrap().path().to_owned();
        let public = Client::new(served.public.clone());
        let page = public.get(&path).await.expect(200);
        assert!(page.text.contains("Connect Microsoft Entra ID to <em>acme</em>"), "{}", page.text);
        let _ = public.send(Request::new("POST", &path)).await.expect(200);
        let listed = shell.says(&["setup-link", "list", "acme"]).await;
        assert!(listed.contains("used") && listed.contains("Acme") && !listed.contains(&path[11..]), "{listed}");
        let revoked = shell.says(&["setup-link", "revoke", "acme", link["id"].as_str().unwrap()]).await;
        assert!(revoked.ends_with("is revoked."), "{revoked}");
        let said = shell.says(&create).await;
        assert!(said.contains("/setup/sgs_") && said.contains("shown only once"), "{said}");
        let refused =
            shell.refused(&["setup-link", "create", "acme", "--provider", "okta", "--method", "client"]).await;
        assert!(refused.contains("its method is token"), "{refused}");
        served.running.kill().await;
        home.drop().await;
    });
}
