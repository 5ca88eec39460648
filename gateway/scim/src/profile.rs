//! Client profiles: the leniencies and choices of each SCIM client, as a table.

use crate::leniency::{Choice, Leniencies, Leniency};

macro_rules! profiles {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The SCIM client of a tenant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Profile {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Profile {
            /// Every profile, in the order of the table's columns.
            pub const ALL: [Self; PROFILES] = [$(Self::$variant,)+];

            /// The name in settings and on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

const PROFILES: usize = 11;

profiles! {
    /// The leniencies that are safe for every client, and those of the recognised client.
    Auto = "auto",
    /// Microsoft Entra ID, in both of its dialects.
    Entra = "entra",
    /// Okta.
    Okta = "okta",
    /// OneLogin.
    OneLogin = "onelogin",
    /// JumpCloud.
    JumpCloud = "jumpcloud",
    /// PingFederate and PingOne.
    Ping = "ping",
    /// Google Workspace.
    Google = "google",
    /// Rippling.
    Rippling = "rippling",
    /// SailPoint.
    SailPoint = "sailpoint",
    /// RFC 7643 and RFC 7644 without leniencies.
    Strict = "strict",
    /// draft-zollner-scim-interop-profile.
    Interop2026 = "interop-2026",
}

/// A cell per profile.
type Row = [bool; PROFILES];

/// Allowed.
const X: bool = true;
/// Refused.
const O: bool = false;

/// In `auto`, a leniency that changes the meaning of a request, or a choice, has the value of the recognised client. The
/// `auto` column applies while no client is recognised.
#[rustfmt::skip]
const TABLE: [(Leniency, Row); Leniency::ALL.len()] = [
    //                                     auto entra okta onelogin jumpcloud ping google rippling sailpoint strict interop
    (Leniency::StringBoolean,            [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::StringNumber,             [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::ScalarForString,          [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::UnknownAttributeSetAside, [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::UnknownAttributeDropped,  [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::UnknownSchemaUrn,         [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::BaseSchemaMissing,        [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::ReadOnlyIgnored,          [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::EmptyStringAsNull,        [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::ValuePathCreated,         [ X,   X,    X,   X,       X,        O,   X,     X,       X,        O,     O ]),
    (Leniency::PathlessDottedKeys,       [ X,   X,    X,   X,       X,        O,   X,     X,       O,        O,     O ]),
    (Leniency::ExtensionUndeclared,      [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::ExtensionUnprefixed,      [ X,   X,    X,   X,       X,        O,   O,     X,       O,        O,     O ]),
    (Leniency::ManagerAsString,          [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::ManagerAsArray,           [ X,   X,    O,   X,       X,        O,   O,     O,       O,        O,     O ]),
    (Leniency::BareElement,              [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::WrappedScalar,            [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::MemberRemovalByValue,     [ X,   X,    O,   X,       X,        O,   O,     X,       X,        O,     O ]),
    (Leniency::MalformedUrn,             [ X,   X,    O,   O,       O,        O,   O,     O,       O,        O,     O ]),
    (Leniency::JsonTextValue,            [ X,   X,    O,   O,       O,        O,   O,     O,       O,        O,     O ]),
    (Leniency::ExtraPrimary,             [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::NullAttribute,            [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::ScalarForArray,           [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::UnquotedFilterValue,      [ X,   X,    O,   O,       O,        O,   O,     O,       O,        O,     O ]),
    (Leniency::RemovalOfNothing,         [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::BareToken,                [ X,   O,    X,   O,       O,        X,   O,     O,       O,        O,     O ]),
    (Leniency::AcceptIgnored,            [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::OperationCase,            [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::BlankPath,                [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::RepeatedSchemaUrn,        [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::EndpointCase,             [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Leniency::EmptyStringClears,        [ O,   X,    X,   X,       X,        O,   O,     O,       O,        O,     O ]),
    (Leniency::UnknownMemberDropped,     [ O,   O,    O,   O,       O,        X,   O,     O,       O,        O,     O ]),
    (Leniency::UnknownMemberPending,     [ X,   X,    X,   X,       X,        O,   X,     X,       O,        O,     O ]),
    (Leniency::RestoreDeactivated,       [ O,   O,    X,   O,       O,        O,   O,     O,       O,        O,     O ]),
    (Leniency::RestoreDeleted,           [ O,   O,    O,   X,       O,        O,   O,     O,       O,        O,     O ]),
    (Leniency::IdempotentCreate,         [ O,   O,    O,   O,       O,        O,   O,     X,       O,        O,     O ]),
];

#[rustfmt::skip]
const CHOICES: [(Choice, Row); Choice::ALL.len()] = [
    //                                     auto entra okta onelogin jumpcloud ping google rippling sailpoint strict interop
    (Choice::PutKeepsOmitted,            [ O,   O,    O,   X,       O,        O,   O,     O,       O,        O,     O ]),
    (Choice::PutKeepsMembers,            [ X,   X,    X,   X,       X,        X,   X,     X,       X,        O,     O ]),
    (Choice::ComplexReplacedWhole,       [ O,   O,    O,   O,       O,        O,   O,     O,       O,        O,     X ]),
    (Choice::PathRequired,               [ O,   O,    O,   O,       O,        O,   O,     O,       O,        O,     X ]),
    (Choice::GroupNoContent,             [ O,   X,    X,   O,       X,        O,   O,     X,       O,        O,     O ]),
    (Choice::NoEtags,                    [ O,   O,    O,   O,       O,        O,   O,     O,       O,        O,     X ]),
];

impl Profile {
    /// The profile called `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The leniencies and choices of this profile. `recognised` is the recognised client; only `auto` uses it.
    #[must_use]
    pub fn leniencies(self, recognised: Option<Self>) -> Leniencies {
        let client = recognised.filter(|_| self == Self::Auto).unwrap_or(self);
        let mut set = Leniencies::strict();
        for (leniency, row) in &TABLE {
            let column = if leniency.changes_meaning() { client } else { self };
            if row[column as usize] {
                set = set.with(*leniency);
            }
        }
        CHOICES.iter().fold(set, |set, (choice, row)| set.choosing(*choice, row[client as usize]))
    }
}

impl Leniencies {
    /// The leniencies and choices for a client that has not been recognised.
    #[must_use]
    pub fn auto() -> Self {
        Profile::Auto.leniencies(None)
    }
}

#[cfg(test)]
mod tests;
