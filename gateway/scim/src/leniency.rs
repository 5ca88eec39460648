//! Leniencies: departures of real clients from the RFCs. Each has a name, can be allowed or refused per tenant, and its use
//! is reported as a warning. [`profile`](crate::profile) lists the leniencies of each client.

use std::fmt;

use crate::error::ScimError;

macro_rules! names {
    ($(#[doc = $about:literal])+ $type:ident: $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $type {
            /// All, in the order of definition.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name in settings, logs and warnings.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The variant called `name`.
            #[must_use]
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }

            fn bit(self) -> u64 {
                1 << (self as u64)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

names! {
    /// A tolerated departure from RFC 7643 or RFC 7644.
    Leniency:
    /// `"True"` or `"false"` as text for a boolean attribute (Entra ID).
    StringBoolean = "string-boolean",
    /// A number as text for an integer or decimal attribute.
    StringNumber = "string-number",
    /// A number or boolean for a string attribute (`"employeeNumber": 42`).
    ScalarForString = "scalar-for-string",
    /// An attribute that no schema defines is kept as written, outside the document.
    UnknownAttributeSetAside = "unknown-attribute-set-aside",
    /// The oldest kept change of an attribute that no schema defines is dropped, because there are too many.
    UnknownAttributeDropped = "unknown-attribute-dropped",
    /// A schema URN that the resource type does not have (`OneLogin`'s 1.0 core URN, Entra's ADSCIM group).
    UnknownSchemaUrn = "unknown-schema-urn",
    /// `schemas` is missing or does not list the base schema.
    BaseSchemaMissing = "base-schema-missing",
    /// A change of a readOnly attribute by path is ignored.
    ReadOnlyIgnored = "read-only-ignored",
    /// `""` leaves an attribute unassigned that is not a text (`"manager": ""`, `"active": ""`).
    EmptyStringAsNull = "empty-string-as-null",
    /// A value path without a match creates the element that its `eq` terms describe.
    ValuePathCreated = "value-path-created",
    /// Dotted or value-path keys in a body or in the value of a PATCH without a path.
    PathlessDottedKeys = "pathless-dotted-keys",
    /// Data of an extension whose URN `schemas` does not list.
    ExtensionUndeclared = "extension-undeclared",
    /// An attribute of an extension without the extension's URN (`manager`).
    ExtensionUnprefixed = "extension-unprefixed",
    /// A bare id for a single-valued complex attribute with a `value` (`"manager": "6f1c"`).
    ManagerAsString = "manager-as-string",
    /// An array of one element for a single-valued complex attribute (`"manager": [{ "value": "6f1c" }]`).
    ManagerAsArray = "manager-as-array",
    /// A bare value for an element with a `value` (`"members": ["6f1c"]`).
    BareElement = "bare-element",
    /// An array of one, or an object with nothing but a `value`, for a value without parts (`"title": [{ "value": "x" }]`).
    WrappedScalar = "wrapped-scalar",
    /// `remove` with a list of values removes only those instead of the whole attribute.
    MemberRemovalByValue = "member-removal-by-value",
    /// A URN without its last colon (`…:enterprise:2.0User:department`).
    MalformedUrn = "malformed-urn",
    /// The `value` of an element is the JSON text of an element (Entra's app roles).
    JsonTextValue = "json-text-value",
    /// More than one primary element; the last one stays primary.
    ExtraPrimary = "extra-primary",
    /// A null element of an array is left out.
    NullAttribute = "null-attribute",
    /// A single value for a multi-valued attribute.
    ScalarForArray = "scalar-for-array",
    /// A comparison value without quotes in a filter (`externalId eq abc`).
    UnquotedFilterValue = "unquoted-filter-value",
    /// `remove` of an absent target changes nothing.
    RemovalOfNothing = "removal-of-nothing",
    /// The Authorization header is the token alone, without `Bearer` (Okta's header authentication).
    BareToken = "bare-token",
    /// The Accept header excludes SCIM's media type; the reply has it nevertheless.
    AcceptIgnored = "accept-ignored",
    /// The `op` of a PATCH operation in another case (`"Replace"`).
    OperationCase = "operation-case",
    /// An empty path of a PATCH operation, or one with spaces around it.
    BlankPath = "blank-path",
    /// `schemas` lists a URN twice.
    RepeatedSchemaUrn = "repeated-schema-urn",
    /// The endpoint of a resource type in another case (`/users`).
    EndpointCase = "endpoint-case",
    /// `""` leaves a text attribute unassigned, although it is a value by the RFC.
    EmptyStringClears = "empty-string-clears",
    /// An unknown member is ignored.
    UnknownMemberDropped = "unknown-member-dropped",
    /// An unknown member is kept as a reference until its resource is created.
    UnknownMemberPending = "unknown-member-pending",
    /// POST with a deactivated user's userName activates that user.
    RestoreDeactivated = "restore-deactivated",
    /// POST of a deleted resource restores it with its id.
    RestoreDeleted = "restore-deleted",
    /// POST that repeats a recent creation returns the created resource.
    IdempotentCreate = "idempotent-create",
}

impl Leniency {
    /// Whether it changes the meaning of a request that is valid without it. `auto` allows such a leniency only for clients
    /// that are known to need it. The other leniencies only accept requests that would be refused.
    #[must_use]
    pub fn changes_meaning(self) -> bool {
        self >= Self::EmptyStringClears
    }

    /// The leniency that contradicts this one.
    fn excludes(self) -> Option<Self> {
        match self {
            Self::UnknownMemberPending => Some(Self::UnknownMemberDropped),
            Self::UnknownMemberDropped => Some(Self::UnknownMemberPending),
            _ => None,
        }
    }
}

names! {
    /// A behaviour that the RFCs leave open or that an RFC profile changes. It tolerates nothing, so it leaves no warning.
    Choice:
    /// PUT keeps omitted attributes instead of clearing them.
    PutKeepsOmitted = "put-keeps-omitted",
    /// PUT of a group without `members` keeps them instead of emptying the group.
    PutKeepsMembers = "put-keeps-members",
    /// PATCH replace of a complex attribute replaces all its sub-attributes instead of the named ones.
    ComplexReplacedWhole = "complex-replaced-whole",
    /// A PATCH operation must have a path.
    PathRequired = "path-required",
    /// The reply to a PATCH of a group is 204, even if the group is small.
    GroupNoContent = "group-no-content",
    /// No ETags are sent, and conditions are ignored.
    NoEtags = "no-etags",
}

/// The leniencies and choices of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leniencies {
    allowed: u64,
    chosen: u64,
}

impl Leniencies {
    /// All leniencies and no choice. Of contradicting leniencies it has the last one.
    #[must_use]
    pub fn all() -> Self {
        Leniency::ALL.iter().fold(Self::strict(), |set, leniency| set.with(*leniency))
    }

    /// No leniency and no choice.
    #[must_use]
    pub fn strict() -> Self {
        Self { allowed: 0, chosen: 0 }
    }

    /// The set with `leniency`, without the one that contradicts it.
    #[must_use]
    pub fn with(self, leniency: Leniency) -> Self {
        let excluded = leniency.excludes().map_or(0, Leniency::bit);
        Self { allowed: (self.allowed | leniency.bit()) & !excluded, ..self }
    }

    /// The set without `leniency`.
    #[must_use]
    pub fn without(self, leniency: Leniency) -> Self {
        Self { allowed: self.allowed & !leniency.bit(), ..self }
    }

    /// Whether the set has `leniency`.
    #[must_use]
    pub fn allows(&self, leniency: Leniency) -> bool {
        self.allowed & leniency.bit() != 0
    }

    /// The set with or without `choice`.
    #[must_use]
    pub fn choosing(self, choice: Choice, chosen: bool) -> Self {
        let others = self.chosen & !choice.bit();
        Self { chosen: if chosen { others | choice.bit() } else { others }, ..self }
    }

    /// Whether the set has `choice`.
    #[must_use]
    pub fn chooses(&self, choice: Choice) -> bool {
        self.chosen & choice.bit() != 0
    }

    /// Records a warning if `leniency` is allowed, or returns the `refusal`.
    pub fn tolerate(
        &self,
        leniency: Leniency,
        attribute: &(impl fmt::Display + ?Sized),
        warnings: &mut Warnings,
        refusal: impl FnOnce() -> ScimError,
    ) -> Result<(), ScimError> {
        if !self.allows(leniency) {
            return Err(refusal());
        }
        warnings.add(leniency, attribute.to_string());
        Ok(())
    }
}

/// The use of a leniency on an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The leniency.
    pub leniency: Leniency,
    /// An attribute in canonical spelling, or a key as written.
    pub attribute: String,
}

/// The warnings of a request in order, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings(Vec<Warning>);

impl Warnings {
    /// The most warnings of a request. They are logged, and a body can have 100,000 unknown keys.
    const MAX_COUNT: usize = 100;

    /// Adds a warning unless it is present. Of too many, one of a loss replaces the last.
    pub fn add(&mut self, leniency: Leniency, attribute: impl Into<String>) {
        let warning = Warning { leniency, attribute: attribute.into() };
        if leniency == Leniency::UnknownAttributeDropped && self.0.len() >= Self::MAX_COUNT {
            self.0.pop();
        }
        if self.0.len() < Self::MAX_COUNT && !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }

    /// Adds the warnings of another step of the same request.
    pub fn extend(&mut self, other: Warnings) {
        for warning in other.0 {
            self.add(warning.leniency, warning.attribute);
        }
    }

    /// All warnings in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Warning> {
        self.0.iter()
    }

    /// Whether no leniency was used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Warnings {
    type Item = &'a Warning;
    type IntoIter = std::slice::Iter<'a, Warning>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leniency_is_found_by_its_name() {
        for leniency in Leniency::ALL {
            assert_eq!(Leniency::find(leniency.name()), Some(*leniency));
            assert!(leniency.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            assert_eq!(Choice::find(leniency.name()), None, "one name means one thing");
        }
        assert_eq!(Leniency::find("StringBoolean"), None);
    }

    #[test]
    fn each_leniency_is_allowed_independently() {
        for leniency in Leniency::ALL {
            assert!(Leniencies::all().with(*leniency).allows(*leniency));
            assert!(!Leniencies::strict().allows(*leniency));
            assert!(!Leniencies::all().without(*leniency).allows(*leniency));
            let alone = Leniencies::strict().with(*leniency);
            assert_eq!(Leniency::ALL.iter().filter(|it| alone.allows(**it)).collect::<Vec<_>>(), [leniency]);
        }
        for choice in Choice::ALL {
            let alone = Leniencies::strict().choosing(*choice, true);
            assert_eq!(Choice::ALL.iter().filter(|it| alone.chooses(**it)).collect::<Vec<_>>(), [choice]);
            assert_eq!(alone.choosing(*choice, false), Leniencies::strict());
        }
    }

    #[test]
    fn unknown_members_are_either_dropped_or_kept() {
        let (dropped, pending) = (Leniency::UnknownMemberDropped, Leniency::UnknownMemberPending);
        for (last, first) in [(dropped, pending), (pending, dropped)] {
            let set = Leniencies::strict().with(first).with(last);
            assert!(set.allows(last) && !set.allows(first), "the last one wins");
        }
    }

    #[test]
    fn duplicate_warnings_are_merged() {
        let mut warnings = Warnings::default();
        warnings.add(Leniency::StringBoolean, "active");
        warnings.add(Leniency::StringBoolean, "active");
        warnings.add(Leniency::StringBoolean, "emails.primary");
        assert_eq!(warnings.iter().count(), 2);
        for n in 0..1000 {
            warnings.add(Leniency::UnknownAttributeSetAside, n.to_string());
        }
        assert_eq!(warnings.iter().count(), Warnings::MAX_COUNT);
    }

    #[test]
    fn a_refusal_records_no_warning() {
        let mut warnings = Warnings::default();
        let refusal = || ScimError::invalid_value("active must be true or false.");
        assert!(Leniencies::strict().tolerate(Leniency::StringBoolean, "active", &mut warnings, refusal).is_err());
        assert!(warnings.is_empty());
        assert!(Leniencies::all().tolerate(Leniency::StringBoolean, "active", &mut warnings, refusal).is_ok());
        assert!(!warnings.is_empty());
    }
}
