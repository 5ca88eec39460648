//! What a plugin may be called, and which resource types it may be for.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::registry::Registry;
use semver::Version;

use super::Manifest;

/// Longest name of a plugin.
pub(super) const MAX_NAME_BYTES: usize = 63;
/// Longest version of a plugin, without the digest of a push between releases.
pub(super) const MAX_VERSION_BYTES: usize = 64;
/// Digits of the digest in the version of a push between releases.
pub(super) const DEV_DIGITS: usize = 12;

/// Refuses a name that is not a slug, and a version that is none of Semantic Versioning or has build metadata, which only pushes between
/// releases have.
pub(super) fn check_title(manifest: &Manifest) -> Result<(), ScimError> {
    let Manifest { name, version, .. } = manifest;
    if !is_slug(name) {
        return Err(refuse(&format!(
            "its manifest's name is {name:?}, and a name has 1 to {MAX_NAME_BYTES} of a-z, 0-9 and - (neither first nor last)"
        )));
    }
    let parsed = Version::parse(version).map_err(|why| {
        refuse(&format!(
            "its manifest's version is {version:?}, which is none of Semantic Versioning ({why}), such as 1.0.0"
        ))
    })?;
    if !parsed.build.is_empty() {
        return Err(refuse(&format!(
            "its manifest's version {version} has build metadata (+{}), which only dev pushes get, from their digest",
            parsed.build
        )));
    }
    if version.len() > MAX_VERSION_BYTES {
        return Err(refuse(&format!("its manifest's version is longer than {MAX_VERSION_BYTES} characters")));
    }
    Ok(())
}

fn refuse(why: &str) -> ScimError {
    ScimError::new(400, format!("The plugin cannot be released: {why}."))
}

fn is_slug(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (first, last) = (name.bytes().next(), name.bytes().last());
    name.len() <= MAX_NAME_BYTES
        && [first, last].iter().all(|end| end.is_some_and(is_letter))
        && name.bytes().all(|byte| is_letter(byte) || byte == b'-')
}

/// The version of a push between releases.
pub(super) fn dev_version(version: &str, digest: &str) -> String {
    format!("{version}+sha256-{}", digest.get(..DEV_DIGITS).unwrap_or(digest))
}

/// Refuses a plugin for resource types that do not exist: of a tenant's own plugin each must be one of the tenant's; another must be
/// for one that every tenant has. Returns what its uploader may want to know.
pub(super) fn check_types(manifest: &Manifest, own: Option<&Registry>) -> Result<Vec<String>, ScimError> {
    let standard = Registry::standard();
    let known: Vec<&str> = own.unwrap_or(&standard).resource_types().iter().map(|it| it.name.as_str()).collect();
    let unknown: Vec<&str> =
        manifest.resource_types.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    if own.is_some() {
        let (unknown, known) = (unknown.join(", "), known.join(", "));
        return Err(refuse(&format!("it is for {unknown}, and the tenant has these resource types: {known}")));
    }
    if unknown.len() == manifest.resource_types.len() {
        return Err(refuse(&format!(
            "it is only for {}, and the resource types of all tenants are {}; for a tenant's own types, upload it for that tenant",
            unknown.join(", "),
            known.join(", ")
        )));
    }
    Ok(vec![format!("It is also for {}, which only tenants have that define it.", unknown.join(", "))])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(name: &str, version: &str, types: &[&str]) -> Manifest {
        let resource_types = types.iter().map(|name| (*name).to_owned()).collect();
        Manifest { name: name.into(), version: version.into(), resource_types, config_schema: json!({}) }
    }

    #[test]
    fn a_name_is_a_slug_and_a_version_is_semantic() {
        let long = "a".repeat(MAX_NAME_BYTES);
        for (name, version) in [("a", "0.0.1"), ("attribute-map", "1.0.0-rc.1"), ("0a", "10.20.30"), (&long, "1.0.0")] {
            assert_eq!(check_title(&manifest(name, version, &[])), Ok(()), "{name}@{version}");
        }
        let too_long = "a".repeat(MAX_NAME_BYTES + 1);
        for name in ["", "-a", "a-", "A", "a_b", "a b", "a@b", "a/b", "é", "a\0", &too_long] {
            let refusal = check_title(&manifest(name, "1.0.0", &[])).unwrap_err();
            assert!(refusal.status == 400 && refusal.detail.contains("a-z, 0-9 and -"), "{name:?}: {}", refusal.detail);
        }
        let long = format!("1.0.0-{}", "a".repeat(MAX_VERSION_BYTES));
        for (version, why) in [
            ("", "Semantic Versioning"),
            ("1", "Semantic Versioning"),
            ("1.0", "Semantic Versioning"),
            ("v1.0.0", "Semantic Versioning"),
            ("01.0.0", "Semantic Versioning"),
            ("1.0.0 ", "Semantic Versioning"),
            ("1.0.0+build.5", "build metadata (+build.5)"),
            (&long, "longer than 64 characters"),
        ] {
            let refusal = check_title(&manifest("a", version, &[])).unwrap_err();
            assert!(refusal.detail.contains(why), "{version:?}: {}", refusal.detail);
        }
    }

    #[test]
    fn a_dev_version_is_the_version_with_the_digest_as_build_metadata() {
        let version = dev_version("0.1.0-rc.1", &"abcdef0123456789".repeat(4));
        assert_eq!(version, "0.1.0-rc.1+sha256-abcdef012345");
        assert_eq!(Version::parse(&version).unwrap().build.as_str(), "sha256-abcdef012345");
    }

    #[test]
    fn resource_types_exist() {
        let of = |types: &[&str], own: Option<&Registry>| check_types(&manifest("a", "1.0.0", types), own);
        assert_eq!(of(&["User", "Group"], None), Ok(Vec::new()));
        assert!(of(&["User", "Device"], None).unwrap()[0].contains("also for Device"));
        assert!(
            of(&["Usr"], None)
                .unwrap_err()
                .detail
                .contains("only for Usr, and the resource types of all tenants are User, Group")
        );
        let own = Registry::standard();
        assert_eq!(of(&["User"], Some(&own)), Ok(Vec::new()));
        assert!(
            of(&["User", "Device"], Some(&own)).unwrap_err().detail.contains("it is for Device, and the tenant has")
        );
    }
}
