//! Drops, masks or hashes attributes that the product must not have in clear.

mod config;
mod hide;

use scimgate_plugin_sdk::prelude::*;

use config::{Action, Config};

struct Redact;

impl Mapping for Redact {
    type Config = Config;

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome> {
        // Before the first change: without its key a hash could be reversed by trying values.
        let needs_key = config.attributes.iter().any(|attribute| attribute.action == Action::Hash);
        let key = match config.key.as_deref() {
            Some(key) if key.chars().count() >= config::MIN_KEY_CHARACTERS => key,
            _ if !needs_key => "",
            _ => return Err(format!("hash needs a key of at least {} characters", config::MIN_KEY_CHARACTERS).into()),
        };
        for attribute in &config.attributes {
            match attribute.action {
                Action::Drop => drop(document.remove(&attribute.path)?),
                Action::Mask => hide::texts(document, &attribute.path, |text| hide::mask(text, attribute.keep))?,
                Action::Hash => hide::texts(document, &attribute.path, |text| hide::hash(key, text))?,
            }
        }
        Ok(Outcome::Mapped)
    }
}

plugin!(Redact);

#[cfg(test)]
mod tests;
