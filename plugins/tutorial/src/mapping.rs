//! The parts of the mapping, each on its own attributes.

use scimgate_plugin_sdk::{Document, Error, Outcome, serde_json::Value};

use crate::config::{Config, Rule};

/// Rejects first: a document that matches both rules must not be accepted silently.
pub(crate) fn decide(config: &Config, document: &Document<'_>) -> Result<Option<Outcome>, Error> {
    if let Some(rule) = &config.reject_where
        && matches(rule, document)?
    {
        return Ok(Some(Outcome::rejected(format!("{} must not be {}.", rule.path, rule.equals))));
    }
    if let Some(rule) = &config.exclude_where
        && matches(rule, document)?
    {
        return Ok(Some(Outcome::excluded(format!("{} is {}.", rule.path, rule.equals))));
    }
    Ok(None)
}

fn matches(rule: &Rule, document: &Document<'_>) -> Result<bool, Error> {
    let found = document.get::<Value>(&rule.path)?;
    Ok(found.iter().any(|value| match (value, &rule.equals) {
        (Value::String(value), Value::String(wanted)) => value.to_lowercase() == wanted.to_lowercase(),
        (value, wanted) => value == wanted,
    }))
}

pub(crate) fn lower_case_mail(document: &Document<'_>) -> Result<(), Error> {
    document.edit("emails", |emails| {
        let elements = emails.as_array_mut().into_iter().flatten();
        for address in elements.filter_map(|element| element.get_mut("value")) {
            if let Value::String(text) = address {
                *text = text.to_lowercase();
            }
        }
    })?;
    Ok(())
}

pub(crate) fn build_display_name(document: &Document<'_>) -> Result<(), Error> {
    if document.get_str("displayName")?.is_some_and(|name| !name.trim().is_empty()) {
        return Ok(());
    }
    let parts = [document.get_str("name.givenName")?, document.get_str("name.familyName")?];
    let name: Vec<String> = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect();
    if !name.is_empty() {
        document.set("displayName", name.join(" "))?;
    }
    Ok(())
}
