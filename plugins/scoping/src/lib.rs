//! Excludes resources that pass none of its filters, with the reason.

mod config;
mod filter;

use scimgate_plugin_sdk::prelude::*;

use config::Config;

struct Scoping;

impl Mapping for Scoping {
    type Config = Config;

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome> {
        filter::decide(&config, document)
    }
}

plugin!(Scoping);

#[cfg(test)]
mod tests;
