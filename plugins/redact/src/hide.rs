//! Masks and hashes.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use scimgate_plugin_sdk::{Document, Error, serde_json::Value};
use sha2::Sha256;

/// Hides every text at a path. A value that is not text, such as a number, is hidden as its text if the schema allows a text
/// there; otherwise it is removed: it must not stay in clear.
pub(crate) fn texts(document: &Document<'_>, path: &str, hide: impl Fn(&str) -> String) -> Result<(), Error> {
    document.edit_texts(path, |text| Some(hide(text)))?;
    for value in document.get::<Value>(path)? {
        if matches!(value, Value::Number(_) | Value::Bool(_)) && document.set(path, hide(&value.to_string())).is_err() {
            document.remove(path)?;
        }
    }
    Ok(())
}

/// An asterisk per character but the last ones. A text that is not longer than what would be left is hidden whole.
pub(crate) fn mask(text: &str, keep: usize) -> String {
    let count = text.chars().count();
    let hidden = if count > keep { count - keep } else { count };
    text.chars().enumerate().map(|(index, letter)| if index < hidden { '*' } else { letter }).collect()
}

/// HMAC-SHA-256 in hexadecimal digits.
pub(crate) fn hash(key: &str, text: &str) -> String {
    // A key of any length is accepted.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    let mut digits = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
