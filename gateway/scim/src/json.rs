//! Parses JSON text from outside: with a limit on its depth, and without the names that `serde_json` reserves for itself.

use serde_json::Value;

use crate::error::ScimError;

/// The deepest nesting of objects and arrays.
pub const MAX_DEPTH: usize = 32;
/// The longest name of a member.
pub const MAX_NAME_BYTES: usize = 1024;
/// `serde_json` reads an object with such a name as a number or as raw text, which could hide any depth.
const RESERVED: &str = "$serde_json::private::";

/// Parses a text. An error is 400 `invalidSyntax`: malformed, nested too deep, or with a name that is too long or reserved.
pub fn parse(text: &str) -> Result<Value, ScimError> {
    parse_within(text, usize::MAX)
}

/// As [`parse`], with 413 for more than `max_values` values.
pub fn parse_within(text: &str, max_values: usize) -> Result<Value, ScimError> {
    parse_limited(text, max_values, MAX_DEPTH)
}

/// As [`parse`], for a document with others in it: so many levels more.
pub fn parse_around(text: &str, levels: usize) -> Result<Value, ScimError> {
    parse_limited(text, usize::MAX, MAX_DEPTH + levels)
}

fn parse_limited(text: &str, max_values: usize, max_depth: usize) -> Result<Value, ScimError> {
    check_shape(text, max_values, max_depth)?;
    let value = serde_json::from_str(text)
        .map_err(|why| ScimError::invalid_syntax(format!("The body is not a JSON document: {why}.")))?;
    check_names(&value)?;
    Ok(value)
}

/// Checks the limits before parsing, so that deep nesting cannot overflow the stack.
fn check_shape(text: &str, max_values: usize, max_depth: usize) -> Result<(), ScimError> {
    let bytes = text.as_bytes();
    let (mut depth, mut position) = (0usize, 0usize);
    // Every value but the outermost follows an opening bracket or a comma.
    let mut values = 1usize;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => {
                let end = string_end(bytes, position + 1);
                check_reserved(text.get(position..end).unwrap_or_default())?;
                position = end;
                continue;
            }
            b',' => values += 1,
            b'{' | b'[' => {
                values += 1;
                depth += 1;
                if depth > max_depth {
                    let detail = format!("The body nests deeper than {max_depth} levels.");
                    return Err(ScimError::invalid_syntax(detail));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if values > max_values {
            return Err(ScimError::new(
                413,
                format!("The body has more than {max_values} values, the most accepted. Send it in several requests."),
            ));
        }
        position += 1;
    }
    Ok(())
}

/// The position after the closing quote, or the end of the text.
fn string_end(bytes: &[u8], mut position: usize) -> usize {
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'\\' => position += 2,
            b'"' => return position + 1,
            _ => position += 1,
        }
    }
    bytes.len()
}

/// Refuses a reserved name, escaped or not.
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
            if name.len() > MAX_NAME_BYTES {
                let detail =
                    format!("An attribute name is {} bytes long; at most {MAX_NAME_BYTES} are accepted.", name.len());
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
    fn numbers_keep_their_digits() {
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
    fn nesting_up_to_the_limit_is_accepted() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse(&"[".repeat(10_000)).is_err());
        assert!(parse(&format!("\"{}\"", "[".repeat(100))).is_ok(), "brackets within a string do not count");
    }

    #[test]
    fn values_up_to_the_limit_are_accepted() {
        for (text, values) in [("7", 1), ("[]", 2), ("[1,2]", 3), ("{\"a\":1,\"b\":[2]}", 4), ("[\"[,[,\"]", 2)] {
            assert!(parse_within(text, values).is_ok(), "{text}");
            assert_eq!(parse_within(text, values - 1).map_err(|error| error.status), Err(413), "{text}");
        }
    }

    #[test]
    fn reserved_names_are_refused_in_every_spelling() {
        for name in
            ["$serde_json::private::RawValue", "$serde_json::private::Number", "\\u0024serde_json::private::RawValue"]
        {
            let text = format!("{{\"{name}\":\"[[[[1]]]]\"}}");
            assert!(parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn malformed_json_is_refused() {
        for text in ["", "{", "\"\\", "{\"a\"", "nul", "\"\\u12\"", "\\", "{]"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
