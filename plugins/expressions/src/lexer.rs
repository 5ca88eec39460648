//! Splits the text of an expression into tokens.

use std::borrow::Cow;

use crate::error::{Error, Kind};

/// A comparison of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Open,
    Close,
    Comma,
    Ampersand,
    Comparison(Comparison),
    Text(Cow<'a, str>),
    /// A number that is not an integer.
    Decimal(&'a str),
    Integer(i64),
    /// `[name]`, without the brackets.
    Attribute(&'a str),
    /// `%name%`, without the percent signs.
    Parameter(&'a str),
    /// A function's name or a bare word.
    Name(&'a str),
    End,
}

pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// The byte at which the next token, or white space before it, begins.
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and the byte at which it begins.
    pub(crate) fn next(&mut self) -> Result<(usize, Token<'a>), Error> {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        let start = self.at + rest.len() - trimmed.len();
        self.at = start;
        let Some(first) = trimmed.chars().next() else { return Ok((start, Token::End)) };
        let token = match first {
            '(' => self.sign(1, Token::Open),
            ')' => self.sign(1, Token::Close),
            ',' => self.sign(1, Token::Comma),
            '&' if starts_hexadecimal(trimmed) => self.hexadecimal(start)?,
            '&' => self.sign(1, Token::Ampersand),
            '=' | '<' | '>' => self.comparison(trimmed),
            '"' => self.text(start)?,
            '[' => self.attribute(start)?,
            '%' => self.parameter(start)?,
            '0'..='9' => self.number(start)?,
            '-' if trimmed[1..].starts_with(|next: char| next.is_ascii_digit()) => self.number(start)?,
            _ if first.is_alphabetic() || first == '_' => self.name(trimmed),
            _ => {
                let hint =
                    if first == '\'' || first == '\u{201C}' { "; texts stand in double quotation marks" } else { "" };
                return Err(Error::new(Kind::Syntax, start, format!("“{first}” is not expected here{hint}")));
            }
        };
        Ok((start, token))
    }

    fn sign(&mut self, bytes: usize, token: Token<'a>) -> Token<'a> {
        self.at += bytes;
        token
    }

    fn comparison(&mut self, rest: &str) -> Token<'a> {
        let (bytes, comparison) = match rest.as_bytes() {
            [b'<', b'>', ..] => (2, Comparison::NotEqual),
            [b'<', b'=', ..] => (2, Comparison::LessOrEqual),
            [b'>', b'=', ..] => (2, Comparison::GreaterOrEqual),
            [b'<', ..] => (1, Comparison::Less),
            [b'>', ..] => (1, Comparison::Greater),
            _ => (1, Comparison::Equal),
        };
        self.sign(bytes, Token::Comparison(comparison))
    }

    /// `\"` and `\\` are escapes. Another backslash stays as it is written: Microsoft's own examples depend on it.
    fn text(&mut self, start: usize) -> Result<Token<'a>, Error> {
        let body = &self.text[start + 1..];
        let mut escaped: Option<String> = None;
        let mut copied = 0;
        let bytes = body.as_bytes();
        let mut index = 0;
        while let Some(byte) = bytes.get(index) {
            match byte {
                b'"' => {
                    self.at = start + index + 2;
                    return Ok(Token::Text(match escaped {
                        None => Cow::Borrowed(&body[..index]),
                        Some(text) => Cow::Owned(text + &body[copied..index]),
                    }));
                }
                b'\\' if matches!(bytes.get(index + 1), Some(b'"' | b'\\')) => {
                    escaped.get_or_insert_default().push_str(&body[copied..index]);
                    copied = index + 1;
                    index += 2;
                }
                _ => index += 1,
            }
        }
        Err(Error::new(Kind::Syntax, start, "this text has no closing quotation mark"))
    }

    /// Up to the bracket that closes it: a SCIM path may have a filter in brackets.
    fn attribute(&mut self, start: usize) -> Result<Token<'a>, Error> {
        let (mut depth, mut quoted) = (0_usize, false);
        for (index, byte) in self.text.bytes().enumerate().skip(start) {
            match byte {
                b'"' if depth > 1 => quoted = !quoted,
                _ if quoted => {}
                b'[' => depth += 1,
                b']' if depth == 1 => {
                    let name = self.text[start + 1..index].trim();
                    if name.is_empty() {
                        return Err(Error::new(Kind::Syntax, start, "the name of the attribute is missing"));
                    }
                    self.at = index + 1;
                    return Ok(Token::Attribute(name));
                }
                b']' => depth -= 1,
                _ => {}
            }
        }
        Err(Error::new(Kind::Syntax, start, "this attribute has no closing bracket"))
    }

    fn parameter(&mut self, start: usize) -> Result<Token<'a>, Error> {
        let body = &self.text[start + 1..];
        match body.split_once('%') {
            Some((name, _)) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                self.at = start + name.len() + 2;
                Ok(Token::Parameter(name))
            }
            _ => Err(Error::new(Kind::Syntax, start, "a parameter is written %name%")),
        }
    }

    fn number(&mut self, start: usize) -> Result<Token<'a>, Error> {
        let body = &self.text[start..];
        let length = body.bytes().skip(1).take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count() + 1;
        self.at = start + length;
        let number = &body[..length];
        if let Ok(integer) = number.parse() {
            return Ok(Token::Integer(integer));
        }
        match number.parse::<f64>() {
            Ok(_) => Ok(Token::Decimal(number)),
            Err(_) => Err(Error::new(Kind::Syntax, start, format!("{number} is not a number"))),
        }
    }

    fn hexadecimal(&mut self, start: usize) -> Result<Token<'a>, Error> {
        let body = &self.text[start + 2..];
        let length = body.bytes().take_while(u8::is_ascii_hexdigit).count();
        self.at = start + 2 + length;
        let digits = &body[..length];
        match i64::from_str_radix(digits, 16) {
            Ok(number) => Ok(Token::Integer(number)),
            Err(_) => Err(Error::new(Kind::Syntax, start, format!("&H{digits} is too large"))),
        }
    }

    fn name(&mut self, rest: &'a str) -> Token<'a> {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        self.sign(end, Token::Name(&rest[..end]))
    }
}

fn starts_hexadecimal(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'&', b'H' | b'h', digit, ..] if digit.is_ascii_hexdigit())
}
