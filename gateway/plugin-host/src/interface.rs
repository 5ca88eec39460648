//! Which versions of the plugin interface this host runs, and of which one a plugin is.
//!
//! The linker resolves an import of any 1.x to the host's own 1.x, and one of 0.1.x to 0.1.0: it compares names as Semantic Versioning does.

use semver::Version;

/// The versions whose plugins run here, for people.
pub const RUNS: &str = "1.0 and 0.1";

/// The newest version.
const CURRENT: Version = Version::new(1, 0, 0);
const PACKAGE: &str = "scimgate:mapping/";
/// The interfaces that the world imports.
const INTERFACES: [&str; 2] = ["types", "documents"];

/// What an import is to this host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Import {
    /// Of the plugin interface, in a version that this host has, or with functions that it may lack.
    Known {
        /// The version, if it is newer than the host's.
        newer: Option<Version>,
    },
    /// Of the plugin interface, in a version that this host does not have.
    OtherVersion(Version),
    /// Nothing of the plugin interface.
    Foreign,
}

/// Classifies an import by its name, such as `scimgate:mapping/documents@1.0.0`.
pub(crate) fn classify(import: &str) -> Import {
    let Some((interface, version)) = import.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')) else {
        return Import::Foreign;
    };
    let Ok(version) = Version::parse(version) else { return Import::Foreign };
    let newer = (version > CURRENT).then(|| version.clone());
    match (version.major, version.minor) {
        (0, 1) | (1, _) if INTERFACES.contains(&interface) => Import::Known { newer },
        // A later version may have more interfaces.
        (0, 1) | (1, _) if newer.is_none() => Import::Foreign,
        _ => Import::OtherVersion(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_classified_by_interface_and_version() {
        let known =
            |newer: Option<(u64, u64)>| Import::Known { newer: newer.map(|(it, minor)| Version::new(it, minor, 0)) };
        let other = |major, minor| Import::OtherVersion(Version::new(major, minor, 0));
        for (import, expected) in [
            ("scimgate:mapping/documents@1.0.0", known(None)),
            ("scimgate:mapping/types@0.1.0", known(None)),
            ("scimgate:mapping/documents@1.3.0", known(Some((1, 3)))),
            ("scimgate:mapping/schemas@1.3.0", other(1, 3)),
            ("scimgate:mapping/documents@2.0.0", other(2, 0)),
            ("scimgate:mapping/documents@0.2.0", other(0, 2)),
            ("scimgate:mapping/files@1.0.0", Import::Foreign),
            ("scimgate:mapping/documents", Import::Foreign),
            ("scimgate:mapping/documents@one", Import::Foreign),
            ("wasi:io/streams@0.2.0", Import::Foreign),
        ] {
            assert_eq!(classify(import), expected, "{import}");
        }
        assert!(RUNS.starts_with(&format!("{}.{} ", CURRENT.major, CURRENT.minor)));
    }
}
