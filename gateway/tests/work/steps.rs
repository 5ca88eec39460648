//! The work of a create without network and database, step by step, on a user as Entra ID sends one.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use scimgate::clock::Clock;
use scimgate::mapping::{Chain, DocumentInfo, Mapper, MapperConfig, MappingOutcome, OnFailure, Step};
use scimgate::store::resource::indexed::{IndexedAttributes, SearchKeys};
use scimgate::store::resource::key::Keys;
use scimgate_plugin_host::{Host, HostConfig};
use scimgate_scim::json;
use scimgate_scim::leniency::Leniencies;
use scimgate_scim::normalise::{Normalised, normalise};
use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::validate::validate;
use scimgate_scim::schema::{ResourceType, Schema, packs};
use scimgate_scim::text::Printed;
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

/// The body: 2.4 KB.
pub(crate) const BODY: &str = include_str!("user.json");
const PRODUCT: &str = "urn:example:product:2.0:User";
const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";

/// What a tenant has: schemas and a mapping, here the tutorial's, which changes six attributes.
pub(crate) struct Tenant {
    source: Arc<ResourceType>,
    indexed: IndexedAttributes,
    directory: Arc<ResourceType>,
    leniencies: Leniencies,
    mapping: OnceCell<Mapping>,
}

/// The plugin host and the tenant's mapping. Valgrind cannot run it, and no step but the mapping needs it.
struct Mapping {
    mapper: Mapper,
    chain: Chain,
    runtime: Runtime,
}

impl Mapping {
    fn new() -> Self {
        let host = Host::new(HostConfig::default()).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/wasm32-unknown-unknown/plugin/tutorial.wasm");
        let wasm =
            std::fs::read(path).unwrap_or_else(|why| panic!("{path} cannot be read ({why}); run `make plugins`"));
        let plugin = host.prepare(&wasm).unwrap().digest();
        let lift = json!({
            (format!("{WS1B}:customAttribute1")): format!("{PRODUCT}:badgeNumber"),
            (format!("{WS1B}:customAttribute2")): format!("{PRODUCT}:building"),
        });
        let config = json!({ "lowerCaseMail": true, "buildDisplayName": true, "lift": lift });
        let steps = vec![Step { plugin: plugin.clone(), config: config.into(), resource_types: Vec::new() }];
        Self {
            mapper: Mapper::new(host, BTreeMap::from([(plugin, wasm)]), Clock::system(), MapperConfig::default()),
            chain: Chain { revision: 1, on_failure: OnFailure::Refuse, steps },
            // The compiler runs on another thread, the plugin on this one.
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
        }
    }
}

impl Tenant {
    /// A tenant as `make bench` has it.
    pub(crate) fn new() -> Self {
        let source = Registry::standard().with_extension("User", packs::find("ws1b").unwrap(), false).unwrap();
        let attribute = |name: &str| json!({ "name": name, "type": "string" });
        let product = json!({ "id": PRODUCT, "name": "Product", "attributes": [attribute("badgeNumber"), attribute("building")] });
        let directory = source.with_extension("User", Schema::from_json(&product).unwrap(), false).unwrap();
        let user = |registry: &Registry| Arc::clone(registry.resource_type("User").unwrap());
        Self {
            indexed: IndexedAttributes::of(&user(&source), &SearchKeys::default()),
            source: user(&source),
            directory: user(&directory),
            leniencies: Leniencies::strict(),
            mapping: OnceCell::new(),
        }
    }

    /// The body as a tree.
    pub(crate) fn parse() -> Value {
        json::parse(BODY).unwrap()
    }

    /// The canonical document.
    pub(crate) fn normalise(&self, body: Value) -> Map<String, Value> {
        let Normalised { document, warnings, unknown, .. } = normalise(body, &self.source, &self.leniencies).unwrap();
        assert!(warnings.is_empty() && unknown.is_empty());
        document
    }

    /// Validates the canonical document.
    pub(crate) fn validate(&self, document: &Map<String, Value>) {
        validate(document, &self.source).unwrap();
    }

    /// The index keys.
    pub(crate) fn keys(&self, document: &Map<String, Value>) -> Keys {
        Keys::of(document, &self.source, &self.indexed)
    }

    /// The stored text.
    pub(crate) fn print(document: &Map<String, Value>) -> Printed {
        Printed::of(document)
    }

    /// The text of the mapped document.
    pub(crate) fn map(&self, document: &Arc<Map<String, Value>>, source: &Printed) -> String {
        let Mapping { mapper, chain, runtime } = self.mapping.get_or_init(Mapping::new);
        let info = DocumentInfo {
            tenant: "acme",
            resource_type: &self.directory,
            rules: None,
            id: uuid::Uuid::nil(),
            last_modified: "2026-01-02T03:04:05Z".to_owned(),
            size: source.text().len(),
        };
        let run = runtime.block_on(mapper.run(chain, info, Arc::clone(document)));
        let Ok(MappingOutcome::Mapped(mapped)) = run.result else { panic!("{run:?}") };
        assert!(!mapped.is_source());
        mapped.print(source)
    }

    /// All of the steps but the mapping: the texts that are stored.
    pub(crate) fn create(&self) -> (Arc<Map<String, Value>>, Printed) {
        let document = self.normalise(Self::parse());
        self.validate(&document);
        std::hint::black_box(self.keys(&document));
        let text = Self::print(&document);
        (Arc::new(document), text)
    }
}
