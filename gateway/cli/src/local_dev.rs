//! The address and the keys of a `scimgate dev` that runs on this machine: commands without an address and a key of their own use
//! them. They are in a file that only its owner may read, in the folder of the user's state, locked and there as long as `dev` runs.

use std::fs::{File, TryLockError};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::home;

/// Far more than addresses and keys have.
const MAX_FILE_BYTES: u64 = 16 << 10;
/// The bits of a file's mode that let others read or write it.
const OTHERS: u32 = 0o077;

/// Where it is and what it accepts.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct LocalDev {
    pub(crate) admin_url: String,
    pub(crate) operator_key: String,
    pub(crate) directory_key: String,
    pub(crate) scim_url: String,
    pub(crate) token: String,
}

/// The file's path; none for a user without a home.
pub(crate) fn path() -> Option<PathBuf> {
    Some(home::state()?.join("dev.json"))
}

impl LocalDev {
    /// The one that runs, if any does.
    pub(crate) fn find() -> Option<Self> {
        let mut file = File::open(path()?).ok()?;
        let about = file.metadata().ok()?;
        if about.permissions().mode() & OTHERS != 0 || about.len() > MAX_FILE_BYTES {
            return None;
        }
        // If the lock is free, no `dev` runs any more.
        if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return None;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}
