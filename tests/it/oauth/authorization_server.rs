//! Workload identity with a real authorization server of others: its access tokens are exchanged for those of the gateway.

use std::process::Stdio;

use scimgate::auth::oauth::fetch::FetchRules;
use scimgate_tests::conformance::tools;
use scimgate_tests::harness::block_on;
use scimgate_tests::{Database, TestGateway, issuer, jwt, root};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::{by_assertion, check_refusal, create, token};

/// An access token of the server for the gateway.
fn assertion(address: &str, authority: &std::path::Path) -> String {
    let mut curl = std::process::Command::new("curl");
    curl.args(["-s", "--cacert"]).arg(authority).arg(format!("{address}/token"));
    for field in [
        "grant_type=client_credentials",
        "client_id=provisioning",
        "client_secret=a-secret-of-the-authorization-server",
        "resource=api://scimgate",
        "scope=provision",
    ] {
        curl.args(["--data-urlencode", field]);
    }
    let output = curl.output().unwrap();
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"));
    reply["access_token"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
}

#[test]
fn an_access_token_of_an_authorization_server_is_exchanged() {
    block_on(async {
        let folder = issuer::certificates();
        let path = |name: &str| folder.path().join(name);
        let modules = tools().join("node");
        assert!(modules.join("node_modules/oidc-provider").exists(), "it is missing; run `make conformance-tools`");
        let mut server = Command::new("node")
            .arg(root().join("tests/conformance/authorization_server.mjs"))
            .args([&modules, &path("server.pem"), &path("server.key")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let address = lines.next_line().await.unwrap().unwrap();
        let gateway = TestGateway::start(Database::Postgres).await;
        // The server has the machine's time.
        gateway.clock.advance(gateway.clock.now().elapsed().unwrap());
        let _ = gateway.plain_tenant("acme").await;
        let authorities = reqwest::Certificate::from_pem_bundle(&std::fs::read(path("ca.pem")).unwrap()).unwrap();
        let networks = vec!["127.0.0.1".parse().unwrap()];
        gateway.gateway.auth.oauth.set_fetch_rules(FetchRules { networks, authorities });
        let trust = |audience: &str| {
            json!({ "assertion": {
                "issuer": address, "subject": "provisioning", "audience": audience, "jwksUri": format!("{address}/jwks"),
            } })
        };
        let other = create(&gateway, "acme", &trust("api://other")).await["clientId"].as_str().unwrap().to_owned();
        let theirs = assertion(&address, &path("ca.pem"));
        assert_eq!(jwt::part(&theirs, 0)["alg"], "RS256");
        check_refusal(&by_assertion(&gateway, "/oauth2/token", Some(&other), &theirs).await, 401, "invalid_client");
        let _ = gateway.operator.delete(&format!("/tenants/acme/oauth-clients/{other}")).await.expect(204);
        let _ = create(&gateway, "acme", &trust("api://scimgate")).await;
        let answer = by_assertion(&gateway, "/t/acme/oauth2/token", None, &theirs).await.expect(200);
        assert!(answer.body["expires_in"].as_u64().is_some_and(|seconds| seconds <= 600), "{}", answer.text);
        let ours = token(answer);
        let _ = gateway.anonymous().with(&ours).get("/Users").await.expect(200);
        let _ = gateway.anonymous().with(&theirs).get("/Users").await.expect(401);
        check_refusal(&by_assertion(&gateway, "/t/acme/oauth2/token", None, &theirs).await, 401, "invalid_client");
        let _ =
            token(by_assertion(&gateway, "/t/acme/oauth2/token", None, &assertion(&address, &path("ca.pem"))).await);
        gateway.end().await;
    });
}
