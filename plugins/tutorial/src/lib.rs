//! The tutorial's mapping. Every part is optional configuration: mail addresses in lower case, a display name if there is
//! none, custom attributes under proper names, and rules for users to exclude or reject.

mod config;
mod mapping;

use scimgate_plugin_sdk::prelude::*;

use config::Config;

/// The plugin. Public for the measurement of what it costs beside its WebAssembly.
pub struct Tutorial;

impl Mapping for Tutorial {
    type Config = Config;

    const RESOURCE_TYPES: &[&str] = &["User"];

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome> {
        if let Some(outcome) = mapping::decide(&config, document)? {
            return Ok(outcome);
        }
        if config.lower_case_mail {
            mapping::lower_case_mail(document)?;
        }
        if config.build_display_name {
            mapping::build_display_name(document)?;
        }
        for (from, to) in config.lift.iter() {
            document.rename(from, to)?;
        }
        Ok(Outcome::Mapped)
    }
}

plugin!(Tutorial);

#[cfg(test)]
mod tests;
