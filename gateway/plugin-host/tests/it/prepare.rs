//! Which uploads are accepted, and how the others are refused.

use std::error::Error as _;

use scimgate_plugin_host::{Error, Host, HostConfig};
use scimgate_plugin_sdk::serde_json::json;

use crate::support::{HOST, HOSTILE, TUTORIAL, wasm};

/// A core module that imports one function of no parameters.
fn importing(module: &str, name: &str) -> Vec<u8> {
    let mut import = vec![1];
    for text in [module, name] {
        import.push(u8::try_from(text.len()).unwrap());
        import.extend_from_slice(text.as_bytes());
    }
    import.extend_from_slice(&[0, 0]);
    let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02".to_vec();
    bytes.push(u8::try_from(import.len()).unwrap());
    bytes.extend(import);
    bytes
}

#[test]
fn a_plugin_has_a_manifest_and_a_digest() {
    let manifest = TUTORIAL.manifest();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("tutorial", "0.1.0"));
    assert_eq!(manifest.resource_types, ["User"]);
    assert_eq!(TUTORIAL.digest().len(), 64);
    assert_ne!(TUTORIAL.digest(), HOSTILE.digest());
    assert!(TUTORIAL.code_size() > 100_000);
}

#[test]
fn a_configuration_is_checked_against_the_schema() {
    assert_eq!(TUTORIAL.check_config(&json!({ "lowerCaseMail": true })), Ok(()));
    let problems = TUTORIAL.check_config(&json!({ "lowerCaseMail": "yes", "lift": { "a": 1 } })).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.starts_with("/lowerCaseMail: ")), "{problems:?}");
}

#[test]
fn a_forbidden_import_is_refused_by_name() {
    for (module, name) in [("wasi_snapshot_preview1", "fd_write"), ("env", "now")] {
        let error = HOST.prepare(&importing(module, name)).unwrap_err();
        assert_eq!(error.to_string(), format!("the plugin imports {module} {name}, which plugins may not use"));
    }
}

#[test]
fn bytes_that_are_not_a_plugin_are_refused() {
    for bytes in [b"".as_slice(), b"hello", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"] {
        let error = HOST.prepare(bytes).unwrap_err();
        assert!(matches!(error, Error::NotAPlugin { .. }), "{error:?} {:?}", error.source());
    }
    let whole = wasm("tutorial");
    assert!(HOST.prepare(&whole[..whole.len() / 2]).is_err());
}

#[test]
fn an_upload_that_is_too_large_is_refused() {
    let host = Host::new(HostConfig { max_upload: 1_000, instances: 1, ..HostConfig::default() }).unwrap();
    let error = host.prepare(&wasm("tutorial")).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1_000, .. }));
}
