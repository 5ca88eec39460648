//! Reads JSON text that came from outside: nested no deeper than what works on trees can take, and without the names by
//! which the JSON library marks values of its own.

use serde_json::Value;

use crate::error::ScimError;

/// Deepest nesting of objects and arrays.
pub const MAX_DEPTH: usize = 32;
/// Longest name of a member in bytes.
pub const MAX_NAME: usize = 1024;
/// The library reads an object with such a name as a number or as unread text, which could hide any depth.
const RESERVED: &str = "$serde_json::private::";

/// Parses a text.
///
/// # Errors
/// 400 `invalidSyntax` for what is no JSON, nests too deep, or has a name that is too long or reserved.
pub fn parse(text: &str) -> Result<Value, ScimError> {
    parse_within(text, usize::MAX)
}

/// Parses a text of no more than so many values.
///
/// # Errors
/// As [`parse`], and 413 for more values.
pub fn parse_within(text: &str, most_values: usize) -> Result<Value, ScimError> {
    check_shape(text, most_values)?;
    let value = serde_json::from_str(text)
        .map_err(|why| ScimError::invalid_syntax(format!("The body is no JSON document: {why}.")))?;
    check_names(&value)?;
    Ok(value)
}

/// Looked at before parsing, so that no nesting can exhaust a stack.
fn check_shape(text: &str, most_values: usize) -> Result<(), ScimError> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0usize, 0usize);
    // Every value but the outermost comes after one of these: a bracket that opens, or a comma.
    let mut values = 1usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at + 1);
                check_reserved(text.get(at..end).unwrap_or_default())?;
                at = end;
                continue;
            }
            b',' => values += 1,
            b'{' | b'[' => {
                values += 1;
                depth += 1;
                if depth > MAX_DEPTH {
                    let detail = format!("The body nests deeper than {MAX_DEPTH} levels.");
                    return Err(ScimError::invalid_syntax(detail));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if values > most_values {
            return Err(ScimError::new(
                413,
                format!("The body has more than {most_values} values, the most accepted. Send it in several requests."),
            ));
        }
        at += 1;
    }
    Ok(())
}

/// The place behind the closing quote, or the end of the text.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A string that may be a reserved name, in whichever spelling.
fn check_reserved(literal: &str) -> Result<(), ScimError> {
    let suspect = literal.starts_with("\"$") || literal.starts_with("\"\\u");
    if suspect && serde_json::from_str::<String>(literal).is_ok_and(|name| name.starts_with(RESERVED)) {
        return Err(ScimError::invalid_syntax(format!("No text may start with {RESERVED}.")));
    }
    Ok(())
}

fn check_names(value: &Value) -> Result<(), ScimError> {
    match value {
        Value::Object(object) => object.iter().try_for_each(|(name, inner)| {
            if name.len() > MAX_NAME {
                let detail =
                    format!("An attribute name is {} bytes long; at most {MAX_NAME} are accepted.", name.len());
                return Err(ScimError::invalid_syntax(detail));
            }
            check_names(inner)
        }),
        Value::Array(elements) => elements.iter().try_for_each(check_names),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_read_with_its_numbers_as_they_are() {
        for text in [
            "{\"a\":1.10}",
            "[1,2]",
            "\"x\"",
            "{\"a\":\"$serde\"}",
            "{\"$ref\":\"[[[[\"}",
            "123456789012345678901234567890",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn depth_is_bounded_from_both_sides() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse(&"[".repeat(10_000)).is_err());
        assert!(parse(&format!("\"{}\"", "[".repeat(100))).is_ok(), "inside a string it is text");
    }

    #[test]
    fn values_are_bounded_from_both_sides() {
        for (text, values) in [("7", 1), ("[]", 2), ("[1,2]", 3), ("{\"a\":1,\"b\":[2]}", 4), ("[\"[,[,\"]", 2)] {
            assert!(parse_within(text, values).is_ok(), "{text}");
            assert_eq!(parse_within(text, values - 1).map_err(|error| error.status), Err(413), "{text}");
        }
    }

    #[test]
    fn the_librarys_own_names_are_refused_in_every_spelling() {
        for name in
            ["$serde_json::private::RawValue", "$serde_json::private::Number", "\\u0024serde_json::private::RawValue"]
        {
            let text = format!("{{\"{name}\":\"[[[[1]]]]\"}}");
            assert!(parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "\"\\", "{\"a\"", "nul", "\"\\u12\"", "\\", "{]"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
