//! Sets attributes by rules in Microsoft Entra ID's expression language. docs/attribute-map.md has the language.

mod config;
mod reader;
mod rules;
mod writer;

use scimgate_plugin_sdk::{Context, Document, Error, Manifest, Mapping, Outcome};

use config::Config;

struct AttributeMap;

impl Mapping for AttributeMap {
    type Config = Config;

    fn describe() -> Manifest {
        Manifest::new("attribute-map", env!("CARGO_PKG_VERSION")).config_schema(config::schema())
    }

    fn transform(context: &Context, config: Config, document: &Document<'_>) -> Result<Outcome, Error> {
        rules::apply(context, &config, document)
    }
}

scimgate_plugin_sdk::export!(AttributeMap);

#[cfg(test)]
mod tests;
