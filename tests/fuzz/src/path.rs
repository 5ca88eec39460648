//! Paths of PATCH operations.

use scimgate_scim::error::ScimType;
use scimgate_scim::filter::MAX_BYTES;
use scimgate_scim::leniency::{Leniencies, Warnings};
use scimgate_scim::path::Path;
use scimgate_scim::schema::ResourceType;

use crate::{REGISTRY, check_refusal, leniencies};

/// A path is refused with the right keyword, or its printed form parses as the same path.
pub fn check(text: &str) {
    for resource_type in REGISTRY.resource_types() {
        let mut read: Vec<Path> = Vec::new();
        for how in leniencies() {
            match parse(text, resource_type, &how) {
                Ok(path) => read.push(path),
                Err(error) => {
                    check_refusal(&error);
                    assert!(
                        matches!(error.scim_type, Some(ScimType::InvalidPath | ScimType::InvalidFilter)),
                        "{error:?}"
                    );
                }
            }
        }
        if let Ok(strict) = parse(text, resource_type, &Leniencies::strict()) {
            assert!(read.len() == 3 && read.iter().all(|path| *path == strict), "{read:?}");
        }
        for path in read {
            let printed = path.to_string();
            if printed.len() <= MAX_BYTES {
                let again = parse(&printed, resource_type, &Leniencies::strict());
                assert_eq!(again.as_ref(), Ok(&path), "{printed}");
            }
            if let Some(element) = &path.element {
                let _ = element.equalities();
            }
        }
    }
}

fn parse(text: &str, resource_type: &ResourceType, how: &Leniencies) -> Result<Path, scimgate_scim::error::ScimError> {
    Path::parse_with(text, resource_type, how, &mut Warnings::default())
}
