//! Garbage that is no JSON, or JSON that no library writes.

use reqwest::Method;

use super::Piece;
use crate::attribute::USER;
use crate::client::{Ask, Payload, SCIM_JSON};
use crate::exchange::Type;

/// Bodies as bytes.
pub(super) fn all(domain: &str) -> Vec<Piece> {
    let user = |name: &str, more: &str| {
        format!("{{\"schemas\":[\"{USER}\"],\"userName\":\"{name}@{domain}\"{more}}}").into_bytes()
    };
    let with = |before: &[u8], body: Vec<u8>| [before, &body].concat();
    let utf_16 = |text: &[u8]| text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<u8>>();
    let mut latin = user("latin", ",\"title\":\"-\"");
    // In place of the sign in the title, an umlaut of ISO 8859-1.
    latin.iter_mut().rev().filter(|byte| **byte == b'-').take(1).for_each(|byte| *byte = 0xe4);
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    let bodies: [(&str, Vec<u8>); 17] = [
        ("no body", Vec::new()),
        ("a body of spaces", b"  \n\t ".to_vec()),
        ("a body of NULs", vec![0; 16]),
        ("a body with a BOM", with(b"\xef\xbb\xbf", user("bom", ""))),
        ("a body in UTF-16", with(b"\xff\xfe", utf_16(&user("utf16", "")))),
        ("a body that is no UTF-8", latin),
        ("a body that breaks off", user("broken", "")[..30].to_vec()),
        ("two bodies", user("one", "").into_iter().chain(user("two", "")).collect()),
        ("duplicate keys", user("twice", ",\"title\":\"a\",\"active\":true,\"active\":false,\"title\":null")),
        ("half a surrogate", user("half", ",\"title\":\"\\ud800\"")),
        ("a number of very many digits", user("digits", &format!(",\"x\":{}", "9".repeat(5_000)))),
        ("a number beyond all", user("beyond", ",\"x\":1e999999")),
        ("a NaN", user("nan", ",\"x\":NaN")),
        ("a comment and a comma", user("comment", ",/* here */")),
        ("a body of very many brackets", deep),
        ("a body of two megabytes", user("large", &format!(",\"title\":\"{}\"", "x".repeat(2 << 20)))),
        ("XML", b"<?xml version=\"1.0\"?><User/>".to_vec()),
    ];
    let mut pieces: Vec<Piece> =
        bodies.into_iter().map(|(name, bytes)| post(name, bytes, Some(SCIM_JSON), false)).collect();
    let medias = [
        ("a body without a media type", "untyped", None),
        ("a body of text", "text", Some("text/plain")),
        ("a body of XML's media type", "xml", Some("application/xml")),
        ("a body of a form", "form", Some("application/x-www-form-urlencoded")),
        ("a body in another character set", "charset", Some("application/scim+json; charset=utf-16")),
        ("a media type that is none", "none", Some("///")),
    ];
    pieces.extend(medias.into_iter().map(|(name, who, media)| post(name, user(who, ""), media, false)));
    pieces.push(post("a body in chunks", user("chunks", ""), Some(SCIM_JSON), true));
    pieces.push(post("garbage in chunks", b"{{{{{{{{{{{{{{{{".to_vec(), Some(SCIM_JSON), true));
    pieces
}

fn post(name: &str, bytes: Vec<u8>, media: Option<&'static str>, chunked: bool) -> Piece {
    let user = Some(user_name(&bytes).unwrap_or_default());
    let ask = Ask::new("bytes", Method::POST, Type::User.path()).raw(Payload::Raw { bytes, media, chunked });
    Piece { name: name.to_owned(), ask, user }
}

/// The user name as it stands in the bytes.
fn user_name(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once("\"userName\":\"")?;
    rest.split_once('"').map(|(name, _)| name.to_owned())
}
