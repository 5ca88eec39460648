//! `/admin/v1/tenants/{tenant}/oauth-clients`.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::oauth_clients::{self, IssuedSecret, NewClient, SecretState, WithSecrets};
use crate::store::oauth::{AssertionRow, OauthSecret};

/// A new OAuth client. Without `assertion` it gets a secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewOauthClient {
    /// What the client is for, in one line.
    #[serde(default)]
    #[schema(max_length = 200)]
    label: String,
    /// The life of its access tokens in seconds; one hour where nothing is given.
    #[schema(minimum = 300, maximum = 21600)]
    token_seconds: Option<u32>,
    assertion: Option<Assertion>,
}

/// Which assertions the client may present (RFC 7523): signed by itself, or by another issuer for it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Assertion {
    /// The other issuer, as its `iss` says; without it the client signs assertions itself (`private_key_jwt`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500, nullable = false)]
    issuer: Option<String>,
    /// What the other issuer's `sub` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500, nullable = false)]
    subject: Option<String>,
    /// What the other issuer's `aud` says; for the client's own assertions it is the token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500, nullable = false)]
    audience: Option<String>,
    /// Where the public keys are, over https.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000, nullable = false)]
    jwks_uri: Option<String>,
    /// The public keys as a JSON Web Key Set, in place of an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false)]
    keys: Option<Value>,
    /// Whether another issuer's assertion is also accepted as a bearer token at the tenant's own address: for tests alone.
    #[schema(default = false)]
    bearer: bool,
}

/// An OAuth client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Client {
    /// The `client_id`.
    #[schema(format = "uuid")]
    #[serde(rename = "clientId")]
    id: String,
    label: String,
    token_seconds: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    assertion: Option<Assertion>,
    secrets: Vec<Secret>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime, required)]
    deleted_at: Option<String>,
    /// The token endpoint at the tenant's own address.
    token_url: String,
}

/// A client's secret, without the secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Secret {
    #[schema(format = "uuid")]
    id: String,
    /// The last four characters of the secret.
    last_four: String,
    state: OauthSecretState,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    #[schema(format = DateTime, required)]
    revoked_at: Option<String>,
}

/// Whether the secret is accepted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OauthSecretState {
    Active,
    Expired,
    Revoked,
}

/// A client as it was created, with its first secret, which no other reply has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedClient {
    #[serde(flatten)]
    client: Client,
    /// The `client_secret`; none for a client with an assertion.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// A new secret, which no other reply has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewSecret {
    #[serde(flatten)]
    secret: Secret,
    /// The `client_secret`.
    client_secret: String,
}

/// The OAuth clients of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientList {
    oauth_clients: Vec<Client>,
}

/// How long a new secret is accepted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SecretLife {
    /// In days; 365 where nothing is given.
    #[schema(minimum = 1, maximum = 1096)]
    expires_in_days: Option<u32>,
}

/// How a secret is revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Revocation {
    /// Whether the access tokens that the secret got are refused from now on, too; else they are accepted until they expire.
    #[serde(default)]
    with_tokens: bool,
}

/// Create an OAuth client.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/oauth-clients", operation_id = "createOauthClient", tag = "OAuth clients",
    request_body = NewOauthClient,
    responses(
        (status = 201, description = "The client, with its secret, which is shown only now.", body = CreatedClient),
        (status = 409, description = "The tenant has as many clients as it may have, or one with this issuer and subject."),
    )
)]
pub(super) async fn create(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewOauthClient>,
) -> Result<impl IntoResponse, ApiFailure> {
    let NewOauthClient { label, token_seconds, assertion } = body;
    let new = NewClient { label, token_seconds, assertion: assertion.map(AssertionRow::from) };
    let (created, secret) = oauth_clients::create(&operator, &tenant, new).await?;
    let client_secret = secret.map(|issued| issued.secret.reveal().to_owned());
    let client = client(created, &operator.gateway.public_url, &tenant);
    Ok((StatusCode::CREATED, NO_STORE, Json(CreatedClient { client, client_secret })))
}

/// List a tenant's OAuth clients.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/oauth-clients", operation_id = "listOauthClients", tag = "OAuth clients",
    responses((status = 200, description = "Every client, deleted ones too, the oldest first.", body = ClientList))
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<ClientList>, ApiFailure> {
    let clients = oauth_clients::list(&operator, &tenant).await?;
    let wire = |found| client(found, &operator.gateway.public_url, &tenant);
    Ok(Json(ClientList { oauth_clients: clients.into_iter().map(wire).collect() }))
}

/// Delete an OAuth client.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/oauth-clients/{client}", operation_id = "deleteOauthClient", tag = "OAuth clients",
    responses((status = 204, description = "The client is deleted, and its access tokens are refused."))
)]
pub(super) async fn delete(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, client)): Path<(String, String)>,
) -> Result<StatusCode, ApiFailure> {
    oauth_clients::delete(&operator, &tenant, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Issue another secret for an OAuth client.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/oauth-clients/{client}/secrets", operation_id = "addOauthSecret", tag = "OAuth clients",
    request_body = SecretLife,
    responses(
        (status = 201, description = "The secret, which is shown only now; the others stay valid.", body = NewSecret),
        (status = 409, description = "The client has as many valid secrets as it may have."),
    )
)]
pub(super) async fn add_secret(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, client)): Path<(String, String)>,
    Json(body): Json<SecretLife>,
) -> Result<impl IntoResponse, ApiFailure> {
    let IssuedSecret { stored, secret: issued } =
        oauth_clients::add_secret(&operator, (&tenant, &client), body.expires_in_days).await?;
    let reply = NewSecret { secret: secret(stored, SecretState::Active), client_secret: issued.reveal().to_owned() };
    Ok((StatusCode::CREATED, NO_STORE, Json(reply)))
}

/// Revoke a secret of an OAuth client.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/oauth-clients/{client}/secrets/{secret}/revoke", operation_id = "revokeOauthSecret",
    tag = "OAuth clients", request_body = Revocation,
    responses((status = 204, description = "The secret is revoked, or was so before."))
)]
pub(super) async fn revoke_secret(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, client, secret)): Path<(String, String, String)>,
    Json(body): Json<Revocation>,
) -> Result<StatusCode, ApiFailure> {
    oauth_clients::revoke_secret(&operator, (&tenant, &client, &secret), body.with_tokens).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// No cache may keep a reply with a secret.
const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

fn client(found: WithSecrets, public_url: &str, tenant: &str) -> Client {
    let WithSecrets { client, secrets } = found;
    Client {
        id: client.id.to_string(),
        label: client.label,
        token_seconds: client.token_seconds,
        assertion: client.assertion.map(Assertion::from),
        secrets: secrets.into_iter().map(|(stored, state)| secret(stored, state)).collect(),
        created_at: rfc3339(client.created_at),
        deleted_at: client.deleted_at.map(rfc3339),
        token_url: format!("{public_url}/t/{tenant}/oauth2/token"),
    }
}

fn secret(stored: OauthSecret, state: SecretState) -> Secret {
    Secret {
        id: stored.id.to_string(),
        last_four: stored.last_four,
        state: match state {
            SecretState::Active => OauthSecretState::Active,
            SecretState::Expired => OauthSecretState::Expired,
            SecretState::Revoked => OauthSecretState::Revoked,
        },
        created_at: rfc3339(stored.created_at),
        expires_at: rfc3339(stored.expires_at),
        revoked_at: stored.revoked_at.map(rfc3339),
    }
}

impl From<Assertion> for AssertionRow {
    fn from(wire: Assertion) -> Self {
        let Assertion { issuer, subject, audience, jwks_uri, keys, bearer } = wire;
        Self { issuer, subject, audience, jwks_uri, jwks: keys.map(|keys| keys.to_string()), bearer }
    }
}

impl From<AssertionRow> for Assertion {
    fn from(row: AssertionRow) -> Self {
        let AssertionRow { issuer, subject, audience, jwks_uri, jwks, bearer } = row;
        let keys = jwks.and_then(|text| serde_json::from_str(&text).ok());
        Self { issuer, subject, audience, jwks_uri, keys, bearer }
    }
}
