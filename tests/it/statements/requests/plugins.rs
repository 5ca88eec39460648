//! Calls that send the statements of the registry of plugins. An upload would be compiled, which takes seconds.

use scimgate::store::plugin::NewPlugin;
use scimgate::store::plugin_release::{NewRelease, Wanted};
use scimgate_tests::{Tenant, TestGateway};
use uuid::Uuid;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let (control, now) = (gateway.gateway.store.control(), gateway.clock.now());
    let id = control.find_tenant(&tenant.name).await.unwrap().unwrap().id;
    let digest = format!("{0}{0}", Uuid::new_v4().simple());
    let (name, version) = (round, "1.0.0");
    let plugin = NewPlugin { digest: &digest, name, version, manifest: "{}", wasm: &[1] };
    control.insert_plugin(&plugin, now).await.unwrap();
    assert!(control.plugin_wasm(&digest).await.unwrap().is_some());
    control.keep_plugin_artifact(&digest, ("engine", &[1]), now).await.unwrap();
    assert!(control.plugin_artifact(&digest, "engine").await.unwrap().is_some());
    for releases in [control.releases(), gateway.gateway.store.tenant(id).releases()] {
        let new =
            NewRelease { name, version, digest: &digest, dev: true, author: "test", source: None, signature: None };
        assert!(releases.insert(&new, now).await.unwrap());
        assert!(!releases.insert(&new, now).await.unwrap());
        releases.sign(name, version, "signature").await.unwrap();
        assert_eq!(control.plugin_signatures(&digest).await.unwrap(), ["signature"]);
        releases.yank(name, version, ("test", now)).await.unwrap();
        assert!(releases.get(name, version).await.unwrap().unwrap().yanked_at.is_some());
        releases.unyank(name, version).await.unwrap();
        assert_eq!(releases.list((name, ""), name, 5).await.unwrap().len(), 1);
        let (digests, names, versions) = (vec![digest.clone()], vec![name.to_owned()], vec![version.to_owned()]);
        let wanted = Wanted { digests, names: names.clone(), versions, bare: names };
        assert!(!releases.named(&wanted).await.unwrap().is_empty());
        let _ = releases.of_revision(1).await.unwrap();
        let none = control.release_uses(&releases, (name, version), ((Uuid::nil(), 0), 5)).await.unwrap();
        assert!(none.is_empty());
        assert!(releases.remove_old_dev(name, 1).await.unwrap().is_empty());
        assert_eq!(releases.remove(name, version).await.unwrap(), Some(digest.clone()));
    }
    control.delete_unreleased(&[digest]).await.unwrap();
}
