//! `scimgate tenant sso-subject` and `directory user --sso-subject` against a running server.

use scimgate_tests::Client;
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::user;

use super::commands::Shell;
use super::serve::Home;

#[test]
fn the_single_sign_on_subject_is_set_and_a_user_found_by_it() {
    block_on(async {
        let home = Home::new().await;
        let key = home.furnish().await;
        let served = home.serve().await;
        let mut shell = Shell::new(&served.internal, key);
        let _ = shell.json(&["tenant", "create", "acme"]).await;
        let token = shell.json(&["token", "issue", "acme"]).await;
        let scim = Client::new(format!("{}/scim/v2", served.public)).with(token["secret"].as_str().unwrap());
        let ada = scim.post("/Users", &user("ada")).await.expect(201).id();
        let key = shell.json(&["token", "issue", "acme", "--scope", "directory"]).await;
        shell.directory_key = key["secret"].as_str().unwrap().to_owned();

        assert_eq!(shell.json(&["tenant", "sso-subject", "acme"]).await["path"], serde_json::Value::Null);
        let waited = shell.says(&["tenant", "sso-subject", "acme", "userName", "--wait"]).await;
        assert!(waited.starts_with("Check of 1 mapped documents") && waited.contains("0  do not comply"), "{waited}");
        let shown = shell.says(&["directory-schema", "show", "acme"]).await;
        assert!(shown.contains("userName is the single sign-on subject"), "{shown}");
        let found = shell.json(&["directory", "user", "--sso-subject", "ADA@corp.test"]).await;
        assert_eq!((&found["id"], &found["ssoSubject"]), (&ada.as_str().into(), &"ada@corp.test".into()));
        let nobody = shell.refused(&["directory", "user", "--sso-subject", "bob@corp.test"]).await;
        assert!(nobody.contains("no user has the single sign-on subject bob@corp.test"), "{nobody}");
        let off = shell.says(&["tenant", "sso-subject", "acme", "off"]).await;
        assert!(off.contains("single sign-on subject  -"), "{off}");
        served.running.kill().await;
        home.drop().await;
    });
}
