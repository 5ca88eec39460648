//! Writes attributes in capitals, and keeps contractors from the product.

use scimgate_plugin_sdk::prelude::*;

/// What an administrator may configure.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Config {
    /// Attributes to write in capitals.
    #[serde(default)]
    attributes: Vec<ScimPath>,
    /// Users of this type are excluded.
    exclude_type: Option<String>,
}

struct Plugin;

impl Mapping for Plugin {
    type Config = Config;
    const RESOURCE_TYPES: &[&str] = &["User"];

    fn transform(_: &Context, config: Config, document: &Document) -> Result<Outcome> {
        for path in &config.attributes {
            let count = document.edit_texts(path, |text| Some(text.to_uppercase()))?;
            log(Level::Debug, format!("{path}: {count} changed"));
        }
        let user_type = document.get_str("userType")?;
        Ok(Outcome::excluded_if(config.exclude_type.is_some() && user_type == config.exclude_type, || {
            "The user's type is excluded.".to_owned()
        }))
    }
}

plugin!(Plugin);

#[cfg(test)]
mod tests {
    use scimgate_plugin_sdk::test;

    use super::*;

    #[test]
    fn fixtures() {
        test::fixtures::<Plugin>("fixtures");
    }
}
