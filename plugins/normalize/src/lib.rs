//! Brings values into one form: mail addresses, phone numbers, country codes, letters without marks, white space.

mod config;
mod form;

use scimgate_plugin_sdk::prelude::*;

use config::{Attribute, Config, Form, OnInvalid};

struct Normalize;

impl Mapping for Normalize {
    type Config = Config;

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome> {
        for attribute in &config.attributes {
            if let Some(rejected) = apply(attribute, document)? {
                return Ok(rejected);
            }
        }
        Ok(Outcome::Mapped)
    }
}

/// Normalises the texts at one path; an outcome if one is invalid and must be rejected.
fn apply(attribute: &Attribute, document: &Document<'_>) -> Result<Option<Outcome>> {
    let country = country(attribute, document)?;
    let mut invalid = false;
    document.edit_texts(&attribute.path, |text| {
        let normal = match attribute.to {
            Form::Mail => form::mail(text, attribute.keep_local_part),
            Form::Phone => form::phone(text, country.as_deref()),
            Form::Country => form::country(text, attribute.letters),
            Form::PlainLetters => Some(expressions::without_diacritics(text)),
            Form::WhiteSpace => Some(form::white_space(text)),
        };
        invalid |= normal.is_none();
        match attribute.on_invalid {
            OnInvalid::Drop => normal,
            OnInvalid::Keep | OnInvalid::Reject => Some(normal.unwrap_or_else(|| text.to_owned())),
        }
    })?;
    let rejects = invalid && attribute.on_invalid == OnInvalid::Reject;
    Ok(rejects.then(|| {
        Outcome::rejected(format!("{} has a value that is not a valid {}.", attribute.path, attribute.to.name()))
    }))
}

/// The country of phone numbers that do not say their own: the user's, otherwise the configured one.
fn country(attribute: &Attribute, document: &Document<'_>) -> Result<Option<String>> {
    let own = match &attribute.country_from {
        Some(path) => document.get_str(path)?.and_then(|text| form::country(&text, config::Letters::Two)),
        None => None,
    };
    Ok(own.or_else(|| attribute.country.clone()))
}

plugin!(Normalize);

#[cfg(test)]
mod tests;
