//! Garbage bodies that are not JSON, or JSON that no library writes.

use reqwest::Method;

use super::Case;
use crate::attribute::USER;
use crate::client::{Payload, Request, SCIM_JSON};
use crate::resource_type::ResourceType;

pub(super) fn all(domain: &str) -> Vec<Case> {
    let user = |name: &str, more: &str| {
        format!("{{\"schemas\":[\"{USER}\"],\"userName\":\"{name}@{domain}\"{more}}}").into_bytes()
    };
    let with = |before: &[u8], body: Vec<u8>| [before, &body].concat();
    let utf_16 = |text: &[u8]| text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<u8>>();
    let mut latin = user("latin", ",\"title\":\"-\"");
    // Replace the hyphen in the title by an umlaut in ISO 8859-1.
    latin.iter_mut().rev().filter(|byte| **byte == b'-').take(1).for_each(|byte| *byte = 0xe4);
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    let bodies: [(&str, Vec<u8>); 17] = [
        ("no body", Vec::new()),
        ("a body of spaces", b"  \n\t ".to_vec()),
        ("a body of NULs", vec![0; 16]),
        ("a body with a BOM", with(b"\xef\xbb\xbf", user("bom", ""))),
        ("a body in UTF-16", with(b"\xff\xfe", utf_16(&user("utf16", "")))),
        ("a body that is not UTF-8", latin),
        ("a truncated body", user("broken", "")[..30].to_vec()),
        ("two bodies", user("one", "").into_iter().chain(user("two", "")).collect()),
        ("duplicate keys", user("twice", ",\"title\":\"a\",\"active\":true,\"active\":false,\"title\":null")),
        ("a lone surrogate", user("half", ",\"title\":\"\\ud800\"")),
        ("a number of very many digits", user("digits", &format!(",\"x\":{}", "9".repeat(5_000)))),
        ("a number out of range", user("beyond", ",\"x\":1e999999")),
        ("a NaN", user("nan", ",\"x\":NaN")),
        ("a comment and a comma", user("comment", ",/* here */")),
        ("a body of very many brackets", deep),
        ("a body of two megabytes", user("large", &format!(",\"title\":\"{}\"", "x".repeat(2 << 20)))),
        ("XML", b"<?xml version=\"1.0\"?><User/>".to_vec()),
    ];
    let mut cases: Vec<Case> =
        bodies.into_iter().map(|(name, bytes)| post(name, bytes, Some(SCIM_JSON), false)).collect();
    let medias = [
        ("a body without a media type", "untyped", None),
        ("a body as text/plain", "text", Some("text/plain")),
        ("a body as application/xml", "xml", Some("application/xml")),
        ("a body as a form", "form", Some("application/x-www-form-urlencoded")),
        ("a body in another character set", "charset", Some("application/scim+json; charset=utf-16")),
        ("an invalid media type", "none", Some("///")),
    ];
    cases.extend(medias.into_iter().map(|(name, who, media)| post(name, user(who, ""), media, false)));
    cases.push(post("a body in chunks", user("chunks", ""), Some(SCIM_JSON), true));
    cases.push(post("garbage in chunks", b"{{{{{{{{{{{{{{{{".to_vec(), Some(SCIM_JSON), true));
    cases
}

fn post(name: &str, bytes: Vec<u8>, media: Option<&'static str>, chunked: bool) -> Case {
    let user = Some(user_name(&bytes).unwrap_or_default());
    let request =
        Request::new("bytes", Method::POST, ResourceType::User.path()).raw(Payload::Raw { bytes, media, chunked });
    Case { name: name.to_owned(), request, user }
}

/// The userName in the bytes.
fn user_name(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once("\"userName\":\"")?;
    rest.split_once('"').map(|(name, _)| name.to_owned())
}
