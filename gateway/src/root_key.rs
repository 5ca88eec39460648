//! The root key: the one secret of a whole installation. A key for each purpose is derived from it, and seals texts that
//! clients keep for the gateway, such as cursors. The root key itself is never shown, logged or used.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::RngExt as _;
use sha2::Sha256;

/// Bytes of a seal: half of an HMAC-SHA-256, the least that RFC 2104 §5 allows.
const SEAL: usize = 16;

/// 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey([u8; 32]);

/// The given text is not a root key. The message does not contain it, because it may be one with a typing error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be 32 random bytes, as 64 hexadecimal digits or as base64; `openssl rand -hex 32` makes one")]
pub struct Malformed;

impl RootKey {
    /// Makes one from the operating system's random generator.
    #[must_use]
    pub fn generate() -> Self {
        Self(rand::rng().random())
    }

    /// Reads 64 hexadecimal digits, or base64 of either alphabet.
    ///
    /// # Errors
    /// For any other text. A passphrase is refused, because it could be guessed from one sealed text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = text.trim();
        let bytes = if text.len() == 64 { from_hex(text) } else { from_base64(text) };
        bytes.as_deref().and_then(Self::from_bytes).ok_or(Malformed)
    }

    /// The key that has these bytes; none where they are not 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes, for keeping it.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key for a purpose.
    fn derive(&self, purpose: &str) -> [u8; 32] {
        keyed(&self.0).chain_update(purpose).finalize().into_bytes().into()
    }

    /// The seal for a purpose over the bound parts and the content.
    fn seal(&self, purpose: &str, bound: &[&str], content: &[u8]) -> Hmac<Sha256> {
        let mut seal = keyed(&self.derive(purpose));
        // Each part with its length, so that no bytes can move from one part to the next.
        for part in bound {
            seal.update(&(part.len() as u64).to_be_bytes());
            seal.update(part.as_bytes());
        }
        seal.update(content);
        seal
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [STANDARD, URL_SAFE].iter().find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey")
    }
}

/// The key that seals, and a previous one that is accepted while keys are rotated.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Seals.
    pub current: RootKey,
    /// Accepted, too.
    pub previous: Option<RootKey>,
    /// Whether the key is stored in the database: anyone who can read it there can make seals.
    pub in_database: bool,
}

impl Keys {
    /// The keys for a purpose: that of the current root key first.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Vec<[u8; 32]> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(|key| key.derive(purpose)).collect()
    }

    /// Seals the content as a URL-safe text that only this installation can make. It opens only for the same purpose and with
    /// the same `bound` parts, which it does not contain.
    #[must_use]
    pub fn seal(&self, purpose: &str, bound: &[&str], content: &[u8]) -> String {
        let seal = self.current.seal(purpose, bound, content).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([content, &seal[..SEAL]].concat())
    }

    /// The content of a sealed text; none if its seal is wrong.
    #[must_use]
    pub fn open(&self, purpose: &str, bound: &[&str], text: &str) -> Option<Vec<u8>> {
        let mut content = URL_SAFE_NO_PAD.decode(text).ok()?;
        let seal = content.split_off(content.len().checked_sub(SEAL)?);
        let is_by = |key: &RootKey| key.seal(purpose, bound, &content).verify_truncated_left(&seal).is_ok();
        (is_by(&self.current) || self.previous.as_ref().is_some_and(is_by)).then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1dfeff";

    fn keys(current: u8, previous: Option<u8>) -> Keys {
        Keys { current: RootKey([current; 32]), previous: previous.map(|byte| RootKey([byte; 32])), in_database: false }
    }

    #[test]
    fn a_key_is_read_in_each_of_its_forms() {
        let key = RootKey::parse(HEX).unwrap();
        assert_eq!((key.bytes()[1], key.bytes()[31]), (1, 255));
        for text in [
            &HEX.to_uppercase(),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8=",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd/v8",
            " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd_v8\n",
        ] {
            assert_eq!(RootKey::parse(text).as_ref(), Ok(&key), "{text}");
        }
    }

    #[test]
    fn a_passphrase_is_no_key() {
        for text in [
            "",
            "secret",
            "correct horse battery staple of thirty-two!",
            &HEX[2..],
            &format!("{HEX}00"),
            &"é".repeat(32),
        ] {
            assert_eq!(RootKey::parse(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_for_the_same_thing_alone() {
        let text = keys(1, None).seal("cursor", &["acme", "User"], b"here");
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
        assert_eq!(keys(1, None).open("cursor", &["acme", "User"], &text).as_deref(), Some(b"here".as_slice()));
        assert_eq!(keys(2, Some(1)).open("cursor", &["acme", "User"], &text).as_deref(), Some(b"here".as_slice()));
        assert_eq!(keys(2, None).open("cursor", &["acme", "User"], &text), None, "another key");
        assert_eq!(keys(1, None).open("token", &["acme", "User"], &text), None, "another purpose");
        for bound in [&["globex", "User"][..], &["acme", "Group"], &["acmeUser"], &["acm", "eUser"], &[]] {
            assert_eq!(keys(1, None).open("cursor", bound, &text), None, "{bound:?}");
        }
    }

    #[test]
    fn no_letter_of_a_sealed_text_can_be_changed_added_or_left_out() {
        let text = keys(1, None).seal("cursor", &[], b"here");
        let open = |text: &str| keys(1, None).open("cursor", &[], text);
        for index in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(std::str::from_utf8(&bytes).unwrap()), None, "index {index}");
            assert_eq!(open(&text[..index]), None, "{index} letters");
        }
        for wrong in [format!("{text}A"), format!("{text}="), format!(" {text}"), "é".to_owned()] {
            assert_eq!(open(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_never_prints_itself() {
        assert_eq!(
            format!("{:?}", keys(7, Some(8))),
            "Keys { current: RootKey, previous: Some(RootKey), in_database: false }"
        );
    }
}
