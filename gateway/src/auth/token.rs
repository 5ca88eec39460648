//! The format of a secret: a prefix that names its kind, the tenant's id, 256 random bits, and a checksum, so that
//! secret scanners find a leaked one and a mistyped one is refused without a look-up.

use std::fmt;

use rand::RngExt;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::tenant::TenantId;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits that hold 128 bits (the tenant's id), 256 bits (the secret), and 32 bits (the checksum).
const ID_DIGITS: usize = 22;
const SECRET_DIGITS: usize = 43;
const CHECK_DIGITS: usize = 6;

/// What a secret grants access to, by its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tenant's SCIM token: `sgt_`.
    Scim,
    /// A tenant's directory key: `sgd_`.
    Directory,
    /// An operator key: `sgo_`.
    Operator,
    /// The secret of a tenant's OAuth client: `sgc_`.
    Client,
    /// The secret in a setup link's address: `sgs_`.
    Setup,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Scim, Self::Directory, Self::Operator, Self::Client, Self::Setup];

    fn prefix(self) -> &'static str {
        match self {
            Self::Scim => "sgt_",
            Self::Directory => "sgd_",
            Self::Operator => "sgo_",
            Self::Client => "sgc_",
            Self::Setup => "sgs_",
        }
    }
}

/// SHA-256 of a secret: what is stored and looked up. A secret of 256 random bits needs no slow hash.
pub type TokenDigest = [u8; 32];

/// A whole secret. Shown once, never logged: it prints as its kind alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    /// What it grants access to.
    pub kind: Kind,
    /// The tenant it belongs to; the nil id for an operator key.
    pub tenant: TenantId,
}

impl Token {
    /// Generates a secret from the operating system's random generator.
    #[must_use]
    pub fn generate(kind: Kind, tenant: TenantId) -> Self {
        let secret: [u8; 32] = rand::rng().random();
        Self::of(kind, tenant, &secret)
    }

    /// The secret of given random bits.
    #[must_use]
    pub fn of(kind: Kind, tenant: TenantId, secret: &[u8; 32]) -> Self {
        let mut text = kind.prefix().to_owned();
        text.push_str(&to_base62(tenant.0.as_bytes(), ID_DIGITS));
        text.push_str(&to_base62(secret, SECRET_DIGITS));
        let check = crc32fast::hash(text.as_bytes());
        text.push_str(&to_base62(&check.to_be_bytes(), CHECK_DIGITS));
        Self { text, kind, tenant }
    }

    /// Parses a secret; none where it is not one of this format or was mistyped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        let digits = text.get(4..)?;
        if digits.len() != ID_DIGITS + SECRET_DIGITS + CHECK_DIGITS
            || !digits.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return None;
        }
        let body = text.get(..text.len() - CHECK_DIGITS)?;
        let check = to_base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECK_DIGITS);
        if text.get(body.len()..)? != check {
            return None;
        }
        let id = from_base62(digits.get(..ID_DIGITS)?)?;
        Some(Self { text: text.to_owned(), kind, tenant: TenantId(Uuid::from_u128(id)) })
    }

    /// The kind and the tenant that a text names which may be incomplete or mistyped; nothing is known to be true.
    #[must_use]
    pub fn named_by(text: &str) -> Option<(Kind, TenantId)> {
        let kind = Kind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        let id = from_base62(text.get(4..4 + ID_DIGITS)?)?;
        Some((kind, TenantId(Uuid::from_u128(id))))
    }

    /// The secret itself, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The last four characters, by which an operator distinguishes tokens.
    #[must_use]
    pub fn last_four(&self) -> &str {
        self.text.get(self.text.len() - 4..).unwrap_or_default()
    }

    /// What is stored and looked up.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        Sha256::digest(self.text.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?})", self.kind)
    }
}

/// Big-endian bytes as base-62 digits, zero-padded to `digits`.
fn to_base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut out = vec![b'0'; digits];
    for digit in out.iter_mut().rev() {
        let mut rest = 0u32;
        for byte in &mut number {
            let value = rest * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *digit = ALPHABET[rest as usize];
    }
    String::from_utf8(out).unwrap_or_default()
}

fn from_base62(digits: &str) -> Option<u128> {
    digits.bytes().try_fold(0u128, |number, digit| {
        let value = ALPHABET.iter().position(|letter| *letter == digit)?;
        number.checked_mul(62)?.checked_add(value as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> TenantId {
        TenantId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_00ff))
    }

    #[test]
    fn a_generated_secret_parses() {
        for kind in Kind::ALL {
            let token = Token::generate(kind, tenant());
            assert_eq!(token.reveal().len(), 75);
            let read = Token::parse(token.reveal()).unwrap();
            assert_eq!((read.kind, read.tenant, read.digest()), (kind, tenant(), token.digest()));
        }
    }

    #[test]
    fn two_secrets_differ() {
        assert_ne!(Token::generate(Kind::Scim, tenant()), Token::generate(Kind::Scim, tenant()));
    }

    #[test]
    fn any_changed_character_is_refused() {
        let token = Token::generate(Kind::Scim, tenant());
        for index in 0..token.reveal().len() {
            let mut bytes = token.reveal().as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'a' { b'b' } else { b'a' };
            assert!(Token::parse(std::str::from_utf8(&bytes).unwrap()).is_none(), "index {index}");
        }
    }

    #[test]
    fn an_incomplete_secret_still_names_its_tenant() {
        for kind in Kind::ALL {
            let token = Token::generate(kind, tenant());
            for end in [26, 40, 74, 75] {
                assert_eq!(Token::named_by(&token.reveal()[..end]), Some((kind, tenant())));
            }
            assert_eq!(Token::named_by(&token.reveal()[..25]), None);
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["", "sgt_", "Bearer", "sgt_ä", &"sgt_".repeat(40), &format!("sgt_{}", "é".repeat(35))] {
            assert!(Token::parse(text).is_none(), "{text}");
            assert!(Token::named_by(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let token = Token::generate(Kind::Operator, TenantId(Uuid::nil()));
        assert_eq!(format!("{token:?}"), "Token(Operator)");
    }
}
