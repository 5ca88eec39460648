//! Excludes resources that pass none of its filters, with the reason.

mod config;
mod filter;

use scimgate_plugin_sdk::{Context, Document, Error, Manifest, Mapping, Outcome};

use config::Config;

struct Scoping;

impl Mapping for Scoping {
    type Config = Config;

    fn describe() -> Manifest {
        Manifest::new("scoping", env!("CARGO_PKG_VERSION")).config_schema(config::schema())
    }

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome, Error> {
        filter::decide(&config, document)
    }
}

scimgate_plugin_sdk::export!(Scoping);

#[cfg(test)]
mod tests;
