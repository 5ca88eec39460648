//! The root key of `serve` and `dev`: the operator's, or the one in the database.

use std::path::PathBuf;

use scimgate::app;
use scimgate::clock::Clock;
use scimgate::config::RootKeys;
use scimgate::root_key::{Keys, RootKey};
use scimgate::store::Store;

use crate::failure::Failure;
use crate::secret;

/// The keys of an installation: the given ones, or the one in the database.
pub(super) async fn keys(given: &RootKeys, store: &Store, clock: &Clock) -> Result<Keys, Failure> {
    match self::given(given)? {
        Some(keys) => Ok(keys),
        None => Ok(app::kept_keys(store, clock).await?),
    }
}

/// The given keys, if any.
pub(super) fn given(given: &RootKeys) -> Result<Option<Keys>, Failure> {
    let read = |option, text: &Option<String>, file: &Option<PathBuf>| {
        let secret = secret::read(option, text.as_deref(), file.as_deref())?;
        secret.map(|secret| secret.parse("root key", RootKey::parse)).transpose()
    };
    let current = read("--root-key", &given.root_key, &given.root_key_file)?;
    let previous = read("--previous-root-key", &given.previous_root_key, &given.previous_root_key_file)?;
    match (current, previous) {
        (Some(current), previous) => Ok(Some(Keys { current, previous, in_database: false })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Failure::new(
            "--previous-root-key needs --root-key; pass both, or neither to use the root key in the database",
        )),
    }
}
