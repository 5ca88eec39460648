//! Which attributes' values the provisioning log does not have: those that an operator named, and those that no client may read.

use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value};

/// Stands for all attributes.
pub const ALL: &str = "*";

/// The attributes of a tenant whose values are not logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redaction {
    /// In lower case.
    names: Vec<String>,
    is_all: bool,
}

impl Redaction {
    /// Of these attributes, by their full names, with their sub-attributes.
    #[must_use]
    pub fn of(names: &[String]) -> Self {
        Self {
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            is_all: names.iter().any(|name| name == ALL),
        }
    }

    /// Whether no value is logged at all, nor what plugins say of one.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.is_all
    }

    /// Whether the value of an attribute, by its full name, is not logged.
    #[must_use]
    pub fn hides(&self, attribute: &str) -> bool {
        self.is_all || self.names.iter().any(|name| is_within(attribute, name))
    }

    /// Whether an attribute of some extension is hidden that has this name, in lower case.
    #[must_use]
    pub fn hides_last(&self, name: &str) -> bool {
        self.names.iter().any(|hidden| hidden.rsplit_once(':').is_some_and(|(_, last)| is_within(name, last)))
    }

    /// Whether a sub-attribute of this attribute is hidden.
    fn hides_within(&self, attribute: &str) -> bool {
        self.names.iter().any(|name| is_within(name, &attribute.to_ascii_lowercase()))
    }

    /// The value of an attribute without what is hidden of it; none where all is.
    #[must_use]
    pub fn shown(&self, attribute: &str, value: &Value, resource_type: &ResourceType) -> Option<Value> {
        if self.hides(attribute) || is_secret(attribute, resource_type) {
            return None;
        }
        match value {
            Value::Array(elements) => {
                let shown = elements.iter().map(|element| self.shown(attribute, element, resource_type));
                shown.collect::<Option<Vec<Value>>>().map(Value::Array)
            }
            Value::Object(members) => {
                let shown = |(name, value): (&String, &Value)| {
                    Some((name.clone(), self.shown(&format!("{attribute}.{name}"), value, resource_type)?))
                };
                Some(Value::Object(members.iter().filter_map(shown).collect::<Map<_, _>>()))
            }
            plain => Some(plain.clone()),
        }
    }

    /// What a client read of a refusal, without the values that it quotes: where any attribute is hidden a quotation may be of it.
    #[must_use]
    pub fn detail(&self, text: &str) -> Option<String> {
        if self.is_all {
            return None;
        }
        if self.names.is_empty() {
            return Some(text.to_owned());
        }
        // A value may have quotation marks itself, so all between the first and the last one is left out.
        let Some((before, rest)) = text.split_once('"') else { return Some(text.to_owned()) };
        let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
        Some(format!("{before}\"…\"{after}"))
    }

    /// Whether a path that names elements by their values may be logged.
    #[must_use]
    pub fn shows_path(&self, attribute: &str, resource_type: &ResourceType) -> bool {
        let is_secret = |name: &str| is_secret(name, resource_type);
        !self.hides(attribute)
            && !self.hides_within(attribute)
            && !is_secret(attribute)
            && !is_secret(&format!("{attribute}.value"))
    }
}

/// Whether a name, in any case, is another one in lower case, or a part of it.
fn is_within(name: &str, of: &str) -> bool {
    let (Some(start), rest) = (name.get(..of.len()), name.get(of.len()..).unwrap_or_default()) else { return false };
    start.eq_ignore_ascii_case(of) && (rest.is_empty() || rest.starts_with(['.', ':']))
}

fn is_secret(attribute: &str, resource_type: &ResourceType) -> bool {
    resource_type.resolve(attribute).is_some_and(|found| found.attribute.is_secret() || found.leaf().is_secret())
}

#[cfg(test)]
mod tests {
    use scimgate_scim::schema::registry::Registry;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_hides_the_attribute_and_its_parts() {
        let redaction = Redaction::of(&["name.givenName".to_owned(), "emails".to_owned(), "urn:x:User".to_owned()]);
        for (attribute, hidden) in [
            ("name.givenName", true),
            ("NAME.GIVENNAME", true),
            ("name.familyName", false),
            ("emails", true),
            ("emails.value", true),
            ("emailsOfOthers", false),
            ("urn:x:User:department", true),
            ("title", false),
        ] {
            assert_eq!(redaction.hides(attribute), hidden, "{attribute}");
        }
        let standard = Registry::standard();
        let user = standard.resource_type("User").unwrap();
        for (attribute, is_shown) in [("roles", true), ("name", false), ("emails", false), ("password", false)] {
            assert_eq!(redaction.shows_path(attribute, user), is_shown, "{attribute}");
        }
        assert!(Redaction::of(&[ALL.to_owned()]).hides("title"));
    }

    #[test]
    fn a_refusal_is_logged_without_what_it_quotes() {
        let text = "emails.value \"ada@x.test\" is not a mail address.";
        assert_eq!(Redaction::default().detail(text), Some(text.to_owned()));
        let some = Redaction::of(&["emails".to_owned()]);
        assert_eq!(some.detail(text).unwrap(), "emails.value \"…\" is not a mail address.");
        assert_eq!(some.detail("cut \"off").unwrap(), "cut \"…\"");
        assert_eq!(some.detail("\"a\"b\" and \"c\" are two").unwrap(), "\"…\" are two");
        assert_eq!(Redaction::of(&[ALL.to_owned()]).detail(text), None);
    }

    #[test]
    fn hidden_parts_are_taken_out_of_a_value_and_secrets_always() {
        let standard = Registry::standard();
        let user = standard.resource_type("User").unwrap();
        let redaction = Redaction::of(&["emails.value".to_owned()]);
        let emails = json!([{ "value": "ada@x.test", "type": "work" }]);
        assert_eq!(redaction.shown("emails", &emails, user), Some(json!([{ "type": "work" }])));
        assert_eq!(Redaction::default().shown("emails", &emails, user), Some(emails));
        assert_eq!(Redaction::default().shown("password", &json!("x"), user), None);
    }
}
