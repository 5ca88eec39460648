//! The findings: what a server did wrong, by name, with a hint how to fix it.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::step::Step;

/// Further findings are only counted.
const MAX_KEPT_FINDINGS: usize = 1000;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $hint:literal;)+) => {
        /// The kinds of findings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Kind {
            /// Its name in the report.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> String {
                let text = match self { $(Self::$variant => concat!($($doc),+),)+ };
                text.trim().to_owned()
            }

            /// How to fix it.
            #[must_use]
            pub fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)+ }
            }

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$variant,)+];
        }
    };
}

kinds! {
    /// A request was answered with an unexpected status.
    UnexpectedStatus = "unexpected-status",
        "Look up the request in the server's log; the detail in the response gives the reason.";
    /// A body is not JSON.
    NotJson = "not-json",
        "Answer every request with JSON, also with errors; check whether a proxy answers instead of the server.";
    /// A body does not have SCIM's media type.
    MediaType = "media-type",
        "Send Content-Type: application/scim+json.";
    /// A body is not a list response.
    NotAList = "not-a-list",
        "Answer with a ListResponse: its URN in schemas, totalResults as a number, Resources as an array of objects with id.";
    /// A number of a list response is a text.
    NumberAsText = "number-as-text",
        "Write totalResults, startIndex and itemsPerPage as JSON numbers; Okta refuses lists in which they are texts.";
    /// A response has the status 500 or above.
    ServerError = "server-error",
        "Refuse invalid requests with 400 and a SCIM error; clients repeat a request that is answered with 5xx.";
    /// An error is not in SCIM's form.
    ErrorShape = "error-shape",
        "Answer errors with the URN of the Error message in schemas, and with the status as a text (RFC 7644 §3.12).";
    /// A resource has no id.
    IdMissing = "id-missing",
        "Give every resource an id; clients store it and address the resource by it.";
    /// A resource does not name its schemas or its type.
    ResourceShape = "resource-shape",
        "Include schemas in every resource, and resourceType in every meta (RFC 7643 §3, §3.1).";
    /// An attribute is returned despite `excludedAttributes`.
    ExclusionIgnored = "exclusion-ignored",
        "Omit the attributes in excludedAttributes; clients use it to avoid reading every member of a large group.";
    /// A Location or meta.location is wrong, or a Location is missing.
    LocationWrong = "location-wrong",
        "Answer 201 with a Location that equals meta.location; both end in the path of the resource.";
    /// The ETag differs from the version in the body.
    VersionWrong = "version-wrong",
        "Send the same text as ETag and as meta.version.";
    /// The schemas lack attributes that the client maps.
    SchemaMissing = "schema-missing",
        "Answer GET /Schemas with a ListResponse that contains the schemas of users with their attributes.";
    /// A discovery document is missing.
    DiscoveryMissing = "discovery-missing",
        "Answer /ServiceProviderConfig, /ResourceTypes, /ResourceTypes/{name}, /Schemas and /Schemas/{urn} (RFC 7644 §4).";
    /// A filter does not find a resource that matches.
    FilterMissed = "filter-missed",
        "A filter must find what was just written; clients create a duplicate of a resource that they do not find.";
    /// A filter finds a resource that does not match.
    FilterIgnored = "filter-ignored",
        "Refuse an unsupported filter with 400 invalidFilter instead of ignoring it.";
    /// A filter on a matching attribute finds several resources.
    SeveralMatches = "several-matches",
        "A matching attribute must find at most one resource; clients skip such a user (Entra with DuplicateTargetEntries).";
    /// The same user was created twice.
    DuplicateCreated = "duplicate-created",
        "Refuse a second user with the same userName with 409 uniqueness.";
    /// A POST that was repeated because its response was lost was refused.
    RetryRefused = "retry-refused",
        "Answer a POST that is repeated within moments, with the same externalId and body, with the user that it created: 200 or 201.";
    /// A POST for a deactivated user was refused.
    ReactivationRefused = "reactivation-refused",
        "Answer a POST for a deactivated user by activating that user under its old id: 200 or 201.";
    /// A change was answered with success and changed nothing.
    NothingDone = "nothing-done",
        "A PATCH or PUT that succeeds must make the change; refuse what is not supported with 400.";
    /// The response to a write does not show the new state.
    AnswerStale = "answer-stale",
        "Answer PUT and PATCH with the resource as it is after the write, or PATCH with 204 and no body.";
    /// A PUT kept an attribute that its body omits.
    PutNotWhole = "put-not-whole",
        "PUT replaces the whole resource: attributes that its body omits must be removed (RFC 7644 §3.5.1).";
    /// `"False"` as text was ignored.
    StringBooleanIgnored = "string-boolean-ignored",
        "Entra sends booleans as the texts \"True\" and \"False\": read them as booleans, or deactivated users keep their access.";
    /// One of several changes was not made.
    ChangeIgnored = "change-ignored",
        "Make every change of a PATCH or PUT, or refuse the whole request.";
    /// A written value is missing.
    ValueLost = "value-lost",
        "Store the attribute, or remove it from /Schemas.";
    /// A value is returned different from what was written.
    ValueAltered = "value-altered",
        "Store values verbatim; clients send a value that differs again in every cycle.";
    /// A value is present where none should be.
    ValueKept = "value-kept",
        "Remove a cleared attribute, and add no values that were never sent.";
    /// There are two elements of one type.
    ValueDoubled = "value-doubled",
        "Change an element that is addressed by its type in place instead of adding a second one.";
    /// A reference to a manager is missing.
    ManagerLost = "manager-lost",
        "Accept the manager as a bare id, as an object with value, and as an array of one; by its name alone and by its URN.";
    /// An added member is missing.
    MemberLost = "member-lost",
        "Add must keep the existing members and add every one in its list.";
    /// A removed member is still there.
    MemberKept = "member-kept",
        "Accept both forms of removal: path members with a list of values, and members[value eq \"…\"].";
    /// A group has a member that was never added.
    MemberStranger = "member-stranger",
        "A group must contain exactly the members that were added to it.";
    /// Removing some members removed all.
    GroupWiped = "group-wiped",
        "A change must keep the members that it does not name; remove with path members and a list removes only those in the list.";
    /// A reactivated user has another id.
    RestoredUnderAnotherId = "restored-under-another-id",
        "Keep deactivated users, let filters find them, and keep their id when they are activated again.";
    /// A deleted resource is still there.
    DeletedStillThere = "deleted-still-there",
        "After DELETE a resource must be 404, and no list or filter may return it.";
    /// A list omits a resource.
    MissingFromList = "missing-from-list",
        "Use one stable order for all pages, so that no resource is skipped between two of them.";
    /// A list contains a resource twice.
    ListedTwice = "listed-twice",
        "Use one stable order for all pages, so that no resource appears on two of them.";
    /// The same list has two different orders.
    OrderUnstable = "order-unstable",
        "Use one order for lists whatever startIndex and count are, for example by creation and id.";
    /// A refusal does not state the limit.
    LimitUnnamed = "limit-unnamed",
        "Refuse a request that is too large with 413 and a detail that states the limit.";
    /// The numbers of a page are wrong.
    PagingWrong = "paging-wrong",
        "Return the requested startIndex, the size of the page in itemsPerPage, and the size of the whole list in totalResults.";
    /// The product does not see a resource.
    MissingInDirectory = "missing-in-directory",
        "Check its mapping state in the gateway; a mapping that excludes it does this on purpose.";
    /// The product sees a deleted resource.
    StillInDirectory = "still-in-directory",
        "The directory must not contain deleted resources.";
    /// The product sees another value.
    DirectoryDiffers = "directory-differs",
        "The mapping reports that it changed nothing, or the attribute is one that a mapping must not change.";
    /// The product sees other members.
    DirectoryMembersDiffer = "directory-members-differ",
        "The directory must show the members of the group, except those that the mapping excludes.";
}

/// One thing that a server did wrong.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The kind.
    pub kind: Kind,
    /// The step in which it was found.
    #[serde(serialize_with = "step_name")]
    pub step: Step,
    /// The resource or the request.
    pub resource: String,
    /// The attribute, if it concerns one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub attribute: String,
    /// What should be there.
    pub expected: String,
    /// What was there instead.
    pub seen: String,
    /// How to fix it.
    pub hint: &'static str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn step_name<S: serde::Serializer>(step: &Step, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(step.name())
}

impl Finding {
    /// A finding about a resource or a request. [`crate::session::Session::report`] sets the step.
    pub(crate) fn new(kind: Kind, resource: impl Into<String>) -> Self {
        Self {
            kind,
            step: Step::default(),
            resource: resource.into(),
            attribute: String::new(),
            expected: String::new(),
            seen: String::new(),
            hint: kind.hint(),
        }
    }

    pub(crate) fn attribute(mut self, attribute: impl Into<String>) -> Self {
        self.attribute = attribute.into();
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    pub(crate) fn seen(mut self, seen: impl Into<String>) -> Self {
        self.seen = seen.into();
        self
    }

    /// The same finding as another kind.
    pub(crate) fn of_kind(self, kind: Kind) -> Self {
        Self { kind, hint: kind.hint(), ..self }
    }
}

/// The findings so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: Vec<Finding>,
    counts: BTreeMap<Kind, u64>,
    reported: HashSet<(String, String)>,
}

impl Findings {
    /// Adds a finding, unless there is one about the same attribute of the same resource: every later check finds the same
    /// loss again.
    pub(crate) fn add(&mut self, finding: Finding) {
        let subject = (finding.resource.clone(), finding.attribute.clone());
        if !finding.attribute.is_empty() && !self.reported.insert(subject) {
            return;
        }
        *self.counts.entry(finding.kind).or_default() += 1;
        if self.kept.len() < MAX_KEPT_FINDINGS {
            self.kept.push(finding);
        }
    }

    /// The kept findings, in order.
    pub(crate) fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// The number of findings of each kind.
    pub(crate) fn counts(&self) -> &BTreeMap<Kind, u64> {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_equal_those_in_json() {
        let names: HashSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert!(kind.hint().ends_with('.'), "{}", kind.hint());
        }
    }

    #[test]
    fn one_loss_is_reported_once_and_findings_beyond_the_limit_are_counted() {
        let mut findings = Findings::default();
        findings.add(Finding::new(Kind::ManagerLost, "user a").attribute("manager"));
        findings.add(Finding::new(Kind::ValueLost, "user a").attribute("manager"));
        for _ in 0..MAX_KEPT_FINDINGS + 5 {
            findings.add(Finding::new(Kind::NotJson, "find user"));
        }
        assert_eq!(findings.kept().len(), MAX_KEPT_FINDINGS);
        assert_eq!(findings.counts()[&Kind::NotJson], u64::try_from(MAX_KEPT_FINDINGS + 5).unwrap());
        assert_eq!(findings.counts().get(&Kind::ValueLost), None);
    }
}
