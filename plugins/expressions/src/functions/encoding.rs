//! Base64 and hexadecimal forms of texts.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::{Call, Flow, Function};
use crate::error::Kind;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "ConvertToBase64", least: 1, most: 1, run: to_base64 },
    Function { name: "ConvertFromBase64", least: 1, most: 2, run: from_base64 },
    Function { name: "ConvertToUTF8Hex", least: 1, most: 1, run: to_hexadecimal },
    Function { name: "StringFromSid", least: 1, most: 1, run: string_from_sid },
];

/// Of the bytes of UTF-16, little endian.
fn to_base64(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(text) = call.text(0)? else { return Ok(Value::Absent) };
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Ok(Value::Text(STANDARD.encode(bytes)))
}

fn from_base64(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(text) = call.text(0)? else { return Ok(Value::Absent) };
    let encoding = call.text(1)?;
    let Ok(bytes) = STANDARD.decode(text.trim()) else {
        return call.wrong(0, Kind::Type, "this is not Base64");
    };
    let decoded = match encoding.as_deref() {
        None | Some("Unicode" | "UTF16") => utf16(&bytes),
        Some("UTF8") => String::from_utf8(bytes).ok(),
        Some("ASCII") => bytes.is_ascii().then(|| String::from_utf8(bytes).ok()).flatten(),
        Some(_) => return call.wrong(1, Kind::Argument, "the encoding is UTF8, Unicode or ASCII"),
    };
    match decoded {
        Some(text) => Ok(Value::Text(text)),
        None => call.wrong(0, Kind::Type, "the decoded bytes are not a text in this encoding"),
    }
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    String::from_utf16(&units).ok()
}

fn to_hexadecimal(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(text) = call.text(0)? else { return Ok(Value::Absent) };
    let mut digits = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02X}");
    }
    Ok(Value::Text(digits))
}

/// The text form of a Windows security identifier, which arrives as Base64.
fn string_from_sid(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(text) = call.text(0)? else { return Ok(Value::Absent) };
    let parts = STANDARD.decode(text.trim()).ok().and_then(|bytes| sid(&bytes));
    match parts {
        Some(text) => Ok(Value::Text(text)),
        None => call.wrong(0, Kind::Type, "this is not a security identifier in Base64"),
    }
}

/// Revision, number of sub-authorities, authority (6 bytes, big endian), sub-authorities (4 bytes each, little endian).
fn sid(bytes: &[u8]) -> Option<String> {
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let [revision, count, authority @ ..] = header;
    let (parts, odd) = rest.as_chunks::<4>();
    if !odd.is_empty() || parts.len() != usize::from(*count) {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let mut text = format!("S-{revision}-{authority}");
    for part in parts {
        let _ = write!(text, "-{}", u32::from_le_bytes(*part));
    }
    Some(text)
}
