//! A host and the compiled plugins, shared by all tests, and a document to run them on.

use std::{
    fs,
    path::PathBuf,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use scimgate_plugin_host::{
    CallResult, Component, Context, Document, FailureKind, Host, HostConfig, Limits, PathError,
};
use scimgate_plugin_sdk::{
    self as sdk,
    serde_json::{Value, json},
    test::Schemas,
};

pub(crate) static ESCALATIONS: AtomicU32 = AtomicU32::new(0);

pub(crate) static HOST: LazyLock<Host> = LazyLock::new(|| {
    let escalate = || {
        ESCALATIONS.fetch_add(1, Ordering::Relaxed);
        true
    };
    Host::new(HostConfig { escalate, ..caching() }).unwrap()
});

/// The settings of a host that keeps what it compiles for the next test, which is another process: an interpreter takes ten seconds.
pub(crate) fn caching() -> HostConfig {
    let cache = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/tmp/plugin-cache");
    HostConfig { cache: Some(cache), ..HostConfig::default() }
}

pub(crate) static TUTORIAL: LazyLock<Component> = LazyLock::new(|| HOST.prepare(&wasm("tutorial")).unwrap());

pub(crate) static HOSTILE: LazyLock<Component> = LazyLock::new(|| HOST.prepare(&wasm("hostile")).unwrap());

pub(crate) fn wasm(name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/wasm32-unknown-unknown/plugin");
    fs::read(root.join(name).with_extension("wasm"))
        .unwrap_or_else(|error| panic!("{name}.wasm is missing ({error}): run `make plugins` first"))
}

/// A plugin in TypeScript or Python.
pub(crate) fn built(name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/plugin-languages");
    fs::read(root.join(name).with_extension("wasm"))
        .unwrap_or_else(|error| panic!("{name}.wasm is missing ({error}): run `make plugins-other` first"))
}

/// Those that the tutorial's configuration needs.
static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let product = json!({ "id": "urn:example:product:2.0:User", "name": "Product", "attributes": [
        { "name": "badgeNumber", "type": "string" }, { "name": "building", "type": "string" }
    ] });
    Schemas::standard().with_pack("ws1b").unwrap().with_extension("User", &product).unwrap()
});

/// The SDK's document for native tests behind the host's trait.
#[derive(Debug)]
pub(crate) struct TestDocument {
    pub(crate) resource: sdk::test::Resource,
    /// How long each read sleeps.
    pub(crate) read_time: Duration,
    /// How much CPU time each removal uses.
    pub(crate) removal_cpu: Duration,
    pub(crate) removals: u32,
}

impl TestDocument {
    pub(crate) fn new(value: Value) -> Self {
        Self::of(sdk::test::Resource::of(&SCHEMAS, "User", value).unwrap())
    }

    pub(crate) fn of(resource: sdk::test::Resource) -> Self {
        Self { resource, read_time: Duration::ZERO, removal_cpu: Duration::ZERO, removals: 0 }
    }

    pub(crate) fn into_value(self) -> Value {
        self.resource.into_value()
    }

    fn inner(&self) -> sdk::Document<'_> {
        sdk::Document::new(&self.resource)
    }
}

impl Document for TestDocument {
    fn get(&self, path: &str) -> Result<Vec<String>, PathError> {
        std::thread::sleep(self.read_time);
        let found = self.inner().get::<Value>(path).map_err(error)?;
        Ok(found.iter().map(Value::to_string).collect())
    }

    fn set(&mut self, path: &str, value: &str) -> Result<u32, PathError> {
        self.inner().set(path, json(value)?).map_err(error)
    }

    fn append(&mut self, path: &str, value: &str) -> Result<u32, PathError> {
        self.inner().append(path, json(value)?).map_err(error)
    }

    fn remove(&mut self, path: &str) -> Result<u32, PathError> {
        self.removals += 1;
        let started = Instant::now();
        while started.elapsed() < self.removal_cpu {}
        self.inner().remove(path).map_err(error)
    }

    fn to_json(&self) -> String {
        self.inner().to_value().unwrap().to_string()
    }

    fn replace(&mut self, text: &str) -> Result<(), PathError> {
        self.inner().replace(&json(text)?).map_err(error)
    }
}

fn json(text: &str) -> Result<Value, PathError> {
    sdk::serde_json::from_str(text).map_err(|error| PathError::WrongValue(error.to_string()))
}

fn error(error: sdk::Error) -> PathError {
    match error {
        sdk::Error::Path(sdk::PathError::ReadOnly(why)) => PathError::ReadOnly(why),
        sdk::Error::Path(sdk::PathError::Malformed(why)) => PathError::Malformed(why),
        sdk::Error::Path(sdk::PathError::Unknown(why)) => PathError::Unknown(why),
        sdk::Error::Path(sdk::PathError::Other(why)) => PathError::Other(why),
        other => PathError::WrongValue(other.to_string()),
    }
}

pub(crate) fn context() -> Context {
    Context {
        tenant: "acme".to_owned(),
        resource_type: "User".to_owned(),
        resource_id: "0198c0de-0000-7000-8000-000000000001".to_owned(),
        last_modified: "2026-01-02T03:04:05Z".to_owned(),
    }
}

pub(crate) fn user() -> Value {
    json!({ "id": "1", "userName": "ada", "emails": [{ "value": "Ada@Example.COM" }] })
}

/// Runs the hostile plugin on a user.
pub(crate) fn hostile(config: &Value, limits: &Limits) -> CallResult<TestDocument> {
    HOST.run(&HOSTILE, &context(), &config.to_string(), TestDocument::new(user()), limits)
}

/// Time limits that even a slow and busy machine meets, for tests of everything else.
pub(crate) fn generous() -> Limits {
    Limits { cpu: Duration::from_secs(5), wall: Duration::from_secs(30), ..Limits::default() }
}

#[track_caller]
pub(crate) fn passes(config: &Value, limits: &Limits) -> CallResult<TestDocument> {
    let result = hostile(config, limits);
    assert!(result.decision.is_ok(), "{config}: {:?} {:?}", result.decision, result.log);
    result
}

#[track_caller]
pub(crate) fn fails(config: &Value, limits: &Limits, kind: FailureKind, reason: &str) -> CallResult<TestDocument> {
    let result = hostile(config, limits);
    let failure = result.decision.clone().unwrap_err();
    assert_eq!((failure.kind, failure.reason.as_str()), (kind, reason), "{config}");
    result
}
