//! `scimgate plugin inspect`: what a plugin is, and what an upload would say.

use std::path::PathBuf;

use scimgate_plugin_host::wrap;
use serde_json::json;
use wit_component::DecodedWasm;
use wit_parser::WorldItem;

use super::local::Local;
use super::project::is_core_module;
use super::run::at;
use crate::failure::Failure;
use crate::output::{Column, Output, read};

const COLUMNS: [Column; 10] = [
    ("name", "/name"),
    ("version", "/version"),
    ("resource types", "/resourceTypes"),
    ("digest", "/digest"),
    ("bytes", "/bytes"),
    ("form", "/form"),
    ("world", "/world"),
    ("imports", "/imports"),
    ("compiled", "/compiled"),
    ("upload", "/upload"),
];

#[derive(Debug, clap::Args)]
pub(in crate::plugin) struct Arguments {
    /// The plugin's .wasm file, or - for standard input.
    plugin: PathBuf,
}

pub(super) async fn run(output: Output, it: Arguments) -> Result<(), Failure> {
    let bytes = read(&it.plugin)?;
    let (world, imports) = world(&bytes);
    let form = match world {
        _ if is_core_module(&bytes) => "a core module, which an upload wraps",
        Some(_) => "a component",
        None => "no plugin",
    };
    let mut found = json!({ "bytes": bytes.len(), "form": form, "world": world, "imports": imports });
    let prepared = Local::compile(bytes).await;
    match &prepared {
        Ok(plugin) => {
            let manifest = plugin.component.manifest();
            found["name"] = manifest.name.as_str().into();
            found["version"] = manifest.version.as_str().into();
            found["resourceTypes"] = manifest.resource_types.as_slice().into();
            found["digest"] = plugin.component.digest().into();
            let (size, took) = (plugin.component.code_size(), plugin.compiled_in.as_millis());
            found["compiled"] = format!("{size} bytes, in {took} ms").into();
            let upload = if plugin.is_large { "accepted by a gateway with --large-plugins" } else { "accepted" };
            found["upload"] = upload.into();
            found["configSchema"] = manifest.config_schema.clone();
        }
        Err(failure) => found["upload"] = format!("refused: {}", failure.message).into(),
    }
    output.record(&found, &COLUMNS)?;
    if let (Output::Table, Some(schema)) = (output, found.get("configSchema")) {
        output.say("\nIts configuration:")?;
        output.json(schema)?;
    }
    prepared.map(drop).map_err(|failure| at(&it.plugin, &failure))
}

/// The interface that a plugin is built for, and what it imports.
fn world(bytes: &[u8]) -> (Option<String>, Vec<String>) {
    let component = if is_core_module(bytes) { wrap(bytes).ok() } else { Some(bytes.to_owned()) };
    let decoded = component.and_then(|component| wit_component::decode(&component).ok());
    let Some(DecodedWasm::Component(resolve, world)) = decoded else { return (None, Vec::new()) };
    let Some(world) = resolve.worlds.get(world) else { return (None, Vec::new()) };
    // Types that the world names are not imports.
    let imported = world.imports.iter().filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
    let imports: Vec<String> = imported.map(|(key, _)| resolve.name_world_key(key)).collect();
    let versioned = imports.iter().filter(|name| name.starts_with("scimgate:")).find_map(|name| {
        let (package, rest) = name.split_once('/')?;
        Some(format!("{package}/mapping@{}", rest.split_once('@')?.1))
    });
    (versioned, imports)
}
