//! The values that most schemas share, as Rust types. What a type does not name is kept as it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Document, Error, Result};

/// The URN of the enterprise extension of users (RFC 7643, section 4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// An element of a multi-valued attribute: a mail address, a phone number, a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MultiValue {
    /// Its value: the mail address itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `work`, `home`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether it is the preferred one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl MultiValue {
    /// An element with this value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// The same of this type.
    #[must_use]
    pub fn of_type(self, kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }

    /// The same as the preferred one.
    #[must_use]
    pub fn primary(self) -> Self {
        Self { primary: Some(true), ..self }
    }

    /// Whether it is of this type, in any case.
    #[must_use]
    pub fn is_type(&self, kind: &str) -> bool {
        self.kind.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(kind))
    }
}

/// The parts of a user's name (RFC 7643, section 4.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "as in the RFC")]
pub struct Name {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub honorific_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub honorific_suffix: Option<String>,
}

impl Name {
    /// The given and the family name, or none without both.
    #[must_use]
    pub fn full(&self) -> Option<String> {
        let parts = [&self.given_name, &self.family_name].into_iter().flatten().map(|part| part.trim());
        let full = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        (!full.is_empty()).then_some(full)
    }
}

/// A reference to another resource: a user's manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The other resource's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its URI.
    #[serde(default, rename = "$ref", skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its name for people.
    #[serde(default, rename = "displayName", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// Typed values.
impl Document<'_> {
    /// The elements of a multi-valued attribute; none if it has no value.
    ///
    /// ```
    /// # use scimgate_plugin_sdk::{MultiValue, serde_json::json, test};
    /// # let user = test::Resource::new("User", json!({ "emails": [{ "value": "ada@corp.test", "type": "work" }] })).unwrap();
    /// # let user = user.document();
    /// let mut emails = user.values("emails")?;
    /// if !emails.iter().any(|email| email.primary == Some(true)) {
    ///     emails.push(MultiValue::new("ada@home.test").of_type("home").primary());
    ///     user.set("emails", &emails)?;
    /// }
    /// # assert_eq!(user.get_str("emails[primary eq true].value")?.unwrap(), "ada@home.test");
    /// # Ok::<(), scimgate_plugin_sdk::Error>(())
    /// ```
    pub fn values(&self, path: &str) -> Result<Vec<MultiValue>> {
        Ok(self.get_first(path)?.unwrap_or_default())
    }

    /// The preferred element of a multi-valued attribute: the primary one, otherwise the first.
    pub fn preferred(&self, path: &str) -> Result<Option<MultiValue>> {
        let mut values = self.values(path)?;
        let position = values.iter().position(|value| value.primary == Some(true)).unwrap_or_default();
        Ok((position < values.len()).then(|| values.swap_remove(position)))
    }

    /// A user's name; empty if there is none.
    pub fn name(&self) -> Result<Name> {
        Ok(self.get_first("name")?.unwrap_or_default())
    }

    /// A reference, such as the manager of [`ENTERPRISE_USER`].
    pub fn reference(&self, path: &str) -> Result<Option<Reference>> {
        self.get_first(path)
    }

    /// The attributes of an extension as a type of your own, or none without any.
    ///
    /// ```
    /// # use scimgate_plugin_sdk::{ENTERPRISE_USER, serde_json::json, test};
    /// #[derive(serde::Deserialize)]
    /// struct Enterprise {
    ///     department: Option<String>,
    /// }
    ///
    /// # let user = test::Resource::new("User", json!({ ENTERPRISE_USER: { "department": "R&D" } })).unwrap();
    /// # let user = user.document();
    /// let enterprise: Option<Enterprise> = user.extension(ENTERPRISE_USER)?;
    /// assert_eq!(enterprise.unwrap().department.as_deref(), Some("R&D"));
    /// # Ok::<(), scimgate_plugin_sdk::Error>(())
    /// ```
    pub fn extension<T: DeserializeOwned>(&self, urn: &str) -> Result<Option<T>> {
        self.get_first(urn)
    }

    /// A date and a time, or none. It is written as a text: `document.set(path, time.to_string())`.
    pub fn timestamp(&self, path: &str) -> Result<Option<Timestamp>> {
        let Some(text) = self.get_str(path)? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| Error::Other(format!("{path} is not a date and time: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test::Resource;

    #[test]
    fn values_have_types_and_keep_what_these_do_not_name() {
        let user = json!({
            "name": { "givenName": "Ada", "familyName": " " },
            "addresses": [{ "type": "work", "country": "GB" }],
            "emails": [{ "value": "a@b" }, { "value": "c@d", "type": "Home", "primary": true }],
            ENTERPRISE_USER: { "manager": { "value": "7", "$ref": "../Users/7" } }
        });
        let resource = Resource::new("User", user.clone()).unwrap();
        let document = resource.document();
        assert_eq!(document.name().unwrap().full().as_deref(), Some("Ada"));
        let preferred = document.preferred("emails").unwrap().unwrap();
        assert!(preferred.is_type("home") && preferred.value.as_deref() == Some("c@d"), "{preferred:?}");
        assert_eq!(document.preferred("phoneNumbers").unwrap(), None);
        let manager = document.reference(&format!("{ENTERPRISE_USER}:manager")).unwrap().unwrap();
        assert_eq!((manager.value.as_deref(), manager.uri.as_deref()), (Some("7"), Some("../Users/7")));
        document.set("addresses", document.values("addresses").unwrap()).unwrap();
        assert_eq!(resource.into_value(), user);
    }

    #[test]
    fn a_value_of_another_type_is_named_by_its_path() {
        let resource = Resource::new("User", json!({ "active": true, "title": "x" })).unwrap();
        let error = resource.document().get_first::<String>("active").unwrap_err().to_string();
        assert!(error.starts_with("active has a value of another type than the plugin reads"), "{error}");
        let error = resource.document().timestamp("title").unwrap_err().to_string();
        assert!(error.starts_with("title is not a date and time"), "{error}");
    }
}
