//! The root key of `serve` and `dev`: the operator's, or the one in the database.

use std::path::Path;

use scimgate::app;
use scimgate::clock::Clock;
use scimgate::config::RootKeys;
use scimgate::root_key::{Keys, RootKey};
use scimgate::store::Store;

use crate::failure::Failure;

pub(super) async fn keys(given: &RootKeys, store: &Store, clock: &Clock) -> Result<Keys, Failure> {
    let current = read("--root-key", given.root_key.as_deref(), given.root_key_file.as_deref())?;
    let previous = ("--previous-root-key", given.previous_root_key.as_deref(), given.previous_root_key_file.as_deref());
    let previous = read(previous.0, previous.1, previous.2)?;
    match (current, previous) {
        (Some(current), previous) => Ok(Keys { current, previous, in_database: false }),
        (None, None) => Ok(app::kept_keys(store, clock).await?),
        (None, Some(_)) => Err(Failure::new(
            "--previous-root-key needs --root-key; pass both, or neither to use the root key in the database",
        )),
    }
}

/// Reads a key from an option or a file; clap refuses both together.
fn read(option: &str, text: Option<&str>, file: Option<&Path>) -> Result<Option<RootKey>, Failure> {
    let (source, text) = match (text, file) {
        (Some(text), _) => (option.to_owned(), text.to_owned()),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::new(format!("the file of {option}, {}, cannot be read ({error})", path.display()))
            })?;
            (format!("{option}, in the file {},", path.display()), text)
        }
        (None, None) => return Ok(None),
    };
    RootKey::parse(&text).map(Some).map_err(|why| Failure::new(format!("{source} is not a root key: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_option_and_the_file_but_not_the_secret() {
        let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
        let Failure { message, .. } = read("--root-key", Some(secret), None).unwrap_err();
        assert!(message.starts_with("--root-key is not a root key: it must be 32 random bytes"), "{message}");
        assert!(!message.contains(secret), "{message}");
        let Failure { message, .. } = read("--root-key", None, Some(Path::new("/nowhere/root"))).unwrap_err();
        assert!(message.starts_with("the file of --root-key, /nowhere/root, cannot be read"), "{message}");
        assert!(read("--root-key", None, None).unwrap().is_none());
        assert!(read("--root-key", Some(&format!("{secret}f")), None).unwrap().is_some());
    }
}
