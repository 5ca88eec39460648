//! The root key of `serve` and `dev`: the operator's, or the one that the database keeps.

use std::path::Path;

use crate::failure::Failure;
use scimgate::app;
use scimgate::clock::Clock;
use scimgate::config::RootKeys;
use scimgate::root_key::{Keys, RootKey};
use scimgate::store::Store;

pub(super) async fn keys(given: &RootKeys, store: &Store, clock: &Clock) -> Result<Keys, Failure> {
    let current = read("--root-key", given.root_key.as_deref(), given.root_key_file.as_deref())?;
    let previous = ("--previous-root-key", given.previous_root_key.as_deref(), given.previous_root_key_file.as_deref());
    let previous = read(previous.0, previous.1, previous.2)?;
    match (current, previous) {
        (Some(current), previous) => Ok(Keys { current, previous }),
        (None, None) => Ok(app::kept_keys(store, clock).await?),
        (None, Some(_)) => Err(Failure::new(
            "--previous-root-key is accepted beside --root-key, which is missing; give both, or neither to have the \
             database keep one",
        )),
    }
}

/// A file wins over nothing: that both are given is refused before.
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
    RootKey::parse(&text).map(Some).map_err(|why| Failure::new(format!("{source} is no root key: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_option_and_the_file_and_never_the_secret() {
        let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
        let Failure { message: told, .. } = read("--root-key", Some(secret), None).unwrap_err();
        assert!(told.starts_with("--root-key is no root key: it must be 32 random bytes"), "{told}");
        assert!(!told.contains(secret), "{told}");
        let Failure { message: told, .. } = read("--root-key", None, Some(Path::new("/nowhere/root"))).unwrap_err();
        assert!(told.starts_with("the file of --root-key, /nowhere/root, cannot be read"), "{told}");
        assert!(read("--root-key", None, None).unwrap().is_none());
        assert!(read("--root-key", Some(&format!("{secret}f")), None).unwrap().is_some());
    }
}
