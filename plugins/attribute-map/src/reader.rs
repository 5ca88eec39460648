//! Gives expressions their attributes: by SCIM path, by the names that the configuration has, and by Entra's own names.

use expressions::{AttributeError, Date, Source, Value, entra, nearest};
use scimgate_plugin_sdk::{Context, Document, Error, PathError, serde_json::Value as Json};

use crate::config::Config;

pub(crate) const NOT_UNIQUE: &str = "SelectUniqueValue cannot run here: a mapping does not know which values are taken; let \
    the identity provider choose, or make the value unique by externalId";

/// Entra's computed attribute, the opposite of `active`.
const SOFT_DELETED: &str = "IsSoftDeleted";

/// Attributes that every tenant has, for suggestions.
const CORE_PATHS: [&str; 16] = [
    "userName",
    "externalId",
    "displayName",
    "nickName",
    "title",
    "active",
    "userType",
    "locale",
    "timezone",
    "preferredLanguage",
    "name.givenName",
    "name.familyName",
    "name.middleName",
    "name.formatted",
    "emails",
    "phoneNumbers",
];

/// The document as the expressions of one rule read it.
pub(crate) struct Reader<'d> {
    context: &'d Context,
    config: &'d Config,
    document: &'d Document<'d>,
    now: Date,
    /// What has been read: several rules read the same attributes.
    known: Vec<(String, Value)>,
    /// The target of the rule that is evaluated.
    pub(crate) target: &'d str,
}

impl<'d> Reader<'d> {
    pub(crate) fn new(context: &'d Context, config: &'d Config, document: &'d Document<'d>) -> Result<Self, Error> {
        let now = Date::from_rfc3339(&context.last_modified)
            .ok_or_else(|| format!("lastModified is {}, which is not a date", context.last_modified))?;
        Ok(Self { context, config, document, now, known: Vec::new(), target: "" })
    }

    /// The SCIM path that a name stands for. Only users have Entra's names: other types may have attributes of these names.
    fn path<'n>(&self, name: &'n str) -> &'n str
    where
        'd: 'n,
    {
        if let Some(path) = self.config.attributes.get(name) {
            return path;
        }
        let entra = if self.context.resource_type == "User" { entra::scim_path(name) } else { None };
        entra.unwrap_or(name)
    }

    fn read(&self, name: &str) -> Result<Value, AttributeError> {
        let is_soft_deleted = name == SOFT_DELETED && !self.config.attributes.contains_key(name);
        let path = if is_soft_deleted { "active" } else { self.path(name) };
        let mut found = self.document.get::<Json>(path).map_err(|error| self.unreadable(name, path, &error))?;
        let value = match found.len() {
            0 => Value::Absent,
            1 => Value::from_json(found.swap_remove(0)),
            _ => Value::List(found.into_iter().map(Value::from_json).collect()),
        };
        Ok(match value {
            Value::Boolean(active) if is_soft_deleted => Value::Boolean(!active),
            other => other,
        })
    }

    fn unreadable(&self, name: &str, path: &str, error: &Error) -> AttributeError {
        let is_unknown = matches!(error, Error::Path(PathError::Unknown(_) | PathError::Malformed(_)));
        let mut message = format!("the attribute [{name}] cannot be read: {error}");
        if path == name && is_unknown {
            let mut names: Vec<&str> = self.config.attributes.keys().map(String::as_str).collect();
            entra::attribute_names().chain(CORE_PATHS).for_each(|name| names.push(name));
            if let Some(near) = nearest(name, names) {
                message = format!("{}; did you mean [{near}]?", message.trim_end_matches('.'));
            }
        }
        AttributeError { is_unknown, message }
    }
}

impl Source for Reader<'_> {
    fn attribute(&mut self, name: &str) -> Result<Value, AttributeError> {
        if let Some((_, value)) = self.known.iter().find(|(known, _)| known == name) {
            return Ok(value.clone());
        }
        let value = self.read(name)?;
        self.known.push((name.to_owned(), value.clone()));
        Ok(value)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.config.parameters.get(name).map(String::as_str)
    }

    fn now(&self) -> Date {
        self.now
    }

    fn default_domain(&self) -> Option<&str> {
        self.config.default_domain.as_deref()
    }

    fn is_taken(&self, _: &str) -> Result<bool, String> {
        Err(NOT_UNIQUE.to_owned())
    }

    /// The resource and the rule's target: a rule keeps its values where others are added or moved.
    fn seed(&self) -> Vec<u8> {
        [self.context.resource_id.as_bytes(), b"\0", self.target.as_bytes(), b"\0"].concat()
    }
}
