//! Splits a filter or a path into words, strings and brackets.

/// A token and its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind<'t>,
    /// The byte offset.
    pub(crate) start: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind<'t> {
    /// Everything between spaces, brackets and quotes: names, operators, keywords, numbers.
    Word(&'t str),
    /// A JSON string, decoded.
    Text(String),
    Open,
    Close,
    OpenBracket,
    CloseBracket,
}

/// The problem that stopped the lexer, and its byte offset.
#[derive(Debug)]
pub(crate) struct LexError {
    pub(crate) start: usize,
    pub(crate) problem: &'static str,
}

pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, LexError> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = text.get(start..).and_then(|rest| rest.chars().next()) {
        let (kind, length) = match first {
            '(' => (Some(Kind::Open), 1),
            ')' => (Some(Kind::Close), 1),
            '[' => (Some(Kind::OpenBracket), 1),
            ']' => (Some(Kind::CloseBracket), 1),
            '"' => {
                let (decoded, length) = string(text, start)?;
                (Some(Kind::Text(decoded)), length)
            }
            space if space.is_whitespace() => (None, space.len_utf8()),
            _ => {
                let word = word(&text[start..]);
                // The word may be a value without quotes.
                if word.contains('\0') {
                    return Err(LexError { start, problem: "a word holds the character U+0000; leave it out" });
                }
                (Some(Kind::Word(word)), word.len())
            }
        };
        tokens.extend(kind.map(|kind| Token { kind, start }));
        start += length;
    }
    Ok(tokens)
}

fn word(rest: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"');
    rest.find(ends).map_or(rest, |end| &rest[..end])
}

/// RFC 7644 §3.4.2.2: compValue is "false / null / true / number / string", "rules from JSON (RFC 7159)".
fn string(text: &str, start: usize) -> Result<(String, usize), LexError> {
    let body = &text.as_bytes()[start + 1..];
    let mut escaped = false;
    let end = body.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    let Some(end) = end else {
        return Err(LexError { start, problem: "a string has no closing quote" });
    };
    let length = end + 2;
    let plain = &text[start + 1..=start + end];
    if plain.bytes().all(|byte| byte >= b' ' && byte != b'\\') {
        return Ok((plain.to_owned(), length));
    }
    let decoded: String = serde_json::from_str(&text[start..start + length]).map_err(|_| LexError {
        start,
        problem: "a string is not JSON; check its backslashes and control characters",
    })?;
    // No resource has it, because a text column cannot hold it.
    if decoded.contains('\0') {
        return Err(LexError { start, problem: "a string holds the character U+0000; leave it out" });
    }
    Ok((decoded, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Kind<'_>]) {
        let kinds: Vec<_> = tokens(text).unwrap().into_iter().map(|token| token.kind).collect();
        assert_eq!(kinds, expected, "{text}");
    }

    #[test]
    fn splits_at_spaces_brackets_and_quotes() {
        use Kind::{Close, CloseBracket, Open, OpenBracket, Text, Word};
        check("", &[]);
        check(" \t\u{a0} ", &[]);
        check("not(a pr)", &[Word("not"), Open, Word("a"), Word("pr"), Close]);
        check(
            "a[b eq\"c d\"].e",
            &[Word("a"), OpenBracket, Word("b"), Word("eq"), Text("c d".into()), CloseBracket, Word(".e")],
        );
        check("urn:x:2.0:User:a.b eq 1.5", &[Word("urn:x:2.0:User:a.b"), Word("eq"), Word("1.5")]);
    }

    #[test]
    fn decodes_every_json_escape() {
        check(r#""\"\\\/\b\f\n\r\té\ud83d\ude00""#, &[Kind::Text("\"\\/\u{8}\u{c}\n\r\té😀".into())]);
        check(r#""""#, &[Kind::Text(String::new())]);
        check(r#""a\\""b""#, &[Kind::Text("a\\".into()), Kind::Text("b".into())]);
    }

    #[test]
    fn refuses_nul_within_quotes_and_outside() {
        for text in ["a \0", "a eq b\0c", "\0", r#"a eq "\u0000""#] {
            assert!(tokens(text).unwrap_err().problem.contains("U+0000"), "{text:?}");
        }
    }

    #[test]
    fn refuses_malformed_json_strings() {
        for (text, start) in
            [("a \"b", 2), (r#""\""#, 0), (r#""\x""#, 0), (r#""\ud800""#, 0), ("é \"\n\"", 3), (r#""\u0000""#, 0)]
        {
            assert_eq!(tokens(text).unwrap_err().start, start, "{text}");
        }
    }
}
