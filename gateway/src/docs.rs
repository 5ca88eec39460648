//! The documents as a site that `scimgate docs` has built: read once, at the start, and kept in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// Files of the site.
const MAX_FILES: usize = 1_000;
/// Bytes of all of them together.
const MAX_BYTES: usize = 64 << 20;

/// Why the site cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or a folder of it cannot be read.
    #[error("the documents in {} cannot be read; --docs names the folder that `scimgate docs` built", .path.display())]
    Read {
        /// The file or the folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The folder has more files or bytes than a site of documents.
    #[error("{} has more than {MAX_FILES} files or {MAX_BYTES} bytes; --docs names the folder that `scimgate docs` built", .0.display())]
    Large(PathBuf),
    /// The folder has no first page.
    #[error("{} has no index.html; --docs names the folder that `scimgate docs` built", .0.display())]
    NoIndex(PathBuf),
}

/// A file of the site.
#[derive(Clone, Debug)]
pub struct File {
    /// Its media type, by the ending of its name.
    pub media_type: &'static str,
    /// What is in it.
    pub content: Bytes,
}

/// The site; without files where there is none.
#[derive(Debug, Default)]
pub struct Docs {
    /// By their paths on the site, with slashes.
    files: BTreeMap<String, File>,
}

impl Docs {
    /// Reads the site in a folder. Files with other endings than those of a site are left out.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let (mut files, mut bytes) = (BTreeMap::new(), 0);
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            let path = folder.join(&below);
            let cannot = |source| Error::Read { path: path.clone(), source };
            for entry in std::fs::read_dir(&path).map_err(cannot)? {
                let entry = entry.map_err(cannot)?;
                let name = below.join(entry.file_name());
                if entry.file_type().map_err(cannot)?.is_dir() {
                    folders.push(name);
                    continue;
                }
                let Some(media_type) = media_type(&name) else { continue };
                let content = std::fs::read(entry.path()).map_err(cannot)?;
                bytes += content.len();
                files.insert(name.to_string_lossy().into_owned(), File { media_type, content: content.into() });
                if files.len() + folders.len() > MAX_FILES || bytes > MAX_BYTES {
                    return Err(Error::Large(folder.to_owned()));
                }
            }
        }
        if files.contains_key("index.html") { Ok(Self { files }) } else { Err(Error::NoIndex(folder.to_owned())) }
    }

    /// The file at a path of the site.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }
}

fn media_type(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "json" => Some("application/json"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        _ => None,
    }
}
