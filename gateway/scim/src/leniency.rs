//! What real clients do beside the letter of the RFCs, each with a name: it can be allowed or refused by a
//! tenant, and its use is reported as a warning in place of being lost in silence. Which client gets which is a table in
//! [`profile`](crate::profile).

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
            /// Every one, in the order of their definition.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name in settings, logs and warnings.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The one called `name`.
            #[must_use]
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
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
    /// One tolerated departure from RFC 7643 or RFC 7644.
    Leniency:
    /// `"True"` or `"false"` as text where the schema says boolean (Entra ID).
    StringBoolean = "string-boolean",
    /// A number as text where the schema says integer or decimal.
    StringNumber = "string-number",
    /// A bare number or boolean where the schema says string (`"employeeNumber": 42`).
    ScalarForString = "scalar-for-string",
    /// An attribute that no schema defines is kept as it was written.
    UnknownAttributeSetAside = "unknown-attribute-set-aside",
    /// More changes to attributes that no schema defines than are kept: the oldest one is dropped.
    UnknownAttributeDropped = "unknown-attribute-dropped",
    /// A schema URN that the resource type does not have (`OneLogin`'s 1.0 core URN, Entra's ADSCIM group).
    UnknownSchemaUrn = "unknown-schema-urn",
    /// `schemas` is missing, or does not name the resource type's own schema.
    BaseSchemaMissing = "base-schema-missing",
    /// A path that names a readOnly attribute is left undone.
    ReadOnlyIgnored = "read-only-ignored",
    /// `""` where no text can stand (`"manager": ""`, `"active": ""`) leaves the attribute unassigned.
    EmptyStringAsNull = "empty-string-as-null",
    /// A value path that matches no element makes the element its `eq` terms describe.
    ValuePathCreated = "value-path-created",
    /// Dotted or value-path keys in a body or in the value of a PATCH without a path.
    PathlessDottedKeys = "pathless-dotted-keys",
    /// Data of an extension whose URN `schemas` does not list.
    ExtensionUndeclared = "extension-undeclared",
    /// An attribute of an extension named without the extension's URN (`manager`).
    ExtensionUnprefixed = "extension-unprefixed",
    /// A bare id where a complex attribute with a `value` is wanted (`"manager": "6f1c"`).
    ManagerAsString = "manager-as-string",
    /// An array of one where a single value is wanted (`"manager": [{ "value": "6f1c" }]`).
    ManagerAsArray = "manager-as-array",
    /// `remove` with a list of values takes only those, and not the whole attribute.
    MemberRemovalByValue = "member-removal-by-value",
    /// A URN with the last colon missing (`…:enterprise:2.0User:department`).
    MalformedUrn = "malformed-urn",
    /// The `value` of an element is itself the JSON text of an element (Entra's app roles).
    JsonTextValue = "json-text-value",
    /// More than one element is primary; the last one stays so.
    ExtraPrimary = "extra-primary",
    /// A null among the elements of an array is left out.
    NullAttribute = "null-attribute",
    /// A single value where a multi-valued attribute wants an array.
    ScalarForArray = "scalar-for-array",
    /// A filter's comparison value without its quotes (`externalId eq abc`).
    UnquotedFilterValue = "unquoted-filter-value",
    /// `remove` of a target that is not there changes nothing.
    RemovalOfNothing = "removal-of-nothing",
    /// The Authorization header is the token alone, without `Bearer` (Okta's header authentication).
    BareToken = "bare-token",
    /// The Accept header asks for what a SCIM server does not speak, and is answered in SCIM all the same.
    AcceptIgnored = "accept-ignored",
    /// The word of a PATCH operation in other letters than the RFC's (`"Replace"`).
    OperationCase = "operation-case",
    /// A path of a PATCH operation that is empty, or has spaces around it.
    BlankPath = "blank-path",
    /// `schemas` names a URN twice.
    RepeatedSchemaUrn = "repeated-schema-urn",
    /// `""` leaves a text unassigned, where the RFC has it as a value.
    EmptyStringClears = "empty-string-clears",
    /// A member that nobody knows is left out.
    UnknownMemberDropped = "unknown-member-dropped",
    /// A member that nobody knows yet is kept as a reference, and becomes a member when it appears.
    UnknownMemberPending = "unknown-member-pending",
    /// POST of a deactivated user's userName activates that user again.
    RestoreDeactivated = "restore-deactivated",
    /// POST of what was deleted brings it back with its id.
    RestoreDeleted = "restore-deleted",
    /// POST that repeats what made a resource minutes ago is answered with that resource.
    IdempotentCreate = "idempotent-create",
}

impl Leniency {
    /// Whether the same request means another thing by it. Such ones are not for everybody: `auto` allows them only
    /// where the client is known to need them. The others decide whether something can be read at all.
    #[must_use]
    pub fn changes_meaning(self) -> bool {
        self >= Self::EmptyStringClears
    }

    /// Of these two one alone can hold: what is kept cannot be dropped.
    fn excludes(self) -> Option<Self> {
        match self {
            Self::UnknownMemberPending => Some(Self::UnknownMemberDropped),
            Self::UnknownMemberDropped => Some(Self::UnknownMemberPending),
            _ => None,
        }
    }
}

names! {
    /// A reading that the RFCs leave open, or that a profile of them decides otherwise. Nothing is tolerated by it, so it
    /// leaves no warning.
    Choice:
    /// PUT leaves what the body does not mention as it is, in place of clearing it.
    PutKeepsOmitted = "put-keeps-omitted",
    /// A PATCH replace of a complex attribute replaces the whole, in place of the sub-attributes it names.
    ComplexReplacedWhole = "complex-replaced-whole",
    /// A PATCH operation must have a path.
    PathRequired = "path-required",
    /// A PATCH of a group is answered 204, however few members it has.
    GroupUnanswered = "group-no-content",
    /// No ETags are sent, and no conditions looked at.
    NoEtags = "no-etags",
}

/// The leniencies that a tenant allows, and its choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leniencies {
    allowed: u64,
    chosen: u64,
}

impl Leniencies {
    /// All leniencies, of those that exclude each other the last one, and no choice.
    #[must_use]
    pub fn all() -> Self {
        Leniency::ALL.iter().fold(Self::strict(), |set, leniency| set.with(*leniency))
    }

    /// None: the RFCs by the letter.
    #[must_use]
    pub fn strict() -> Self {
        Self { allowed: 0, chosen: 0 }
    }

    /// The set with one more; what it excludes goes.
    #[must_use]
    pub fn with(self, leniency: Leniency) -> Self {
        let excluded = leniency.excludes().map_or(0, Leniency::bit);
        Self { allowed: (self.allowed | leniency.bit()) & !excluded, ..self }
    }

    /// The set with one less.
    #[must_use]
    pub fn without(self, leniency: Leniency) -> Self {
        Self { allowed: self.allowed & !leniency.bit(), ..self }
    }

    /// Whether the set has `leniency`.
    #[must_use]
    pub fn allows(&self, leniency: Leniency) -> bool {
        self.allowed & leniency.bit() != 0
    }

    /// The set with a choice made, or not.
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

    /// Records a warning if `leniency` is allowed.
    ///
    /// # Errors
    /// What `refusal` makes, if it is not.
    pub fn tolerate(
        &self,
        leniency: Leniency,
        attribute: &str,
        warnings: &mut Warnings,
        refusal: impl FnOnce() -> ScimError,
    ) -> Result<(), ScimError> {
        if !self.allows(leniency) {
            return Err(refusal());
        }
        warnings.add(leniency, attribute);
        Ok(())
    }
}

/// The use of one leniency on one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What was tolerated.
    pub leniency: Leniency,
    /// Where: an attribute in its canonical spelling, or a key as the client wrote it.
    pub attribute: String,
}

/// The warnings of one request, each once, in the order they came up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings(Vec<Warning>);

impl Warnings {
    /// How many warnings one request can have: a body of 100,000 unknown keys must not make a log line of them.
    const LIMIT: usize = 100;

    /// Adds a warning, unless it is there already. That something was lost is said however many there are.
    pub fn add(&mut self, leniency: Leniency, attribute: impl Into<String>) {
        let warning = Warning { leniency, attribute: attribute.into() };
        if leniency == Leniency::UnknownAttributeDropped && self.0.len() >= Self::LIMIT {
            self.0.pop();
        }
        if self.0.len() < Self::LIMIT && !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }

    /// Adds the warnings of another step of the same request.
    pub fn extend(&mut self, other: Warnings) {
        for warning in other.0 {
            self.add(warning.leniency, warning.attribute);
        }
    }

    /// The warnings in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Warning> {
        self.0.iter()
    }

    /// Whether nothing had to be tolerated.
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
    fn each_is_allowed_and_refused_by_itself() {
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
    fn an_unknown_member_is_dropped_or_kept_but_not_both() {
        let (dropped, pending) = (Leniency::UnknownMemberDropped, Leniency::UnknownMemberPending);
        for (last, first) in [(dropped, pending), (pending, dropped)] {
            let set = Leniencies::strict().with(first).with(last);
            assert!(set.allows(last) && !set.allows(first), "the last word counts");
        }
    }

    #[test]
    fn a_warning_is_kept_once() {
        let mut warnings = Warnings::default();
        warnings.add(Leniency::StringBoolean, "active");
        warnings.add(Leniency::StringBoolean, "active");
        warnings.add(Leniency::StringBoolean, "emails.primary");
        assert_eq!(warnings.iter().count(), 2);
        for n in 0..1000 {
            warnings.add(Leniency::UnknownAttributeSetAside, n.to_string());
        }
        assert_eq!(warnings.iter().count(), Warnings::LIMIT);
    }

    #[test]
    fn what_is_not_tolerated_is_refused_without_a_warning() {
        let mut warnings = Warnings::default();
        let refusal = || ScimError::invalid_value("active must be true or false.");
        assert!(Leniencies::strict().tolerate(Leniency::StringBoolean, "active", &mut warnings, refusal).is_err());
        assert!(warnings.is_empty());
        assert!(Leniencies::all().tolerate(Leniency::StringBoolean, "active", &mut warnings, refusal).is_ok());
        assert!(!warnings.is_empty());
    }
}
