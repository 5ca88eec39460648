//! Access tokens (RFC 9068): JSON Web Tokens that this installation signs for its OAuth clients.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signing_keys::{self, SigningKeys};
use super::{SCOPE, crypto};
use crate::tenant::TenantId;

/// The media type of an access token in its header (RFC 9068 §2.1): none of another purpose is taken for one.
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    /// The client's id.
    pub(super) sub: Uuid,
    /// The tenant's id.
    pub(super) aud: Uuid,
    client_id: Uuid,
    iat: u64,
    exp: u64,
    jti: Uuid,
    scope: String,
    /// The secret by which the client got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<Uuid>,
}

/// For whom an access token is.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The address under which the client reached the token endpoint.
    pub issuer: String,
    /// The client's tenant.
    pub tenant: TenantId,
    /// The client.
    pub client: Uuid,
    /// The secret by which the client authenticated itself; none for an assertion.
    pub secret: Option<Uuid>,
    /// When it expires.
    pub expires_at: SystemTime,
}

impl Claims {
    pub(super) fn expires_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.exp)
    }
}

/// Signs an access token.
pub(super) async fn sign(
    keys: &SigningKeys,
    grant: &Grant,
    (id, now): (Uuid, SystemTime),
) -> Result<String, signing_keys::Error> {
    crypto::install();
    let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = Claims {
        iss: grant.issuer.clone(),
        sub: grant.client,
        aud: grant.tenant.0,
        client_id: grant.client,
        iat: seconds(now),
        exp: seconds(grant.expires_at),
        jti: id,
        scope: SCOPE.to_owned(),
        secret: grant.secret,
    };
    let (kid, key) = keys.signing().await?;
    let header = Header { typ: Some(TYPE.to_owned()), kid: Some(kid.to_string()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, &claims, &key).map_err(|_| signing_keys::Error::Make)
}

/// The id of the key that signed a text, if it has the form of an access token.
pub(super) fn key_of(header: &Header) -> Option<Uuid> {
    let is_ours = header.typ.as_deref() == Some(TYPE) && header.alg == Algorithm::EdDSA;
    header.kid.as_deref().filter(|_| is_ours)?.parse().ok()
}

/// What an access token says, if the key signed it. Whether it has expired is the caller's to check.
pub(super) fn read(text: &str, key: &DecodingKey) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    // The time is the clock's, and the audience is the tenant that the caller compares.
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(text, key, &validation).ok()?.claims;
    (claims.scope == SCOPE && claims.client_id == claims.sub).then_some(claims)
}
