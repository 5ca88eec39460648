//! The document of a call, read and written by SCIM attribute paths with Rust values. It stays in the host; only the
//! attributes that a plugin reads are copied.

mod texts;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, PathError};

/// The document's functions as in the WIT, with values as JSON text. Implemented by the host's document and by
/// [`test::Resource`](crate::test::Resource).
#[doc(hidden)]
pub trait Paths {
    fn get(&self, path: &str) -> Result<Vec<String>, PathError>;
    fn set(&self, path: &str, value: &str) -> Result<u32, PathError>;
    fn append(&self, path: &str, value: &str) -> Result<u32, PathError>;
    fn remove(&self, path: &str) -> Result<u32, PathError>;
    fn to_json(&self) -> String;
    fn replace(&self, json: &str) -> Result<(), PathError>;
}

/// The document of this call.
///
/// Paths are SCIM attribute paths: `userName`, `name.givenName`, `emails[type eq "work"].value`,
/// `urn:example:product:2.0:User:badgeNumber`.
pub struct Document<'a>(&'a dyn Paths);

impl<'a> Document<'a> {
    #[doc(hidden)]
    pub fn new(paths: &'a dyn Paths) -> Self {
        Self(paths)
    }

    /// Every match. `emails` matches once, the whole array; `emails.value` once per element.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Error> {
        let mut values = Vec::new();
        for text in self.0.get(path)? {
            values.push(read(path, &text)?);
        }
        Ok(values)
    }

    /// The first match, or none.
    pub fn get_first<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        match self.0.get(path)?.first() {
            Some(text) => Ok(Some(read(path, text)?)),
            None => Ok(None),
        }
    }

    /// The first match if it is a string, or none.
    pub fn get_str(&self, path: &str) -> Result<Option<String>, Error> {
        Ok(self.get_first::<Value>(path)?.and_then(|value| match value {
            Value::String(text) => Some(text),
            _ => None,
        }))
    }

    /// Whether the path matches anything.
    pub fn has(&self, path: &str) -> Result<bool, Error> {
        Ok(!self.0.get(path)?.is_empty())
    }

    /// Sets every match, or creates the value if there is no match; returns the number of values set.
    pub fn set(&self, path: &str, value: impl Serialize) -> Result<u32, Error> {
        Ok(self.0.set(path, &serde_json::to_string(&value)?)?)
    }

    /// Adds an element, or each element of an array, to a multi-valued attribute and returns how many were new: an element that
    /// is there already is not added.
    pub fn append(&self, path: &str, value: impl Serialize) -> Result<u32, Error> {
        Ok(self.0.append(path, &serde_json::to_string(&value)?)?)
    }

    /// Removes every match and returns how many there were.
    pub fn remove(&self, path: &str) -> Result<u32, Error> {
        Ok(self.0.remove(path)?)
    }

    /// Reads one attribute, lets `change` edit it, and writes it back if it changed. Returns whether it changed.
    /// For a multi-valued attribute the value is the whole array.
    pub fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) -> Result<bool, Error> {
        let Some(mut value) = self.get_first::<Value>(path)? else {
            return Ok(false);
        };
        let before = value.clone();
        change(&mut value);
        if value == before {
            return Ok(false);
        }
        self.set(path, value)?;
        Ok(true)
    }

    /// Moves the value at one path to another; returns whether there was one.
    pub fn rename(&self, from: &str, to: &str) -> Result<bool, Error> {
        let found = self.0.get(from)?;
        match found.as_slice() {
            [] => Ok(false),
            [text] => {
                self.0.set(to, text)?;
                self.0.remove(from)?;
                Ok(true)
            }
            _ => Err(Error::Other(format!("{from} matches {} values: only one can be moved to {to}", found.len()))),
        }
    }

    /// The whole document. Reading single attributes by path is cheaper, unless a plugin needs most of them.
    pub fn to_value(&self) -> Result<Value, Error> {
        read("the document", &self.0.to_json())
    }

    /// Replaces the whole document except `id`, `meta` and `schemas`.
    pub fn replace(&self, value: &Value) -> Result<(), Error> {
        Ok(self.0.replace(&value.to_string())?)
    }
}

fn read<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::Value { path: path.to_owned(), source })
}
