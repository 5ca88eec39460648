//! Assertions (RFC 7523 §3): JSON Web Tokens that a client signs itself, or that its identity provider signs for it. Keys come from
//! what an operator configured for the client: `jku`, `x5u`, `jwk` and `x5c` in a header are never read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{DecodingKey, Header, Validation};
use serde::Deserialize;
use uuid::Uuid;

use super::issuer_keys::{self, IssuerKeys};
use super::key_set::KeySet;
use super::{MAX_JWT_BYTES, crypto, digest};
use crate::auth::token::TokenDigest;
use crate::store::oauth::AssertionRow;

/// How much clocks may differ.
pub(super) const MAX_SKEW: Duration = Duration::from_mins(1);
/// How far ahead an assertion may expire: it is remembered until then.
const MAX_ASSERTION_LIFE: Duration = Duration::from_hours(24);

/// Why an assertion is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// It is wrong.
    Because(&'static str),
    /// Its issuer's keys cannot be read.
    Keys(issuer_keys::Error),
}

/// What an assertion must say.
pub(super) struct Expected<'a> {
    issuer: String,
    subject: String,
    audiences: Vec<&'a str>,
    row: &'a AssertionRow,
}

impl<'a> Expected<'a> {
    /// What is configured of a client; the token endpoint's addresses are the audience where none is.
    pub(super) fn of(row: &'a AssertionRow, client: Uuid, endpoints: &'a [String]) -> Self {
        let own = |configured: &Option<String>| configured.clone().unwrap_or_else(|| client.to_string());
        let audiences = match &row.audience {
            Some(audience) => vec![audience.as_str()],
            None => endpoints.iter().map(String::as_str).collect(),
        };
        Self { issuer: own(&row.issuer), subject: own(&row.subject), audiences, row }
    }
}

/// An assertion that is valid now.
#[derive(Debug)]
pub(super) struct Accepted {
    /// When it expires.
    pub(super) expires_at: SystemTime,
    /// Marks it as used.
    pub(super) once: TokenDigest,
}

/// Issuer and subject of an assertion that is not verified yet.
#[derive(Deserialize)]
pub(super) struct Names {
    pub(super) iss: String,
    pub(super) sub: String,
}

/// Issuer and subject, to find the client by; nothing is known to be true yet.
pub(super) fn names(text: &str) -> Option<Names> {
    if text.len() > MAX_JWT_BYTES { None } else { jsonwebtoken::dangerous::insecure_decode_claims(text).ok() }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: f64,
    nbf: Option<f64>,
    jti: Option<String>,
    /// What Microsoft Entra ID has in place of `jti`.
    uti: Option<String>,
}

/// Verifies an assertion.
pub(super) async fn verify(
    issuers: &IssuerKeys,
    text: &str,
    expected: &Expected<'_>,
    now: SystemTime,
) -> Result<Accepted, Refused> {
    crypto::install();
    if text.len() > MAX_JWT_BYTES {
        return Err(Refused::Because("it is too long"));
    }
    let header = jsonwebtoken::decode_header(text).map_err(|_| Refused::Because("its header cannot be read"))?;
    if !crypto::ALGORITHMS.contains(&header.alg) {
        return Err(Refused::Because("its algorithm is not accepted"));
    }
    let key = key(issuers, expected.row, &header).await?.ok_or(Refused::Because("no key has its kid and algorithm"))?;
    let claims = read(text, &key, &header, expected)?;
    accept(text, &claims, now)
}

async fn key(issuers: &IssuerKeys, row: &AssertionRow, header: &Header) -> Result<Option<DecodingKey>, Refused> {
    if let Some(text) = &row.jwks {
        let set = KeySet::parse(text.as_bytes()).map_err(|_| Refused::Because("the configured keys cannot be read"))?;
        return Ok(set.find(header).cloned());
    }
    let uri = row.jwks_uri.as_deref().ok_or(Refused::Because("the client has no keys"))?;
    issuers.find(uri, header).await.map_err(Refused::Keys)
}

/// The claims, once the signature, the issuer, the subject and the audience are right.
fn read(text: &str, key: &DecodingKey, header: &Header, expected: &Expected<'_>) -> Result<Claims, Refused> {
    let mut validation = Validation::new(header.alg);
    // The clock decides on times; see `accept`.
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["iss", "sub", "aud"]);
    validation.set_issuer(&[&expected.issuer]);
    validation.set_audience(&expected.audiences);
    validation.sub = Some(expected.subject.clone());
    let read = jsonwebtoken::decode::<Claims>(text, key, &validation);
    read.map(|read| read.claims).map_err(|why| Refused::Because(reason(why.kind())))
}

fn reason(kind: &jsonwebtoken::errors::ErrorKind) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidIssuer => "its issuer is another one",
        ErrorKind::InvalidSubject => "its subject is another one",
        ErrorKind::InvalidAudience => "its audience is another one",
        ErrorKind::MissingRequiredClaim(_) => "iss, sub or aud is missing",
        _ => "it cannot be read, or exp is missing",
    }
}

fn accept(text: &str, claims: &Claims, now: SystemTime) -> Result<Accepted, Refused> {
    let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    if claims.exp <= since(now - MAX_SKEW) {
        return Err(Refused::Because("it has expired"));
    }
    if claims.exp > since(now + MAX_ASSERTION_LIFE) {
        return Err(Refused::Because("it expires more than a day from now"));
    }
    if claims.nbf.is_some_and(|from| from > since(now + MAX_SKEW)) {
        return Err(Refused::Because("it is not valid yet"));
    }
    let expires_at = Duration::try_from_secs_f64(claims.exp).map_err(|_| Refused::Because("exp is not a time"))?;
    // Of what is signed, not of the signature, which may have a second valid form.
    let signed = text.rsplit_once('.').map_or(text, |(signed, _)| signed);
    let id = claims.jti.as_deref().or(claims.uti.as_deref()).filter(|id| !id.is_empty());
    let once = id.map_or_else(|| digest(&["text", signed]), |id| digest(&["id", &claims.iss, id]));
    Ok(Accepted { expires_at: UNIX_EPOCH + expires_at, once })
}
