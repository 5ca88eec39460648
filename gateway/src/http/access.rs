//! Who is calling, as extractors: a handler cannot run without having asked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Leniency;
use scimgate_scim::profile::Profile;
use scimgate_scim::recognition::{self, Head};
use tokio::time::Instant;

use super::accept;
use super::error::{Failure, Surface};
use super::forwarded;
use crate::auth::{self, Verified, bearer};
use crate::operation::{Context, Error, Gateway};
use crate::store::tenant::credential::Scope;

/// The address under which every tenant is reached; which one, the token tells.
pub const SCIM_BASE: &str = "/scim/v2";

/// A SCIM client, let in.
pub struct ScimAccess(pub Context);

/// The product, let in to read one tenant.
pub struct DirectoryAccess(pub Context);

/// An operator, let in.
pub struct OperatorAccess {
    /// The operator key's id.
    pub actor: String,
}

impl FromRequestParts<Gateway> for ScimAccess {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Failure> {
        let refused = |error: Error| Failure { error, surface: Surface::Scim };
        let verified = tenant_credential(parts, gateway, Scope::Scim).await.map_err(refused)?;
        let named = path_tenant(parts).await;
        // One answer for a foreign token and a bad one, so that nobody learns which tenants there are.
        if named.as_ref().is_some_and(|name| *name != verified.tenant_name) {
            return Err(refused(auth::Error::Unauthorized.into()));
        }
        let origin = origin(parts, gateway);
        let base = match named {
            Some(name) => format!("{origin}/t/{name}{SCIM_BASE}"),
            None => format!("{origin}{SCIM_BASE}"),
        };
        let ctx = context(parts, gateway, &verified, base).await.map_err(refused)?;
        let head = head(parts);
        if head.bare_token && !ctx.settings.leniencies.allows(Leniency::BareToken) {
            return Err(refused(auth::Error::Unauthorized.into()));
        }
        if head.bare_token {
            ctx.record_leniency(Leniency::BareToken, "Authorization");
        }
        if !accept::admits_scim(&parts.headers) {
            if !ctx.settings.leniencies.allows(Leniency::AcceptIgnored) {
                let detail = "Replies are application/scim+json, which the Accept header does not allow.";
                return Err(refused(ScimError::new(406, detail).into()));
            }
            ctx.record_leniency(Leniency::AcceptIgnored, "Accept");
        }
        let signal = if ctx.settings.client.profile == Profile::Auto { recognition::in_head(&head) } else { None };
        Ok(Self(ctx.record_client_signal(signal).await))
    }
}

/// The address under which the client came.
fn origin(parts: &Parts, gateway: &Gateway) -> String {
    match parts.extensions.get::<Peer>() {
        Some(Peer(peer)) if !gateway.trusted_proxies.is_empty() => {
            forwarded::origin(&parts.headers, *peer, &gateway.trusted_proxies, &gateway.public_url)
        }
        _ => gateway.public_url.to_string(),
    }
}

/// What a request shows of who is calling. Inside the router, the address is the one below the SCIM endpoint.
fn head(parts: &Parts) -> Head<'_> {
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    Head {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        user_agent: text(USER_AGENT),
        bare_token: bearer::is_bare(text(AUTHORIZATION)),
    }
}

impl FromRequestParts<Gateway> for DirectoryAccess {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Failure> {
        let refused = |error: Error| Failure { error, surface: Surface::Internal };
        let verified = tenant_credential(parts, gateway, Scope::Directory).await.map_err(refused)?;
        let base = format!("{}{SCIM_BASE}", gateway.public_url);
        context(parts, gateway, &verified, base).await.map(Self).map_err(refused)
    }
}

impl FromRequestParts<Gateway> for OperatorAccess {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Failure> {
        let refused = |error: Error| Failure { error, surface: Surface::Internal };
        let secret = secret(&parts.headers).map_err(|error| refused(error.into()))?;
        let id = gateway.auth.verify_operator(secret).await.map_err(|error| refused(error.into()))?;
        Ok(Self { actor: id.to_string() })
    }
}

async fn tenant_credential(parts: &Parts, gateway: &Gateway, scope: Scope) -> Result<Arc<Verified>, Error> {
    let verified = gateway.auth.verify(secret(&parts.headers)?, scope).await?;
    if verified.tenant_active { Ok(verified) } else { Err(Error::Suspended) }
}

/// RFC 6750 §2.1: the header alone. A token in the query or the body would end up in logs.
fn secret(headers: &HeaderMap) -> Result<&str, auth::Error> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(auth::Error::Unauthorized)?;
    Ok(bearer::credentials(header))
}

async fn path_tenant(parts: &mut Parts) -> Option<String> {
    let Path(mut named) = Path::<HashMap<String, String>>::from_request_parts(parts, &()).await.ok()?;
    named.remove("tenant")
}

async fn context(parts: &Parts, gateway: &Gateway, verified: &Verified, base: String) -> Result<Context, Error> {
    Ok(Context {
        gateway: gateway.clone(),
        store: gateway.store.tenant(verified.tenant),
        settings: gateway.settings.get(verified.tenant).await?,
        base_url: base.into(),
        actor: verified.credential.to_string(),
        request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        deadline: parts.extensions.get::<Deadline>().map_or_else(Instant::now, |deadline| deadline.0),
    })
}

/// The request's id: in the log, in the events it causes, and in the reply's `X-Request-Id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// When the request is answered at the latest; what has not been begun by then is not begun any more.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);
