//! The tutorial's mapping. Every part is optional configuration: mail addresses in lower case, a display name if there is
//! none, custom attributes under proper names, and rules for users to exclude or reject.

mod config;
mod mapping;

use scimgate_plugin_sdk::{Context, Document, Error, Manifest, Mapping, Outcome};

use config::Config;

struct Tutorial;

impl Mapping for Tutorial {
    type Config = Config;

    fn describe() -> Manifest {
        Manifest::new("tutorial", env!("CARGO_PKG_VERSION")).resource_types(["User"]).config_schema(config::schema())
    }

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome, Error> {
        if let Some(outcome) = mapping::decide(&config, document)? {
            return Ok(outcome);
        }
        if config.lower_case_mail {
            mapping::lower_case_mail(document)?;
        }
        if config.build_display_name {
            mapping::build_display_name(document)?;
        }
        for (from, to) in &config.lift {
            document.rename(from, to)?;
        }
        Ok(Outcome::Mapped)
    }
}

scimgate_plugin_sdk::export!(Tutorial);

#[cfg(test)]
mod tests;
