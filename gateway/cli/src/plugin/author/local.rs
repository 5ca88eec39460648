//! One plugin in this process: the engine, the limits and the document of a server, without one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scimgate::app;
use scimgate::clock::Clock;
use scimgate::mapping::{Chain, DocumentInfo, MapError, Mapper, MappingOutcome, OnFailure, Step, StepReport};
use scimgate::operation::admin::mappings::configuration::check_configuration;
use scimgate_plugin_host::{Component, HostConfig};
use scimgate_plugin_sdk::Context;
use scimgate_scim::access::Overlay;
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::failure::Failure;
use crate::home;

/// A plugin, compiled as a server compiles it.
pub(super) struct Local {
    mapper: Mapper,
    pub(super) component: Arc<Component>,
    pub(super) compiled_in: Duration,
    /// Whether only a gateway with `--large-plugins` takes it.
    pub(super) is_large: bool,
}

/// A document as plugins get it, with its type.
pub(super) struct Input {
    pub(super) source: Arc<Map<String, Value>>,
    pub(super) resource_type: Arc<ResourceType>,
}

/// What a call did.
pub(super) struct Call {
    /// What the gateway makes of it: also that the result does not match the schemas.
    pub(super) result: Result<MappingOutcome, MapError>,
    pub(super) step: StepReport,
    pub(super) before: Overlay,
    /// None after a failure.
    pub(super) after: Option<Overlay>,
}

impl Local {
    /// With what was compiled before.
    pub(super) async fn load(bytes: Vec<u8>) -> Result<Self, Failure> {
        Self::prepare(bytes, home::plugin_cache()).await
    }

    /// As after an upload: compiled anew.
    pub(super) async fn compile(bytes: Vec<u8>) -> Result<Self, Failure> {
        Self::prepare(bytes, None).await
    }

    async fn prepare(bytes: Vec<u8>, cache: Option<PathBuf>) -> Result<Self, Failure> {
        if !bytes.starts_with(b"\0asm") {
            return Err(Failure::new("these are not the bytes of a WebAssembly file (.wasm)"));
        }
        let mapper = app::local_mapper(Clock::system(), cache)?;
        let is_large = bytes.len() > HostConfig::default().max_upload;
        if is_large {
            mapper.accept_large_plugins();
        }
        let started = Instant::now();
        let component = mapper.prepare(bytes).await.map_err(|error| match error {
            MapError::Unusable { why, .. } => Failure::new(why),
            other => other.into(),
        })?;
        Ok(Self { mapper, component, compiled_in: started.elapsed(), is_large })
    }

    /// Checks a configuration as the gateway does when a mapping is saved. An error is a sentence with the place.
    pub(super) fn check(&self, config: &Value, resource_type: &Arc<ResourceType>) -> Result<(), String> {
        check_configuration(config, &self.component.manifest().config_schema, vec![Arc::clone(resource_type)])
    }

    pub(super) async fn call(&self, input: &Input, context: &Context, config: &Value) -> Result<Call, Failure> {
        let step = Step { plugin: self.component.digest(), config: config.clone().into(), resource_types: Vec::new() };
        let chain = Chain { revision: 1, on_failure: OnFailure::Refuse, steps: vec![step] };
        let info = DocumentInfo {
            tenant: &context.tenant,
            resource_type: &input.resource_type,
            rules: None,
            id: Uuid::parse_str(&context.resource_id)?,
            last_modified: context.last_modified.clone(),
            size: serde_json::to_string(&*input.source)?.len(),
        };
        let mut trace = self.mapper.trace(&chain, info, Arc::clone(&input.source)).await;
        let Some(step) = trace.run.steps.pop() else {
            return Err(Failure::new("the plugin was not called"));
        };
        let mut documents = trace.documents.into_iter();
        let before = documents.next().unwrap_or_else(|| Overlay::new(Arc::clone(&input.source), None));
        Ok(Call { result: trace.run.result, step, before, after: documents.next() })
    }
}
