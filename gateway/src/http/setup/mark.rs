//! The mark of a page: whether a request with the link's credential has arrived, and its JSON, for which the page asks every few seconds.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use scimgate_scim::profile::Profile;
use serde::Serialize;

use super::refused;
use crate::clock::for_people;
use crate::http::access::client;
use crate::operation::{Gateway, setup_link};
use crate::store::setup_link::SetupLink;

/// What the mark shows.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Mark {
    /// `open`, `waiting`, `refused` or `connected`.
    pub(super) state: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: String,
}

/// The name of a client for people.
fn client_name(profile: &str) -> Option<&'static str> {
    match Profile::find(profile)? {
        Profile::Entra => Some("Microsoft Entra ID"),
        Profile::Okta => Some("Okta"),
        Profile::OneLogin => Some("OneLogin"),
        Profile::JumpCloud => Some("JumpCloud"),
        Profile::Ping => Some("Ping Identity"),
        Profile::Google => Some("Google Workspace"),
        Profile::Rippling => Some("Rippling"),
        Profile::SailPoint => Some("SailPoint"),
        Profile::Auto | Profile::Strict | Profile::Interop2026 => None,
    }
}

impl Mark {
    /// The mark of a link.
    pub(super) fn of(link: &SetupLink) -> Self {
        if let Some(at) = link.first_used_at {
            let from = link.recognised.as_deref().and_then(client_name);
            let from = from.map(|name| format!(", from {name}")).unwrap_or_default();
            let detail = format!("The first request with these credentials arrived on {}{from}.", for_people(at));
            return Self { state: "connected", title: "We have seen your Test Connection", detail };
        }
        match (&link.refused, link.used_at) {
            (Some((at, why)), _) => {
                let detail = format!("On {} a request was refused: {why}.", for_people(*at));
                Self { state: "refused", title: "A request arrived, and was refused", detail }
            }
            (None, Some(_)) => {
                let detail = "This turns green with the first request. The page looks for it by itself.".to_owned();
                Self { state: "waiting", title: "Waiting for your Test Connection", detail }
            }
            (None, None) => {
                let detail = "Two steps: get your values here, then enter them at your provider.".to_owned();
                Self { state: "open", title: "Not connected yet", detail }
            }
        }
    }
}

pub(super) async fn handle(
    State(gateway): State<Gateway>,
    secret: Result<Path<String>, PathRejection>,
    parts: Parts,
) -> Response {
    let secret = secret.map(|Path(secret)| secret).unwrap_or_default();
    match setup_link::open(&gateway, &secret, || client(&parts, &gateway)).await {
        Ok(found) => axum::Json(Mark::of(&found.link)).into_response(),
        Err(error) => refused(&parts.headers, error),
    }
}
