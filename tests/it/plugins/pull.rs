//! Pulling plugins from an OCI registry: one that behaves, and one that does not.

use scimgate::config::Plugins;
use scimgate::oci::{SIGNATURE_LAYER, WASM_LAYERS};
use scimgate_tests::harness::block_on;
use scimgate_tests::oci::{OciRegistry, Reply, digest};
use scimgate_tests::plugins::{Plain, Signer};
use scimgate_tests::{Answer, TestGateway};
use serde_json::{Value, json};

use super::text;

const WASM: &str = WASM_LAYERS[0];
const HOUSE: &str = "acme/house";

fn from(registry: &OciRegistry) -> Plugins {
    Plugins { registries: vec![format!("http://{}", registry.address).parse().unwrap()], ..Plugins::default() }
}

async fn pull(gateway: &TestGateway, registry: &OciRegistry, reference: &str) -> Answer {
    let reference = format!("{}/{reference}", registry.address);
    gateway.operator.post("/plugins/pull", &json!({ "reference": reference })).await
}

#[test]
fn a_plugin_is_pulled_by_tag_or_digest() {
    block_on(async {
        let registry = OciRegistry::start().await;
        let gateway = TestGateway::with_plugins(from(&registry)).await;
        let _ = gateway.plain_tenant("acme").await;
        let wasm = Plain::new("house", "1.0.0", "").wasm();
        let layer = registry.layer(HOUSE, WASM, &wasm);
        let pinned = registry.tag(HOUSE, "1.0.0", std::slice::from_ref(&layer));
        let pulled = pull(&gateway, &registry, "acme/house:1.0.0").await.expect(201);
        let source = format!("{}/acme/house@{pinned}", registry.address);
        assert_eq!(
            (text(&pulled, "name"), text(&pulled, "version"), text(&pulled, "source")),
            ("house", "1.0.0", source.as_str())
        );
        assert_eq!(format!("sha256:{}", text(&pulled, "digest")), digest(&wasm), "the plugin's digest is its layer's");
        assert_eq!(registry.scopes(), ["repository:acme/house:pull"]);
        for reference in
            ["acme/house:1.0.0".to_owned(), format!("acme/house@{pinned}"), format!("acme/house:1.0.0@{pinned}")]
        {
            assert_eq!(pull(&gateway, &registry, &reference).await.expect(200).body["added"], false, "{reference}");
        }

        // The tag has moved: the digest still means the same, and the version does not change.
        let moved = registry.layer(HOUSE, WASM, &Plain::new("house", "1.0.0", "moved").wasm());
        let _ = registry.tag(HOUSE, "1.0.0", &[moved]);
        let _ = pull(&gateway, &registry, &format!("acme/house:1.0.0@{pinned}")).await.expect(200);
        let refusal = pull(&gateway, &registry, "acme/house:1.0.0").await.expect(409);
        assert!(text(&refusal, "detail").contains("A version never changes"), "{}", refusal.text);
        let reference = format!("{}/acme/house:1.0.0", registry.address);
        let own = json!({ "reference": reference, "tenant": "acme", "dev": true });
        let own = gateway.operator.post("/plugins/pull", &own).await.expect(201).body;
        assert!(own["tenant"] == "acme" && own["version"].as_str().unwrap().starts_with("1.0.0+sha256-"), "{own}");

        let _ = registry.tag(HOUSE, "v2.0.0", std::slice::from_ref(&layer));
        let refusal = pull(&gateway, &registry, "acme/house:v2.0.0").await.expect(400);
        assert_eq!(
            text(&refusal, "detail"),
            "The plugin's manifest says house@1.0.0, and its reference says version 2.0.0."
        );
        let _ = registry.tag(HOUSE, "latest", &[layer]);
        let _ = pull(&gateway, &registry, "acme/house:latest").await.expect(200);
        gateway.end().await;
    });
}

#[test]
fn a_signature_is_pulled_beside_the_plugin() {
    block_on(async {
        let (registry, signer) = (OciRegistry::start().await, Signer::new());
        let keys = vec![signer.public().parse().unwrap()];
        let gateway = TestGateway::with_plugins(Plugins { keys, require_signature: true, ..from(&registry) }).await;
        let wasm = Plain::new("house", "1.0.0", "").wasm();
        let (plugin, signature) = (registry.layer(HOUSE, WASM, &wasm), signer.sign(&wasm));
        let _ = registry.tag(HOUSE, "unsigned", std::slice::from_ref(&plugin));
        let refusal = pull(&gateway, &registry, "acme/house:unsigned").await.expect(400);
        assert!(text(&refusal, "detail").starts_with("The plugin is not signed"), "{}", refusal.text);
        let layers = [plugin, registry.layer(HOUSE, SIGNATURE_LAYER, signature.as_bytes())];
        let _ = registry.tag(HOUSE, "signed", &layers);
        let pulled = pull(&gateway, &registry, "acme/house:signed").await.expect(201);
        assert_eq!(pulled.body["signature"], signature);
        let reference = format!("{}/acme/house:unsigned", registry.address);
        let body = json!({ "reference": reference, "signature": signature });
        let _ = gateway.operator.post("/plugins/pull", &body).await.expect(200);
        gateway.end().await;
    });
}

/// A registry's manifests and layers, and the refusal.
fn hostile(registry: &OciRegistry, wasm: &[u8]) -> Vec<(String, u16, String)> {
    let blob = |content: &[u8]| format!("{HOUSE}/blobs/{}", digest(content));
    let layer = |content: &[u8], size: usize| json!({ "mediaType": WASM, "digest": digest(content), "size": size });
    let mut cases = Vec::new();
    let mut case = |name: &str, layers: &[Value], why: &str| {
        let _ = registry.tag(HOUSE, name, layers);
        cases.push((format!("{HOUSE}:{name}"), 502, why.to_owned()));
    };
    registry.set(&blob(b"swapped"), Reply::Bytes(wasm.to_vec()));
    case("swapped", &[layer(b"swapped", wasm.len())], "the plugin should have the digest sha256:");
    registry.set(&blob(b"endless"), Reply::Endless);
    case("endless", &[layer(b"endless", 1_000)], "is larger than 33554432 bytes");
    case("large", &[layer(b"large", (32 << 20) + 1)], "the plugin is larger than 33554432 bytes");
    case("missing", &[layer(b"missing", 9)], "was answered with status 404");
    case(
        "nothing",
        &[json!({ "mediaType": "text/plain", "digest": digest(b"x"), "size": 1 })],
        "no layer application/wasm but: text/plain",
    );
    for (name, to, why) in [
        ("inside", "https://127.0.0.1:1/", "it leads to https://127.0.0.1:1, a private address"),
        (
            "metadata",
            "https://169.254.169.254/latest/meta-data",
            "it leads to https://169.254.169.254, a private address",
        ),
        ("name", "https://localhost:1/", "it leads to localhost, a private address"),
        ("plain", "http://127.0.0.1:1/", "it leads to http://127.0.0.1:1, which is not https"),
        ("file", "file:///etc/passwd", ""),
    ] {
        registry.set(&blob(name.as_bytes()), Reply::Redirect(to.to_owned()));
        case(name, &[layer(name.as_bytes(), 9)], why);
    }
    let again = format!("http://{}/v2/{}", registry.address, blob(b"loop"));
    registry.set(&blob(b"loop"), Reply::Redirect(again));
    case("loop", &[layer(b"loop", 9)], "it is redirected too often");
    let _ = registry.tag_text(HOUSE, "index", &json!({ "manifests": [{}, {}] }).to_string());
    cases.push((format!("{HOUSE}:index"), 502, "an index of 2 manifests".to_owned()));
    registry.set(&format!("{HOUSE}/manifests/huge"), Reply::Endless);
    cases.push((format!("{HOUSE}:huge"), 502, "is larger than 262144 bytes".to_owned()));
    let pinned = digest(b"pinned");
    registry.set(&format!("{HOUSE}/manifests/{pinned}"), Reply::Bytes(b"{}".to_vec()));
    cases.push((format!("{HOUSE}@{pinned}"), 502, format!("the manifest should have the digest {pinned}")));
    cases.push((format!("{HOUSE}:none"), 502, "was answered with status 404".to_owned()));
    cases.push((HOUSE.to_owned(), 400, "has neither a tag nor a digest".to_owned()));
    cases
}

#[test]
fn a_registry_cannot_lead_into_the_network_nor_send_too_much() {
    block_on(async {
        let registry = OciRegistry::start().await;
        let gateway = TestGateway::with_plugins(from(&registry)).await;
        let wasm = Plain::new("house", "1.0.0", "").wasm();
        for (reference, status, why) in hostile(&registry, &wasm) {
            let refusal = pull(&gateway, &registry, &reference).await;
            assert!(
                refusal.status == status && text(&refusal, "detail").contains(&why),
                "{reference}: {why}: {}",
                refusal.text
            );
        }
        // A redirect to the registry itself is followed, as they keep layers elsewhere.
        let layer = registry.layer(HOUSE, WASM, &wasm);
        let (blob, elsewhere) = (format!("{HOUSE}/blobs/{}", digest(&wasm)), format!("{HOUSE}/elsewhere"));
        registry.set(&elsewhere, Reply::Bytes(wasm.clone()));
        registry.set(&blob, Reply::Redirect(format!("/v2/{elsewhere}")));
        let _ = registry.tag(HOUSE, "1.0.0", &[layer]);
        let _ = pull(&gateway, &registry, "acme/house:1.0.0").await.expect(201);
        // Another registry is not asked, whatever it is.
        let body = json!({ "reference": "ghcr.io/acme/house:1.0.0" });
        let refusal = gateway.operator.post("/plugins/pull", &body).await.expect(400);
        assert!(
            text(&refusal, "detail").contains("not pulled from ghcr.io here, but from: 127.0.0.1:"),
            "{}",
            refusal.text
        );
        // Nor is a service in the network that the registry names for tokens.
        registry.set_realm("https://10.0.0.1/token");
        let refusal = pull(&gateway, &registry, "acme/house:1.0.0").await.expect(502);
        assert!(
            text(&refusal, "detail").contains("it leads to https://10.0.0.1, a private address"),
            "{}",
            refusal.text
        );
        gateway.end().await;
    });
}
