//! A JSON Web Key Set (RFC 7517): the public keys that sign assertions. Keys for anything else, and of other kinds than the
//! accepted algorithms need, are left out.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde::Deserialize;
use serde_json::Value;

/// Keys of a set.
const MAX_KEYS: usize = 100;
/// Longest set in bytes.
pub const MAX_BYTES: usize = 128 * 1024;

/// Why a text is not a usable key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not a key set.
    #[error("it is not a JSON Web Key Set: an object with a list of keys")]
    Malformed,
    /// It is too long.
    #[error("it has more than {MAX_BYTES} bytes or {MAX_KEYS} keys")]
    TooLong,
    /// It has private or secret parts.
    #[error("it has a private or a symmetric key; only public keys belong in it")]
    Private,
    /// No key can be used.
    #[error("none of its keys is an RSA key of 2048 bits, a P-256 or an Ed25519 key for signatures")]
    NoKeys,
}

/// The usable keys of a set.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Text {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// It is none, is too long, or has no usable key.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLong);
        }
        let Text { keys } = serde_json::from_slice(text).map_err(|_| Error::Malformed)?;
        if keys.len() > MAX_KEYS {
            return Err(Error::TooLong);
        }
        if keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
            return Err(Error::Private);
        }
        let usable: Vec<Entry> = keys.into_iter().filter_map(entry).collect();
        if usable.is_empty() { Err(Error::NoKeys) } else { Ok(Self(usable)) }
    }

    /// The key that a header names. One without a `kid` names the only key of its algorithm.
    #[must_use]
    pub fn find(&self, header: &Header) -> Option<&DecodingKey> {
        let mut fitting = self.0.iter().filter(|entry| {
            let is_named = header.kid.is_none() || entry.id == header.kid;
            is_named && entry.algorithms.contains(&header.alg)
        });
        let first = fitting.next()?;
        (header.kid.is_some() || fitting.next().is_none()).then_some(&first.key)
    }
}

fn entry(key: Value) -> Option<Entry> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        _ => return None,
    };
    if let Some(declared) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == declared);
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    (!algorithms.is_empty()).then_some(Entry { id: jwk.common.key_id, algorithms, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn header(algorithm: Algorithm, kid: Option<&str>) -> Header {
        Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) }
    }

    #[test]
    fn a_key_is_found_by_its_id_and_its_algorithm() {
        let two = format!(r#"{{"keys":[{ED},{},{{"kty":"made-up"}}]}}"#, ED.replace("\"ed\"", "\"other\""));
        let set = KeySet::parse(two.as_bytes()).unwrap();
        assert!(set.find(&header(Algorithm::EdDSA, Some("ed"))).is_some());
        assert!(set.find(&header(Algorithm::EdDSA, Some("unknown"))).is_none());
        assert!(set.find(&header(Algorithm::RS256, Some("ed"))).is_none());
        assert!(set.find(&header(Algorithm::EdDSA, None)).is_none(), "two keys fit");
        let one = KeySet::parse(format!(r#"{{"keys":[{ED}]}}"#).as_bytes()).unwrap();
        assert!(one.find(&header(Algorithm::EdDSA, None)).is_some());
    }

    #[test]
    fn unusable_sets_are_refused() {
        let with = |member: &str| format!(r#"{{"keys":[{}]}}"#, ED.replace("{\"kty\"", &format!("{{{member},\"kty\"")));
        for (text, why) in [
            (String::new(), Error::Malformed),
            ("[]".to_owned(), Error::Malformed),
            (r#"{"keys":[]}"#.to_owned(), Error::NoKeys),
            (with("\"use\":\"enc\""), Error::NoKeys),
            (with("\"alg\":\"ES256\""), Error::NoKeys),
            (with("\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""), Error::Private),
            (r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.to_owned(), Error::Private),
            (format!(r#"{{"keys":[{}]}}"#, vec![ED; MAX_KEYS + 1].join(",")), Error::TooLong),
            (" ".repeat(MAX_BYTES + 1), Error::TooLong),
        ] {
            assert_eq!(KeySet::parse(text.as_bytes()).err(), Some(why), "{}", &text[..text.len().min(100)]);
        }
        assert!(KeySet::parse(with("\"use\":\"sig\"").as_bytes()).is_ok());
    }
}
