//! References: `ghcr.io/acme/plugins/house:1.0.0`, with a digest, or both.

use super::manifest::is_digest;

/// Longest reference.
const MAX_REFERENCE_BYTES: usize = 512;
/// Longest tag (OCI distribution specification, "Pulling manifests").
const MAX_TAG_BYTES: usize = 128;

/// Where an artifact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry's host, with its port if it has one of its own.
    pub host: String,
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The manifest's digest, `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    /// Reads a reference, with or without `oci://`.
    ///
    /// # Errors
    /// A sentence that goes on after the reference.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "is not a reference such as registry.example.com/plugins/house:1.0.0";
        let text = text.strip_prefix("oci://").unwrap_or(text);
        if text.len() > MAX_REFERENCE_BYTES {
            return Err("is longer than any reference");
        }
        let (text, digest) = text.split_once('@').map_or((text, None), |(text, digest)| (text, Some(digest)));
        let (host, path) = text.split_once('/').ok_or(FORM)?;
        let (repository, tag) = path.split_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        if !is_host(host) || !repository.split('/').all(is_component) {
            return Err(FORM);
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err("has a tag that is none");
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err("has a digest that is not one of sha256");
        }
        if tag.is_none() && digest.is_none() {
            return Err("has neither a tag nor a digest");
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// What its manifest is asked for by: the digest before the tag, which may have moved.
    pub(super) fn tag_or_digest(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or_default()
    }
}

/// A host always has a dot or a port; otherwise the first part of a reference belongs to a repository of Docker Hub.
fn is_host(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    (text.contains(['.', ':']) || text == "localhost") && text.bytes().all(is_letter)
}

fn is_component(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().last()];
    ends.iter().all(|end| end.is_some_and(is_letter))
        && text.bytes().all(|byte| is_letter(byte) || b"._-".contains(&byte))
}

fn is_tag(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= MAX_TAG_BYTES
        && text.bytes().next().is_some_and(is_letter)
        && text.bytes().all(|byte| is_letter(byte) || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_host_repository_and_tag_or_digest() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let pinned = format!("ghcr.io/acme/house:1.0.0@{digest}");
        for (text, host, repository, tag, pin) in [
            ("ghcr.io/acme/house:1.0.0", "ghcr.io", "acme/house", Some("1.0.0"), None),
            ("oci://GHCR.io/house:v1", "ghcr.io", "house", Some("v1"), None),
            ("127.0.0.1:5000/a_b/c-d/e.f:latest", "127.0.0.1:5000", "a_b/c-d/e.f", Some("latest"), None),
            ("[::1]:5000/house:x", "[::1]:5000", "house", Some("x"), None),
            (&pinned, "ghcr.io", "acme/house", Some("1.0.0"), Some(digest.as_str())),
            (&pinned.replace(":1.0.0", ""), "ghcr.io", "acme/house", None, Some(digest.as_str())),
        ] {
            let read = Reference::parse(text).unwrap();
            assert_eq!((read.host.as_str(), read.repository.as_str()), (host, repository), "{text}");
            assert_eq!((read.tag.as_deref(), read.digest.as_deref()), (tag, pin), "{text}");
            assert_eq!(read.tag_or_digest(), pin.or(tag).unwrap());
        }
        let long = format!("ghcr.io/{}:x", "a".repeat(MAX_REFERENCE_BYTES));
        for text in [
            "",
            "house",
            "house:1.0.0",
            "acme/house:1.0.0",
            "ghcr.io/:1",
            "ghcr.io/a//b:1",
            "ghcr.io/../b:1",
            "ghcr.io/A:1",
            "ghcr.io/a:",
            "ghcr.io/a:1/2",
            "ghcr.io/a",
            "ghcr.io/a@md5:00",
            "ghcr.io/a@sha256:00",
            "ghcr.io/a b:1",
            "user@ghcr.io/a:1",
            "ghcr.io/a:1?x",
            "https://ghcr.io/a:1",
            &long,
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
