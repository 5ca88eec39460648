//! The full log of `dev`, in a file of bounded size: when it is full, it becomes the older one, and what was that is gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The size at which the file becomes the older one.
const MAX_LOG_BYTES: u64 = 10 << 20;
/// The name of the older one ends so.
const OLDER: &str = ".1";

/// A file that is written at its end.
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    written: u64,
    most: u64,
}

impl LogFile {
    /// Opens the file, or creates it. Only its owner may read it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::with_size(path, MAX_LOG_BYTES)
    }

    fn with_size(path: &Path, most: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { written: file.metadata()?.len(), path: path.to_owned(), file, most })
    }
}

impl Write for LogFile {
    /// Writes a line, which is in one file as a whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written > 0 && self.written.saturating_add(line.len() as u64) > self.most {
            let mut older = self.path.clone().into_os_string();
            older.push(OLDER);
            match fs::rename(&self.path, older) {
                // A new file could not be opened after the last renaming.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            *self = Self::with_size(&self.path, self.most)?;
        }
        self.file.write_all(line)?;
        self.written += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_hold_the_newest_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.log");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let mut log = LogFile::with_size(&path, 10).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!((read("dev.log.1"), read("dev.log")), ("three\n".to_owned(), "four\n".to_owned()));
        drop(log);
        // A later start goes on in the same file.
        LogFile::with_size(&path, 10).unwrap().write_all(b"five\n").unwrap();
        assert_eq!((read("dev.log.1"), read("dev.log")), ("three\n".to_owned(), "four\nfive\n".to_owned()));
    }
}
