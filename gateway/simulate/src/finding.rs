//! What a server did wrong, by name, with what to do about it.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::step::Step;

/// Findings that are kept; the rest is counted.
const KEPT: usize = 1000;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $hint:literal;)+) => {
        /// What went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Kind {
            /// The name for people and programs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What to do about it.
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
    /// A request that should succeed was refused, or the other way round.
    UnexpectedStatus = "unexpected-status",
        "Look the request up in the server's log; the answer's detail says what it disliked.";
    /// A body that is no JSON.
    NotJson = "not-json",
        "Answer every request with JSON, errors too; look for a proxy that answers in the server's place.";
    /// A body of another media type than SCIM's.
    MediaType = "media-type",
        "Send Content-Type: application/scim+json.";
    /// A list that is none.
    NotAList = "not-a-list",
        "Answer with a ListResponse: its URN in schemas, totalResults as a number, Resources as an array of objects with id.";
    /// A number of a list that is a text.
    NumberAsText = "number-as-text",
        "Write totalResults, startIndex and itemsPerPage as JSON numbers; Okta refuses a list in which they are texts.";
    /// An answer of status 500 or above.
    ServerError = "server-error",
        "Refuse what is not understood with 400 and a SCIM error; a 5xx makes clients send it again and again.";
    /// An error that is no SCIM error.
    ErrorShape = "error-shape",
        "Answer errors with the URN of the Error message in schemas, and with the status as a text (RFC 7644 §3.12).";
    /// A resource without an id.
    IdMissing = "id-missing",
        "Every resource needs an id; clients remember it and address the resource by it.";
    /// A resource that does not say what it is.
    ResourceShape = "resource-shape",
        "Show schemas in every resource, and resourceType wherever there is a meta (RFC 7643 §3, §3.1).";
    /// An attribute that is shown in spite of `excludedAttributes`.
    ExclusionIgnored = "exclusion-ignored",
        "Leave out what excludedAttributes names; clients ask so in order not to read every member of a large group.";
    /// A Location or a meta.location that leads elsewhere, or a Location that is missing.
    LocationWrong = "location-wrong",
        "Answer 201 with a Location that equals meta.location; both end in the resource's path, whoever asks for it.";
    /// An ETag that differs from the version in the body.
    VersionWrong = "version-wrong",
        "ETag and meta.version must be the same text.";
    /// Attributes that the client's mapping names and the schemas do not.
    SchemaMissing = "schema-missing",
        "Answer GET /Schemas with a ListResponse that names the schemas of users and their attributes.";
    /// A document of discovery that is not there.
    DiscoveryMissing = "discovery-missing",
        "Answer /ServiceProviderConfig, /ResourceTypes, /ResourceTypes/{name}, /Schemas and /Schemas/{urn} (RFC 7644 §4).";
    /// A filter that does not find what is there.
    FilterMissed = "filter-missed",
        "A filter must find what was written a moment before; clients make a duplicate of what they do not find.";
    /// A filter that finds what does not match.
    FilterIgnored = "filter-ignored",
        "A filter that is not understood must be refused with 400 invalidFilter and not be ignored.";
    /// A filter on a matching attribute that finds several.
    SeveralMatches = "several-matches",
        "A matching attribute must find one resource at most; clients give up on the user (Entra with DuplicateTargetEntries).";
    /// One user twice.
    DuplicateCreated = "duplicate-created",
        "Refuse a second user of the same userName with 409 uniqueness.";
    /// A POST that was sent again because its answer got lost, and was refused.
    RetryRefused = "retry-refused",
        "Answer a POST that repeats a moment later, with the same externalId and body, with the user that it made: 200 or 201.";
    /// A POST for a deactivated user that was refused.
    ReactivationRefused = "reactivation-refused",
        "Answer a POST that names a deactivated user by activating that user, under its old id: 200 or 201.";
    /// A change that was answered with success and changed nothing.
    NothingDone = "nothing-done",
        "A PATCH or PUT that succeeds must change what it names; refuse with 400 what is not understood.";
    /// An answer to a write that shows something else than what was written, and is there.
    AnswerStale = "answer-stale",
        "Answer PUT and PATCH with the resource as it is afterwards, or PATCH with 204 and no body.";
    /// A PUT that left what its body leaves out.
    PutNotWhole = "put-not-whole",
        "PUT replaces the whole resource: what its body leaves out must be gone (RFC 7644 §3.5.1).";
    /// `"False"` as text that was taken for nothing.
    StringBooleanIgnored = "string-boolean-ignored",
        "Entra sends booleans as the text \"True\" and \"False\": read them as booleans, or deactivated users keep their access.";
    /// One change among others that was not made.
    ChangeIgnored = "change-ignored",
        "Every change of a PATCH or PUT must be carried out, or the whole be refused.";
    /// A value that was written and is not there.
    ValueLost = "value-lost",
        "Store the attribute, or leave it out of /Schemas.";
    /// A value that comes back different.
    ValueAltered = "value-altered",
        "Store values verbatim; clients send a value that comes back different again with every cycle.";
    /// A value where none should be.
    ValueKept = "value-kept",
        "A cleared attribute must be gone, and nothing be filled in that was never sent.";
    /// Two elements of one type.
    ValueDoubled = "value-doubled",
        "An element addressed by its type must be changed in place and not be added a second time.";
    /// A reference to a manager that is not there.
    ManagerLost = "manager-lost",
        "Take the manager as a bare id, as an object with value, and as an array of one; by its name alone and by its URN.";
    /// A member that was added and is not there.
    MemberLost = "member-lost",
        "Add must keep the members that are there and take every one of its list.";
    /// A member that was removed and is there.
    MemberKept = "member-kept",
        "Take removal in both forms: path members with a list of values, and members[value eq \"…\"].";
    /// A member that nobody added.
    MemberStranger = "member-stranger",
        "A group must hold what was added to it and no more.";
    /// A removal of some that took all.
    GroupWiped = "group-wiped",
        "A change must leave the members that it does not name; remove with path members and a list takes only those.";
    /// A user that came back as another one.
    RestoredUnderAnotherId = "restored-under-another-id",
        "A deactivated user must stay, be found by filters, and keep its id when it is activated again.";
    /// A deleted resource that is still there.
    DeletedStillThere = "deleted-still-there",
        "After DELETE a resource is 404, and no list or filter shows it.";
    /// A resource that the list leaves out.
    MissingFromList = "missing-from-list",
        "Pages must follow one stable order, so that none is left out between two of them.";
    /// A resource that the list shows twice.
    ListedTwice = "listed-twice",
        "Pages must follow one stable order, so that none is shown on two of them.";
    /// One list in two orders.
    OrderUnstable = "order-unstable",
        "Give lists one order, whatever startIndex and count are; by creation and id, for one.";
    /// A limit that does not say what it is.
    LimitUnnamed = "limit-unnamed",
        "Refuse what is too much with 413 and a detail that says how much is accepted.";
    /// Numbers of a page that are wrong.
    PagingWrong = "paging-wrong",
        "Echo startIndex, count the page in itemsPerPage, and the whole in totalResults.";
    /// A resource that the product does not see.
    MissingInDirectory = "missing-in-directory",
        "Look at its mapping state in the gateway; a mapping that excludes it does this on purpose.";
    /// A deleted resource that the product sees.
    StillInDirectory = "still-in-directory",
        "The directory must drop what was deleted.";
    /// The product sees another value.
    DirectoryDiffers = "directory-differs",
        "The mapping says that it changed nothing, or the attribute is none a mapping should change.";
    /// The product sees other members.
    DirectoryMembersDiffer = "directory-members-differ",
        "The directory's members must be those of the group, as far as the mapping shows them.";
}

/// One thing that went wrong.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Where in the sequence.
    #[serde(serialize_with = "step_name")]
    pub step: Step,
    /// On which resource or request.
    pub resource: String,
    /// Of which attribute, if of one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub attribute: String,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub seen: String,
    /// What to do.
    pub hint: &'static str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the serializer hands a field over like this")]
fn step_name<S: serde::Serializer>(step: &Step, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(step.name())
}

impl Finding {
    /// A finding on a resource or a request. The step is put in where it is recorded.
    #[must_use]
    pub fn new(kind: Kind, resource: impl Into<String>) -> Self {
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

    /// Of this attribute.
    #[must_use]
    pub fn attribute(mut self, attribute: impl Into<String>) -> Self {
        self.attribute = attribute.into();
        self
    }

    /// What should have been.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// What was.
    #[must_use]
    pub fn seen(mut self, seen: impl Into<String>) -> Self {
        self.seen = seen.into();
        self
    }
}

/// All that went wrong so far.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    counts: BTreeMap<Kind, u64>,
    named: HashSet<(String, String)>,
}

impl Findings {
    /// Keeps a finding. What is wrong with one attribute of one resource is told once, by its first name: the same loss
    /// shows again in every later look.
    pub fn add(&mut self, finding: Finding) {
        if !finding.attribute.is_empty() && !self.named.insert((finding.resource.clone(), finding.attribute.clone())) {
            return;
        }
        *self.counts.entry(finding.kind).or_default() += 1;
        if self.kept.len() < KEPT {
            self.kept.push(finding);
        }
    }

    /// What was kept, in order.
    #[must_use]
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// How many of each kind.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<Kind, u64> {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_are_those_of_the_json() {
        let names: HashSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert!(kind.hint().ends_with('.'), "{}", kind.hint());
        }
    }

    #[test]
    fn one_loss_is_told_once_and_what_is_not_kept_is_counted() {
        let mut findings = Findings::default();
        findings.add(Finding::new(Kind::ManagerLost, "user a").attribute("manager"));
        findings.add(Finding::new(Kind::ValueLost, "user a").attribute("manager"));
        for _ in 0..KEPT + 5 {
            findings.add(Finding::new(Kind::NotJson, "find user"));
        }
        assert_eq!(findings.kept().len(), KEPT);
        assert_eq!(findings.counts()[&Kind::NotJson], u64::try_from(KEPT + 5).unwrap());
        assert_eq!(findings.counts().get(&Kind::ValueLost), None);
    }
}
