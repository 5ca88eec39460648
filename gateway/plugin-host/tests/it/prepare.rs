//! Which uploads are accepted, and how the others are refused.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

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

/// The files with compiled code below a folder, in the order of their names.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let mut files: Vec<_> = files.into_iter().filter(|path| path.extension().is_none()).collect();
    files.extend(folders.iter().flat_map(|folder| kept(folder)));
    files.sort();
    files
}

#[test]
fn compiled_code_is_kept_in_a_folder_that_only_its_owner_may_enter() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("cache/plugins");
    let prepare = |name: &str| {
        let host =
            Host::new(HostConfig { cache: Some(folder.clone()), instances: 1, ..HostConfig::default() }).unwrap();
        host.prepare(&wasm(name)).map(|component| component.manifest().name.clone())
    };
    assert_eq!(prepare("tutorial").unwrap(), "tutorial");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let tutorial = kept(&folder);
    assert_eq!(tutorial.len(), 1, "{tutorial:?}");
    assert_eq!(prepare("hostile").unwrap(), "hostile");
    let hostile = kept(&folder).into_iter().find(|file| *file != tutorial[0]).unwrap();
    // What is there is what runs.
    fs::copy(&hostile, &tutorial[0]).unwrap();
    assert_eq!(prepare("tutorial").unwrap(), "hostile");
    fs::write(&tutorial[0], b"damaged").unwrap();
    assert_eq!(prepare("tutorial").unwrap(), "tutorial", "compiled anew");
    fs::copy(&hostile, &tutorial[0]).unwrap();
    for mode in [0o775, 0o755, 0o710] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(prepare("tutorial").unwrap(), "tutorial", "others may enter it: {mode:o}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_done_without() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = Some(file.path().join("plugins"));
    let host = Host::new(HostConfig { cache, instances: 1, ..HostConfig::default() }).unwrap();
    assert!(host.prepare(&wasm("tutorial")).is_ok());
}
