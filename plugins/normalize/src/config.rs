//! What an administrator may configure.

use scimgate_plugin_sdk::{
    prelude::*,
    schemars::{Schema, SchemaGenerator, json_schema},
};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Attributes to normalise, in this order
    #[schemars(length(max = 200))]
    pub(crate) attributes: Vec<Attribute>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) path: ScimPath,
    pub(crate) to: Form,
    /// What happens to a value that is not valid
    #[serde(default)]
    pub(crate) on_invalid: OnInvalid,
    /// Mail: change only the domain to lower case
    #[serde(default)]
    pub(crate) keep_local_part: bool,
    /// Phone: country of numbers without a calling code
    #[schemars(regex(pattern = "^[A-Z]{2}$"))]
    pub(crate) country: Option<String>,
    /// Phone: attribute with the user's country, before the fixed one
    pub(crate) country_from: Option<ScimPath>,
    /// Country: letters of the code
    #[serde(default)]
    #[schemars(schema_with = "letters")]
    pub(crate) letters: Letters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Form {
    Mail,
    Phone,
    Country,
    PlainLetters,
    WhiteSpace,
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail address",
            Self::Phone => "phone number",
            Self::Country => "country",
            Self::PlainLetters | Self::WhiteSpace => "text",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OnInvalid {
    #[default]
    Keep,
    Drop,
    Reject,
}

/// The letters of a country code, by ISO 3166-1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub(crate) enum Letters {
    #[default]
    Two,
    Three,
}

impl TryFrom<u8> for Letters {
    type Error = String;

    fn try_from(count: u8) -> Result<Self, String> {
        match count {
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            _ => Err(format!("a country code has 2 or 3 letters, not {count}")),
        }
    }
}

fn letters(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [2, 3], "default": 2 })
}
