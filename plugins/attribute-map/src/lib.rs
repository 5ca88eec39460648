//! Sets attributes by rules in Microsoft Entra ID's expression language. docs/attribute-map.md has the language.

mod config;
mod reader;
mod rules;
mod writer;

use scimgate_plugin_sdk::prelude::*;

use config::Config;

/// The plugin. Public for the measurement of what it costs beside its WebAssembly.
pub struct AttributeMap;

impl Mapping for AttributeMap {
    type Config = Config;

    fn transform(context: &Context, config: Config, document: &Document<'_>) -> Result<Outcome> {
        rules::apply(context, &config, document)
    }
}

plugin!(AttributeMap);

#[cfg(test)]
mod tests;
