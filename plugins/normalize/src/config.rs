//! What an administrator may configure.

use scimgate_plugin_sdk::serde_json::{Value, json};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) attributes: Vec<Attribute>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) path: String,
    pub(crate) to: Form,
    #[serde(default)]
    pub(crate) on_invalid: OnInvalid,
    /// Of mail addresses: only the domain becomes lower case.
    #[serde(default)]
    pub(crate) keep_local_part: bool,
    /// Of phone numbers without a country calling code.
    pub(crate) country: Option<String>,
    pub(crate) country_from: Option<String>,
    /// Of country codes.
    #[serde(default)]
    pub(crate) letters: Letters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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

pub(crate) fn schema() -> Value {
    let path = |title: &str| json!({ "title": title, "type": "string", "minLength": 1, "format": "scim-path" });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "attributes": {
                "title": "Attributes to normalise, in this order",
                "type": "array",
                "maxItems": 200,
                "items": {
                    "type": "object",
                    "properties": {
                        "path": path("Attribute"),
                        "to": { "title": "Form", "enum": ["mail", "phone", "country", "plainLetters", "whiteSpace"] },
                        "onInvalid": {
                            "title": "What happens to a value that is not valid",
                            "enum": ["keep", "drop", "reject"],
                            "default": "keep"
                        },
                        "keepLocalPart": { "title": "Mail: change only the domain to lower case", "type": "boolean", "default": false },
                        "country": { "title": "Phone: country of numbers without a calling code", "type": "string", "pattern": "^[A-Z]{2}$" },
                        "countryFrom": path("Phone: attribute with the user's country, before the fixed one"),
                        "letters": { "title": "Country: letters of the code", "enum": [2, 3], "default": 2 }
                    },
                    "required": ["path", "to"],
                    "additionalProperties": false
                }
            }
        },
        "additionalProperties": false
    })
}
