//! `serve` with keys and a registry for plugins, and the commands that push and pull them.

use scimgate::oci::{SIGNATURE_LAYER, WASM_LAYERS};
use scimgate_tests::binary::{command, refusal};
use scimgate_tests::harness::block_on;
use scimgate_tests::oci::OciRegistry;
use scimgate_tests::plugins::{Plain, Signer};
use serde_json::Value;
use tokio::process::Command;

use super::serve::{Home, SERVE_ON_FREE_PORTS, said};

#[test]
fn a_server_takes_signed_plugins_from_files_and_from_its_registry() {
    block_on(async {
        let home = Home::new().await;
        let operator_key = home.furnish().await;
        let mut unkeyed = home.command(&SERVE_ON_FREE_PORTS);
        unkeyed.env("SCIMGATE_REQUIRE_SIGNATURE", "true");
        let sentence = refusal(unkeyed).await;
        assert!(sentence.contains("--plugin-key"), "{sentence}");

        let (registry, signer) = (OciRegistry::start().await, Signer::new());
        let (keys, registries) = (signer.public(), format!("http://{}", registry.address));
        let settings = [
            ("SCIMGATE_PLUGIN_KEYS", &*keys),
            ("SCIMGATE_REQUIRE_SIGNATURE", "true"),
            ("SCIMGATE_PLUGIN_REGISTRIES", &registries),
        ];
        let served = home.serve_with(&settings).await;
        let at = |arguments: &[&str]| -> Command {
            let mut command = command(&[&["plugin"], arguments, &["-o", "json"]].concat());
            command.env("SCIMGATE_ADMIN_URL", &served.internal).env("SCIMGATE_OPERATOR_KEY", &operator_key);
            command
        };
        let json = async |arguments: &[&str]| -> Value { serde_json::from_str(&said(at(arguments)).await).unwrap() };

        let files = tempfile::tempdir().unwrap();
        let wasm = Plain::new("house", "1.0.0", "").wasm();
        let write = |name: &str, content: &[u8]| {
            let path = files.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (file, signature) =
            (write("house.wasm", &wasm), write("house.wasm.minisig", signer.sign(&wasm).as_bytes()));
        let sentence = refusal(at(&["push", &file])).await;
        assert!(sentence.starts_with("The plugin is not signed, and here each must be, by the key "), "{sentence}");
        let pushed = json(&["push", &file, "--signature", &signature]).await;
        assert!(pushed["added"] == true && pushed["signedBy"].is_string(), "{pushed}");

        let next = Plain::new("house", "1.1.0", "").wasm();
        let layers = [
            registry.layer("acme/house", WASM_LAYERS[0], &next),
            registry.layer("acme/house", SIGNATURE_LAYER, signer.sign(&next).as_bytes()),
        ];
        let digest = registry.tag("acme/house", "1.1.0", &layers);
        let reference = format!("{}/acme/house:1.1.0", registry.address);
        let pulled = json(&["pull", &reference]).await;
        assert_eq!(pulled["source"], format!("{}/acme/house@{digest}", registry.address));
        assert_eq!((&pulled["version"], &pulled["signedBy"]), (&Value::from("1.1.0"), &pushed["signedBy"]));
        assert_eq!(json(&["list"]).await["plugins"].as_array().unwrap().len(), 2);
        assert!(served.running.terminate().await.0.success());
        home.drop().await;
    });
}
