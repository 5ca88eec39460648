//! The embedded database of a test: a copy of one that is migrated once, since the migrations take longer than most tests.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use scimgate::store::postgres::embedded::{self, Embedded};
use tempfile::TempDir;

use crate::database::migrations;
use crate::root;

/// A file system in memory, where there is one: on a disk it takes longer to create and remove four hundred files than to start.
const MEMORY: &str = "/dev/shm";
/// The least that must be free of it: for a dozen databases at the same time.
const MIN_FREE_BYTES: u64 = 512 << 20;

/// Starts a copy of the migrated database. Its directory is removed when the second value is dropped.
pub(crate) async fn start_copy() -> (Embedded, TempDir) {
    let free = rustix::fs::statvfs(MEMORY).map_or(0, |system| system.f_bavail.saturating_mul(system.f_frsize));
    let directory = if free >= MIN_FREE_BYTES { tempfile::tempdir_in(MEMORY) } else { tempfile::tempdir() }.unwrap();
    copy(&template().await, directory.path());
    (embedded::start(Some(directory.path())).await.unwrap(), directory)
}

/// The directory of the migrated database. It gets its name only when it is complete.
async fn template() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    migrations().hash(&mut hasher);
    version().hash(&mut hasher);
    let parent = root().join("target/tmp");
    let path = parent.join(format!("embedded-{:016x}", hasher.finish()));
    if path.exists() {
        return path;
    }
    std::fs::create_dir_all(&parent).unwrap();
    // Each test is a process of its own.
    let lock = File::create(parent.join("embedded.lock")).unwrap();
    lock.lock().unwrap();
    if !path.exists() {
        let raw = tempfile::tempdir_in(&parent).unwrap();
        let made = embedded::start(Some(raw.path())).await.unwrap();
        made.store.migrate().await.unwrap();
        tokio::task::spawn_blocking(move || drop(made)).await.unwrap();
        std::fs::rename(raw.keep(), &path).unwrap();
    }
    path
}

/// The version of the library that the database is from.
fn version() -> String {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let (_, package) = lock.split_once("name = \"pglite-oxide\"\n").unwrap();
    package.lines().next().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(status.success(), "cp -a {} {}", from.display(), to.display());
}
