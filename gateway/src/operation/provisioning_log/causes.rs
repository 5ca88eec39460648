//! The catalogue of causes: what a refusal means in plain words, and what to change at the identity provider. `causes.json` has it; the
//! first entry that fits counts.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::operation::request_facts::Refusal;

static CAUSES: LazyLock<Vec<Cause>> =
    LazyLock::new(|| serde_json::from_str(include_str!("causes.json")).unwrap_or_default());

/// A cause.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Its name.
    pub code: String,
    when: When,
    /// What happened.
    pub cause: String,
    /// What to do at the provider.
    pub remedy: String,
    /// The error codes that Entra ID shows for it.
    #[serde(default)]
    pub entra: Vec<String>,
}

/// What a refusal must be. What is none may be anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct When {
    kind: Option<String>,
    status: Option<u16>,
    scim_type: Option<String>,
    /// A part of the detail.
    detail: Option<String>,
    status_from: Option<u16>,
    status_to: Option<u16>,
}

/// All causes.
#[must_use]
pub fn all() -> &'static [Cause] {
    &CAUSES
}

/// The cause of a code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Cause> {
    CAUSES.iter().find(|cause| cause.code == code)
}

/// The cause of a status with its refusal; none of a success.
#[must_use]
pub(super) fn of(status: u16, refusal: Option<&Refusal>) -> Option<&'static str> {
    if status < 400 {
        return None;
    }
    CAUSES.iter().find(|cause| cause.when.fits(status, refusal)).map(|cause| cause.code.as_str())
}

impl When {
    fn fits(&self, status: u16, refusal: Option<&Refusal>) -> bool {
        let Self { kind, status: only, scim_type, detail, status_from, status_to } = self;
        let error = refusal.map(|refusal| &refusal.error);
        only.is_none_or(|only| only == status)
            && status_from.is_none_or(|from| status >= from)
            && status_to.is_none_or(|to| status <= to)
            && kind.as_deref().is_none_or(|kind| refusal.is_some_and(|refusal| refusal.kind == kind))
            && scim_type.as_deref().is_none_or(|wanted| {
                error.and_then(|error| error.scim_type).is_some_and(|known| known.keyword() == wanted)
            })
            && detail.as_deref().is_none_or(|part| error.is_some_and(|error| error.detail.contains(part)))
    }
}

#[cfg(test)]
mod tests {
    use scimgate_scim::error::{ScimError, ScimType};

    use super::*;

    #[test]
    fn the_catalogue_is_read_and_has_a_cause_for_every_refusal() {
        assert!(all().len() > 40, "the file is read");
        let refusal = |error: ScimError, kind| {
            let status = error.status;
            of(status, Some(&Refusal { error, kind, limit: None, failure: None, is_unavailable: false })).unwrap()
        };
        assert_eq!(refusal(ScimError::uniqueness("x"), "refused"), "value-in-use");
        assert_eq!(refusal(ScimError::invalid_value("userName is required."), "refused"), "required-missing");
        assert_eq!(refusal(ScimError::bad_request(ScimType::InvalidFilter, "x"), "refused"), "filter-not-understood");
        assert_eq!(refusal(ScimError::new(503, "x"), "database"), "database-unavailable");
        for status in 400..600 {
            let code = of(status, None).unwrap();
            assert!(find(code).is_some(), "{status}");
        }
        assert_eq!(of(399, None), None);
        for cause in all() {
            let ends = [&cause.cause, &cause.remedy].map(|text| text.ends_with('.'));
            assert_eq!(ends, [true, true], "{} is in sentences", cause.code);
        }
    }
}
