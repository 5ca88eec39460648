//! The folders of the user who runs a command, by the XDG Base Directory Specification. Its variables are not settings of ours.

use std::path::PathBuf;

/// For what is to outlive a command; none for a user without a home.
pub(crate) fn state() -> Option<PathBuf> {
    folder("XDG_STATE_HOME", ".local/state")
}

/// For compiled plugins, which may be removed at any time.
pub(crate) fn plugin_cache() -> Option<PathBuf> {
    Some(folder("XDG_CACHE_HOME", ".cache")?.join("plugins"))
}

fn folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
    Some(base.join("scimgate"))
}
