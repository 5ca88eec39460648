//! Authentication, as extractors. Each returns the context that a handler needs, so no handler runs unauthenticated.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Leniency;
use scimgate_scim::profile::Profile;
use scimgate_scim::recognition::{self, Head};
use scimgate_scim::schema::registry::Registry;
use tokio::time::Instant;

use super::accept;
use super::connection::{self, Deadline, Held, Peer};
use super::error::{ApiFailure, ScimFailure};
use super::{facts, scope};
use crate::auth::{self, Verified, bearer, oauth};
use crate::operation::large::Large;
use crate::operation::request_facts::{Claimed, SlowPart, Target};
use crate::operation::{Context, Error, Gateway, Operator};
use crate::store::tenant::credential::Scope;
use crate::tenant;
use crate::trace::{self, OpenSpan};

/// The SCIM endpoint's address for all tenants: the token decides which one it is.
pub(super) const SCIM_BASE: &str = "/scim/v2";

/// The prefix of a tenant's name in the address of the tenant's own SCIM endpoint.
pub(super) const TENANT_PREFIX: &str = "/t/";

/// The span in which a credential is verified.
const AUTHENTICATE: &str = "authenticate";

/// A request with a SCIM token, for the token's tenant.
pub(super) struct ScimAccess(pub(super) Context);

/// A request with a directory key, for the key's tenant.
pub(super) struct DirectoryAccess(pub(super) Context);

/// A request with an operator key.
pub(super) struct OperatorAccess(pub(super) Operator);

impl FromRequestParts<Gateway> for ScimAccess {
    type Rejection = ScimFailure;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ScimFailure> {
        facts::route_to(&parts.extensions);
        let tenant = path_tenant(parts);
        let named = tenant.as_ref().ok().and_then(Option::as_deref);
        let verified = match trace::within(AUTHENTICATE, scim_credential(parts, gateway, named), refused).await {
            Ok(verified) => verified,
            Err(refusal) => {
                facts::of(parts).add(|facts| facts.claimed = claimed(parts, gateway, named));
                return Err(refusal.into());
            }
        };
        let tenant = tenant?;
        // Another tenant's token and an invalid one get the same reply, which does not show which tenants exist.
        if tenant.as_ref().is_some_and(|name| !verified.tenant_names.has(name)) {
            return Err(auth::Error::Unauthorized.into());
        }
        check_path(parts)?;
        let origin = origin(parts, gateway);
        let base = match tenant {
            Some(name) => format!("{origin}{TENANT_PREFIX}{name}{SCIM_BASE}"),
            None => format!("{origin}{SCIM_BASE}"),
        };
        let ctx = context(parts, gateway, &verified, base).await?;
        if gateway.provisioning_log.is_on() {
            add_target(parts, &ctx);
        }
        check_restrictions(parts, &verified, &ctx.settings.registry)?;
        let head = head(parts);
        if head.bare_token && !ctx.settings.leniencies.allows(Leniency::BareToken) {
            return Err(auth::Error::Unauthorized.into());
        }
        if head.bare_token {
            ctx.record_leniency(Leniency::BareToken, "Authorization");
        }
        if !accept::admits_scim(&parts.headers) {
            if !ctx.settings.leniencies.allows(Leniency::AcceptIgnored) {
                let detail = "Replies are application/scim+json, which the Accept header does not allow.";
                return Err(ScimError::new(406, detail).into());
            }
            ctx.record_leniency(Leniency::AcceptIgnored, "Accept");
        }
        let signal = if ctx.settings.client.profile == Profile::Auto { recognition::in_head(&head) } else { None };
        let ctx = ctx.record_client_signal(signal).await;
        ctx.facts.add(|facts| facts.settings = Some(Arc::clone(&ctx.settings)));
        gateway.auth.note_first_use(&verified, ctx.settings.client.recognised.map(|found| found.profile.name()));
        Ok(Self(ctx))
    }
}

impl FromRequestParts<Gateway> for DirectoryAccess {
    type Rejection = ApiFailure;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiFailure> {
        facts::route_to(&parts.extensions);
        let verified =
            trace::within(AUTHENTICATE, tenant_credential(parts, gateway, Scope::Directory), refused).await?;
        check_path(parts)?;
        let base = format!("{}{SCIM_BASE}", gateway.public_url);
        Ok(Self(context(parts, gateway, &verified, base).await?))
    }
}

impl FromRequestParts<Gateway> for OperatorAccess {
    type Rejection = ApiFailure;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiFailure> {
        facts::route_to(&parts.extensions);
        let verified = async {
            Ok::<_, Error>(gateway.auth.verify_operator(secret(&parts.headers)?, || client(parts, gateway)).await?)
        };
        let key = trace::within(AUTHENTICATE, verified, refused).await?;
        let facts = facts::of(parts);
        facts.add(|facts| facts.operator_key = Some(key.id));
        check_path(parts)?;
        scope::check(parts, &key)?;
        Ok(Self(Operator {
            gateway: gateway.clone(),
            actor: key.id.to_string(),
            name: key.label.clone(),
            key: Some(key.id),
            request_id: facts.request_id(),
            address: client(parts, gateway),
        }))
    }
}

/// Marks the span of a credential that is not accepted.
fn refused<T>(outcome: &Result<T, Error>, span: &mut OpenSpan) {
    if let Err(error) = outcome {
        span.fail(error.kind());
    }
}

/// A SCIM token, an access token, or at a tenant's address an assertion that the tenant accepts.
async fn scim_credential(parts: &Parts, gateway: &Gateway, tenant: Option<&str>) -> Result<Arc<Verified>, Error> {
    let secret = secret(&parts.headers)?;
    if !oauth::is_jwt(secret) {
        let verified = tenant_credential(parts, gateway, Scope::Scim).await;
        if let Err(Error::Auth(auth::Error::Unauthorized)) = verified {
            gateway.auth.note_refused_token(secret);
        }
        return verified;
    }
    let verified = gateway.auth.verify_jwt(secret, tenant, || client(parts, gateway)).await?;
    verified_is(parts, &verified);
    if verified.tenant_active { Ok(verified) } else { Err(Error::Suspended) }
}

async fn tenant_credential(parts: &Parts, gateway: &Gateway, scope: Scope) -> Result<Arc<Verified>, Error> {
    let verified = gateway.auth.verify(secret(&parts.headers)?, scope, || client(parts, gateway)).await?;
    verified_is(parts, &verified);
    if !verified.tenant_active {
        return Err(Error::Suspended);
    }
    if !verified.admits(|| client(parts, gateway)) {
        return Err(ScimError::new(403, "This token is not accepted from the address of this request.").into());
    }
    Ok(verified)
}

/// The tenant that a refused request says to be of: by its credential, or by the address.
fn claimed(parts: &Parts, gateway: &Gateway, named: Option<&str>) -> Option<Claimed> {
    let by_credential = secret(&parts.headers).ok().and_then(|secret| gateway.auth.tenant_of(secret));
    let by_address = || named.filter(|name| tenant::is_name(name)).map(|name| Claimed::Name(name.to_owned()));
    by_credential.map(Claimed::Id).or_else(by_address)
}

/// Adds what the address names. Inside the nested router the path begins below the SCIM endpoint.
fn add_target(parts: &Parts, ctx: &Context) {
    let mut segments = parts.uri.path().trim_matches('/').split('/');
    let known = segments.next().and_then(|endpoint| ctx.settings.registry.by_endpoint(endpoint));
    let id = segments.next().and_then(|id| id.parse().ok());
    let target = known.map(|known| Target { resource_type: Arc::clone(known), id });
    let query = if id.is_none() { parts.uri.query().map(str::to_owned) } else { None };
    ctx.facts.add(|facts| (facts.target, facts.query) = (target, query));
}

fn verified_is(parts: &Parts, verified: &Arc<Verified>) {
    facts::of(parts).add(|facts| facts.credential = Some(Arc::clone(verified)));
}

/// Refuses what a SCIM token's own restrictions exclude. Inside the nested router the path begins below the SCIM endpoint.
fn check_restrictions(parts: &Parts, verified: &Verified, registry: &Registry) -> Result<(), ScimError> {
    let path = parts.uri.path().trim_matches('/');
    if verified.read_only && !parts.method.is_safe() && path.rsplit('/').next() != Some(".search") {
        return Err(ScimError::new(403, "This token's scope is read-only: it changes nothing."));
    }
    let Some(only) = &verified.resource_type else { return Ok(()) };
    let endpoint = path.split('/').next().unwrap_or_default();
    let is_own = registry
        .resource_type(only)
        .is_some_and(|own| own.endpoint.trim_start_matches('/').eq_ignore_ascii_case(endpoint));
    if is_own || DISCOVERY.contains(&endpoint) {
        return Ok(());
    }
    Err(ScimError::new(403, format!("This token's scope is the resource type {only} alone.")))
}

/// Addresses that describe the service, for every token.
const DISCOVERY: [&str; 4] = ["ServiceProviderConfig", "ResourceTypes", "Schemas", "Me"];

/// Only the header of RFC 6750 §2.1: a token in the query or the body would end up in logs.
fn secret(headers: &HeaderMap) -> Result<&str, auth::Error> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(auth::Error::Unauthorized)?;
    Ok(bearer::credentials(header))
}

/// The tenant in the path; none in the address for all tenants. A name that is not UTF-8 is refused like another tenant's.
fn path_tenant(parts: &Parts) -> Result<Option<Cow<'_, str>>, auth::Error> {
    // Inside a nested router `parts.uri` lacks the segment with the tenant.
    let OriginalUri(uri) = parts.extensions.get().ok_or(auth::Error::Unauthorized)?;
    let Some(rest) = uri.path().strip_prefix(TENANT_PREFIX) else { return Ok(None) };
    let name = rest.split('/').next().unwrap_or_default();
    let name = percent_encoding::percent_decode_str(name).decode_utf8();
    name.map(Some).map_err(|_| auth::Error::Unauthorized)
}

/// Handlers read the path's parts as text; axum would refuse any other in a reply of its own.
fn check_path(parts: &Parts) -> Result<(), ScimError> {
    if connection::is_text(&parts.uri) {
        return Ok(());
    }
    Err(ScimError::new(400, "The address is not UTF-8 text."))
}

/// The address under which the client reached the gateway.
pub(super) fn origin(parts: &Parts, gateway: &Gateway) -> String {
    match parts.extensions.get::<Peer>() {
        Some(Peer(peer)) if !gateway.trusted_proxies.is_empty() => {
            connection::origin(&parts.headers, *peer, &gateway.trusted_proxies, &gateway.public_url)
        }
        _ => gateway.public_url.to_string(),
    }
}

/// The client's own address.
pub(super) fn client(parts: &Parts, gateway: &Gateway) -> Option<IpAddr> {
    let Peer(peer) = parts.extensions.get()?;
    Some(connection::client(&parts.headers, *peer, &gateway.trusted_proxies))
}

/// The parts of a request that can be a signal of its client. Inside the nested router the path begins below the SCIM
/// endpoint.
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

/// The context of a tenant's request, with its place: before the body is read.
async fn context(parts: &Parts, gateway: &Gateway, verified: &Verified, base: String) -> Result<Context, Error> {
    let facts = facts::of(parts);
    let settings = gateway.settings.get(verified.tenant).await?;
    facts.add(|facts| facts.settings = Some(Arc::clone(&settings)));
    let begun = std::time::Instant::now();
    let place = gateway.admission.admit(verified.tenant, verified.scope, &settings.limits).await;
    facts.took(SlowPart::Permit, begun);
    let place = place?;
    let store = gateway.store.tenant(verified.tenant).counting(facts.waited());
    if let Some(held) = parts.extensions.get::<Held>() {
        held.keep((place.clone(), store.account().clone()));
    }
    Ok(Context {
        gateway: gateway.clone(),
        store,
        settings,
        place: Some(place),
        large: parts.extensions.get::<Large>().cloned().unwrap_or_default(),
        base_url: base.into(),
        actor: verified.credential.to_string(),
        request_id: facts.request_id(),
        deadline: parts.extensions.get::<Deadline>().map_or_else(Instant::now, |deadline| deadline.0),
        facts,
    })
}
