//! The values that a page shows, and their templates.

use std::time::SystemTime;

use askama::Template;

use super::guide::{Guide, ProviderPage};
use super::mark::Mark;
use crate::clock::{for_people, rfc3339};

/// A moment, for programs and for people.
pub(super) struct Moment {
    pub(super) iso: String,
    pub(super) text: String,
}

/// A moment in UTC.
pub(super) fn moment(at: SystemTime) -> Moment {
    Moment { iso: rfc3339(at), text: for_people(at) }
}

/// A value to copy into a field of the provider.
pub(super) struct Value {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) hint: &'static str,
    /// None where it cannot be shown now.
    pub(super) text: Option<String>,
    /// Why not.
    pub(super) missing: String,
    pub(super) is_secret: bool,
}

/// The button that makes the credential.
pub(super) struct Button {
    pub(super) about: &'static str,
    pub(super) text: &'static str,
}

/// A field of the form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) value: String,
    pub(super) complaint: Option<String>,
}

/// The form of what a provider's assertions say.
pub(super) struct Form {
    pub(super) is_entra: bool,
    pub(super) is_correction: bool,
    /// From where its values were sent, if they can't be changed here any more.
    pub(super) sent: Option<&'static str>,
    pub(super) fields: Vec<Field>,
}

/// Until when a credential works.
pub(super) struct Ends {
    pub(super) what: &'static str,
    pub(super) at: Moment,
}

/// A link's page.
#[derive(Template)]
#[template(path = "setup/page.html")]
pub(super) struct Page<'a> {
    pub(super) provider: Guide,
    pub(super) tenant: &'a str,
    pub(super) label: &'a str,
    pub(super) mark: Mark,
    pub(super) notice: Option<String>,
    pub(super) form: Option<Form>,
    pub(super) values: Vec<Value>,
    pub(super) button: Option<Button>,
    pub(super) shows_secret: bool,
    /// Whether the page loads itself again where there is no JavaScript.
    pub(super) refreshes: bool,
    pub(super) closes: Moment,
    pub(super) credential_ends: Option<Ends>,
}
