use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, join_all};
use scimgate_plugin_host::HostConfig;

use super::*;
use crate::mapping::LoadError;

/// Loads nothing but errors, and counts them.
#[derive(Default)]
struct Broken {
    unavailable: bool,
    loads: Arc<AtomicUsize>,
}

impl PluginLoader for Broken {
    fn load<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>> {
        Box::pin(async {
            self.loads.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let error = Box::new(io::Error::other("on purpose"));
            Err(if self.unavailable { LoadError::Unavailable(error) } else { LoadError::Failed(error) })
        })
    }
}

fn compiled(loader: impl PluginLoader) -> Compiled {
    let host = Host::new(HostConfig { instances: 1, ..HostConfig::default() }).unwrap();
    Compiled::new(host, Arc::new(loader), &MapperConfig::default())
}

#[tokio::test]
async fn concurrent_misses_share_one_load_and_the_kind_of_its_error() {
    for unavailable in [true, false] {
        let loads = Arc::<AtomicUsize>::default();
        let compiled = compiled(Broken { unavailable, loads: loads.clone() });
        for result in join_all((0..3).map(|_| compiled.get("aa"))).await {
            let error = result.unwrap_err();
            assert!(matches!(&error, MapError::Load { source, .. } if source.is_unavailable() == unavailable));
            assert_eq!(telemetry::chain(&error), "plugin aa cannot be loaded: on purpose");
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn an_error_is_not_cached() {
    let loads = Arc::<AtomicUsize>::default();
    let compiled = compiled(Broken { unavailable: true, loads: loads.clone() });
    for expected in 1..=2 {
        assert!(compiled.get("aa").await.is_err());
        assert_eq!(loads.load(Ordering::Relaxed), expected);
    }
}

#[tokio::test]
async fn an_unusable_plugin_is_named_once() {
    let stored = [("aa".to_owned(), b"nonsense".to_vec())];
    let compiled = compiled(std::collections::BTreeMap::from(stored));
    let message = compiled.get("aa").await.unwrap_err().to_string();
    assert!(message.starts_with("plugin aa cannot be used: this is not a mapping plugin: "), "{message}");
    assert_eq!(message.matches("plugin aa").count(), 1, "{message}");
    let missing = compiled.get("bb").await.unwrap_err();
    assert_eq!(missing.to_string(), "plugin bb cannot be used: it is not stored");
}
