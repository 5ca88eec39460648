//! Lets the commands of this user find a running `dev`.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use crate::local_dev::{self, LocalDev};

/// The file with address and keys, as long as its `dev` runs.
pub(super) struct Published {
    path: PathBuf,
    /// Its lock says that `dev` runs, also after one has died without removing its file.
    _lock: File,
}

impl Drop for Published {
    fn drop(&mut self) {
        // A file without a lock is not used.
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes the file. None for a user without a home, and where another `dev` has it: commands then use that one.
pub(super) fn publish(local: &LocalDev) -> io::Result<Option<Published>> {
    let Some(path) = local_dev::path() else { return Ok(None) };
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // The mode above holds for a new file alone.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    file.write_all(serde_json::to_string(local)?.as_bytes())?;
    Ok(Some(Published { path, _lock: file }))
}

/// What sets the variables of all commands in a shell.
pub(super) fn exports(local: &LocalDev) -> String {
    let LocalDev { admin_url, operator_key, directory_key, scim_url, token } = local;
    format!(
        "export SCIMGATE_SCIM_URL={scim_url} SCIMGATE_SCIM_TOKEN={token}\n\
         export SCIMGATE_ADMIN_URL={admin_url} SCIMGATE_OPERATOR_KEY={operator_key}\n\
         export SCIMGATE_DIRECTORY_KEY={directory_key}"
    )
}
