//! `/admin/v1/tenants/{tenant}/setup-links`.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::page::SETUP_PREFIX;
use crate::operation::admin::setup_links::{self, CreatedLink, NewLink, State};
use crate::store::setup_link::{Method, Provider, SetupLink};

/// A new setup link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewSetupLink {
    /// Which provider's page it shows; `other` where nothing is given.
    #[serde(default)]
    #[schema(default = "other")]
    provider: SetupProvider,
    /// Which credential it makes; a token where nothing is given. Only `entra` and `other` have more than that.
    #[serde(default)]
    #[schema(default = "token")]
    method: SetupMethod,
    /// What the page and its credential are called, in one line.
    #[serde(default)]
    #[schema(max_length = 200)]
    label: String,
    /// How long the page is open; 72 hours where nothing is given.
    #[schema(minimum = 1, maximum = 720)]
    expires_in_hours: Option<u32>,
    /// How long its token or client secret is accepted; 365 days where nothing is given. For a secret at most 1096.
    #[schema(minimum = 1, maximum = 3650)]
    credential_days: Option<u32>,
}

/// The identity provider of a page.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SetupProvider {
    /// Microsoft Entra ID.
    Entra,
    Okta,
    OneLogin,
    JumpCloud,
    /// PingOne and PingFederate.
    Ping,
    /// Google Workspace.
    Google,
    #[default]
    Other,
}

/// The credential of a page.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum SetupMethod {
    /// A token.
    #[default]
    Token,
    /// An OAuth client with a secret.
    Client,
    /// An OAuth client for the provider's assertions, whose values the administrator enters.
    WorkloadIdentity,
}

/// How far a link has come.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SetupLinkState {
    /// It can be used.
    Open,
    /// It has made its credential.
    Used,
    /// A request with that credential was accepted.
    Connected,
    /// Its life ended before it was used.
    Expired,
    Revoked,
}

/// A setup link without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    #[schema(format = "uuid")]
    id: String,
    provider: SetupProvider,
    method: SetupMethod,
    label: String,
    state: SetupLinkState,
    #[schema(format = DateTime)]
    created_at: String,
    /// The operator key that created it, or the name of a command.
    created_by: String,
    /// When its page is closed.
    #[schema(format = DateTime)]
    expires_at: String,
    #[schema(format = DateTime, required)]
    revoked_at: Option<String>,
    /// When it made its credential.
    #[schema(format = DateTime, required)]
    used_at: Option<String>,
    /// That credential: a token's id, or a `client_id`.
    #[schema(format = "uuid", required)]
    credential: Option<String>,
    /// When the first request with that credential was accepted.
    #[schema(format = DateTime, required)]
    first_used_at: Option<String>,
    /// The profile of the client that was recognised by then.
    #[schema(required)]
    recognised: Option<String>,
    /// When a request of the tenant was refused last, before the first one that was accepted.
    #[schema(format = DateTime, required)]
    refused_at: Option<String>,
    /// Why.
    #[schema(required)]
    refused_why: Option<String>,
}

/// A link with its address, which no other reply has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedSetupLink {
    #[serde(flatten)]
    link: Link,
    /// What the customer's administrator opens. Whoever has it can make the credential, once.
    url: String,
}

/// The setup links of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetupLinkList {
    setup_links: Vec<Link>,
}

/// Create a setup link.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/setup-links", operation_id = "createSetupLink", tag = "setup links",
    request_body = NewSetupLink,
    responses(
        (status = 201, description = "The link with its address, which is shown only now.", body = CreatedSetupLink),
        (status = 409, description = "The tenant has too many links that have not expired."),
    )
)]
pub(super) async fn create(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewSetupLink>,
) -> Result<impl IntoResponse, ApiFailure> {
    let NewSetupLink { provider, method, label, expires_in_hours, credential_days } = body;
    let new = NewLink { provider: provider.into(), method: method.into(), label, expires_in_hours, credential_days };
    let CreatedLink { link, secret } = setup_links::create(&operator, &tenant, new).await?;
    let url = format!("{}{SETUP_PREFIX}{}", operator.gateway.public_url, secret.reveal());
    let reply = CreatedSetupLink { link: wire(link, State::Open), url };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(reply)))
}

/// List a tenant's setup links.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/setup-links", operation_id = "listSetupLinks", tag = "setup links",
    responses((status = 200, description = "Every link that has not expired, and the latest that have, the oldest first.", body = SetupLinkList))
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<SetupLinkList>, ApiFailure> {
    let links = setup_links::list(&operator, &tenant).await?;
    Ok(Json(SetupLinkList { setup_links: links.into_iter().map(|(link, state)| wire(link, state)).collect() }))
}

/// Revoke a setup link. The credential that it made stays.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/setup-links/{link}", operation_id = "revokeSetupLink", tag = "setup links",
    responses((status = 204, description = "The link is revoked, or was so before."))
)]
pub(super) async fn revoke(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, link)): Path<(String, String)>,
) -> Result<StatusCode, ApiFailure> {
    setup_links::revoke(&operator, &tenant, &link).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wire(link: SetupLink, state: State) -> Link {
    let (refused_at, refused_why) = link.refused.map(|(at, why)| (rfc3339(at), why)).unzip();
    Link {
        id: link.id.to_string(),
        provider: link.provider.into(),
        method: link.method.into(),
        label: link.label,
        state: match state {
            State::Open => SetupLinkState::Open,
            State::Used => SetupLinkState::Used,
            State::Connected => SetupLinkState::Connected,
            State::Expired => SetupLinkState::Expired,
            State::Revoked => SetupLinkState::Revoked,
        },
        created_at: rfc3339(link.created_at),
        created_by: link.created_by,
        expires_at: rfc3339(link.expires_at),
        revoked_at: link.revoked_at.map(rfc3339),
        used_at: link.used_at.map(rfc3339),
        credential: link.credential.map(|id| id.to_string()),
        first_used_at: link.first_used_at.map(rfc3339),
        recognised: link.recognised,
        refused_at,
        refused_why,
    }
}

macro_rules! same {
    ($wire:ident = $stored:ident: $($variant:ident),+) => {
        impl From<$wire> for $stored {
            fn from(wire: $wire) -> Self {
                match wire { $($wire::$variant => Self::$variant,)+ }
            }
        }

        impl From<$stored> for $wire {
            fn from(stored: $stored) -> Self {
                match stored { $($stored::$variant => Self::$variant,)+ }
            }
        }
    };
}

same!(SetupProvider = Provider: Entra, Okta, OneLogin, JumpCloud, Ping, Google, Other);
same!(SetupMethod = Method: Token, Client, WorkloadIdentity);
