//! `scimgate oauth-client` and `signing-key` against a running server, and how `serve` reads the keys of issuers.

use std::process::Command;

use scimgate_tests::Client;
use scimgate_tests::binary::refusal;
use scimgate_tests::harness::block_on;
use scimgate_tests::issuer::{Issuer, Reply};
use scimgate_tests::jwt::{SigningKey, key_set};
use serde_json::json;

use super::commands::Shell;
use super::serve::Home;

/// Posts a form with curl, as the documents do; returns the reply.
fn post(url: &str, fields: &[(&str, &str)]) -> serde_json::Value {
    let mut curl = Command::new("curl");
    curl.args(["-s", url]);
    for (name, value) in fields {
        curl.args(["--data-urlencode", &format!("{name}={value}")]);
    }
    let output = curl.output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"))
}

/// The status of a request with an access token.
async fn status(public: &str, token: &serde_json::Value) -> u16 {
    let client = Client::new(format!("{public}/scim/v2")).with(token["access_token"].as_str().unwrap());
    client.get("/Users").await.status
}

/// A client that an issuer's assertion stands for, from its creation to its deletion.
async fn workload_identity(shell: &Shell, issuer: &Issuer, key: &SigningKey, public: &str) {
    let uri = issuer.uri();
    let mut create = vec!["oauth-client", "create", "acme", "--issuer", "https://issuer.test", "--subject", "me"];
    create.extend(["--audience", "api://x", "--jwks-uri", &uri]);
    let federated = shell.json(&create).await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = json!({ "iss": "https://issuer.test", "sub": "me", "aud": "api://x", "exp": now + 600, "jti": "1" });
    let jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let assertion = key.sign(&claims);
    let fields =
        [("grant_type", "client_credentials"), ("client_assertion_type", jwt_bearer), ("client_assertion", &assertion)];
    let token = post(federated["tokenUrl"].as_str().unwrap(), &fields);
    assert_eq!(status(public, &token).await, 200, "{token}");
    let id = federated["clientId"].as_str().unwrap();
    let _ = shell.says(&["oauth-client", "delete", "acme", id]).await;
    assert_eq!(status(public, &token).await, 401);
    let keys = shell.file("keys.json", &key_set(&[key]));
    assert!(shell.json(&["oauth-client", "create", "acme", "--keys", &keys]).await["assertion"]["keys"].is_object());
    let refused = shell.refused(&create[..create.len() - 2]).await;
    assert!(refused.contains("--jwks-uri or --keys"), "{refused}");
    let refused = shell.refused(&["oauth-client", "delete", "acme", id]).await;
    assert!(refused.contains("has no OAuth client with the id"), "{refused}");
}

#[test]
fn clients_and_keys_are_managed_by_commands() {
    block_on(async {
        let key = SigningKey::ec("1");
        let issuer = Issuer::start(Reply::Keys(key_set(&[&key]))).await;
        let home = Home::new().await;
        let operator_key = home.furnish().await;
        let files = tempfile::tempdir().unwrap();
        let ca = files.path().join("ca.pem");
        std::fs::write(&ca, &issuer.authority).unwrap();
        let ca = ca.to_str().unwrap();
        let served =
            home.serve_with(&[("SCIMGATE_ISSUER_NETWORKS", "127.0.0.1"), ("SCIMGATE_ISSUER_CA_FILE", ca)]).await;
        let shell = Shell::new(&served.internal, operator_key);
        let _ = shell.json(&["tenant", "create", "acme"]).await;
        let client = shell.json(&["oauth-client", "create", "acme", "--label", "Entra"]).await;
        let [id, secret] = ["clientId", "clientSecret"].map(|name| client[name].as_str().unwrap().to_owned());
        let said = shell.says(&["oauth-client", "create", "acme", "--token-seconds", "300"]).await;
        assert!(said.ends_with("The secret is shown only once.") && said.contains("/t/acme/oauth2/token"), "{said}");
        let url = format!("{}/oauth2/token", served.public);
        let ask = |secret: &str| {
            post(&url, &[("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", secret)])
        };
        let get = async |token: &serde_json::Value| status(&served.public, token).await;
        let token = ask(&secret);
        assert_eq!(get(&token).await, 200);
        let added = shell.json(&["oauth-client", "secret", "add", "acme", &id, "--expires-in-days", "30"]).await;
        let listed = shell.says(&["oauth-client", "secret", "list", "acme"]).await;
        assert!(listed.contains(added["id"].as_str().unwrap()) && !listed.contains(&secret), "{listed}");
        let first = client["secrets"][0]["id"].as_str().unwrap();
        let said = shell.says(&["oauth-client", "secret", "revoke", "acme", &id, first]).await;
        assert!(said.ends_with("is revoked."), "{said}");
        assert_eq!((ask(&secret)["error"].clone(), get(&token).await), (json!("invalid_client"), 200));
        let _ = shell.says(&["signing-key", "rotate"]).await;
        assert_eq!(get(&token).await, 200);
        let _ = shell.says(&["signing-key", "rotate", "--revoke-others"]).await;
        assert_eq!(get(&token).await, 401);
        assert_eq!(shell.says(&["signing-key", "list"]).await.matches("revoked").count(), 2);
        assert!(shell.says(&["oauth-client", "list", "acme"]).await.contains("Entra"));
        workload_identity(&shell, &issuer, &key, &served.public).await;
        drop(served);
        let refused = refusal(home.command(&["serve", "--issuer-ca-file", "/nowhere/ca.pem"])).await;
        assert!(refused.starts_with("the file of --issuer-ca-file, /nowhere/ca.pem, cannot be read"), "{refused}");
        home.drop().await;
    });
}
