//! Parses the text of an expression. Names and numbers of arguments are checked here, where their places are known.

use crate::call::{Function, Node, Term};
use crate::error::{Error, Kind};
use crate::functions;
use crate::lexer::{Lexer, Token};
use crate::names::nearest;
use crate::pattern::Pattern;

/// Longest expression, in characters.
pub const MAX_EXPRESSION_CHARACTERS: usize = 10_000;
/// Deepest nesting. Microsoft states no limit; this one keeps the stack of a plugin bounded.
pub const MAX_NESTING: usize = 200;

/// Words that are neither functions nor attributes.
const WORDS: [&str; 8] = [
    "vbTextCompare",
    "vbBinaryCompare",
    "IgnoreAttributeFlow",
    "IgnoreObjectFlow",
    "UTF8",
    "Unicode",
    "ASCII",
    "UTF16",
];

pub(crate) fn parse(text: &str) -> Result<Node<'_>, Error> {
    // A character has at least one byte: only of a long text are they counted.
    if text.len() > MAX_EXPRESSION_CHARACTERS && text.chars().nth(MAX_EXPRESSION_CHARACTERS).is_some() {
        let message = format!("an expression has at most {MAX_EXPRESSION_CHARACTERS} characters");
        return Err(Error::new(Kind::Syntax, 0, message));
    }
    let mut lexer = Lexer::new(text);
    let (at, token) = lexer.next()?;
    let mut parser = Parser { lexer, at, token, depth: 0 };
    let root = parser.expression()?;
    if parser.token == Token::End { Ok(root) } else { Err(parser.unexpected("the expression ends before it")) }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    at: usize,
    token: Token<'a>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, Error> {
        let (at, token) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn unexpected(&self, why: &str) -> Error {
        let message = match &self.token {
            Token::End => format!("the expression ends too early: {why}"),
            Token::Name(name) if matches!(name.to_ascii_uppercase().as_str(), "AND" | "OR" | "NOT") => {
                format!(
                    "{name} is not an operator here: nest a second IIF, on the true side for AND, on the false side for OR"
                )
            }
            _ => format!("this part is not expected here: {why}"),
        };
        Error::new(Kind::Syntax, self.at, message)
    }

    /// A value, or a comparison of two.
    fn expression(&mut self) -> Result<Node<'a>, Error> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(Error::new(Kind::Syntax, self.at, format!("it is nested deeper than {MAX_NESTING} levels")));
        }
        let left = self.joined()?;
        let node = match self.token {
            Token::Comparison(comparison) => {
                self.advance()?;
                let right = self.joined()?;
                Node { at: left.at, term: Term::Compare(Box::new((left, comparison, right))) }
            }
            _ => left,
        };
        self.depth -= 1;
        Ok(node)
    }

    /// Terms with `&` between them.
    fn joined(&mut self) -> Result<Node<'a>, Error> {
        let first = self.term()?;
        if self.token != Token::Ampersand {
            return Ok(first);
        }
        let at = first.at;
        let mut parts = vec![first];
        while self.token == Token::Ampersand {
            self.advance()?;
            parts.push(self.term()?);
        }
        Ok(Node { at, term: Term::Concat(parts) })
    }

    fn term(&mut self) -> Result<Node<'a>, Error> {
        let at = self.at;
        let term = match self.token {
            Token::Text(_) | Token::Decimal(_) | Token::Integer(_) | Token::Attribute(_) | Token::Parameter(_) => {
                match self.advance()? {
                    Token::Text(text) => Term::Text(text),
                    Token::Decimal(number) => Term::Text(number.into()),
                    Token::Integer(number) => Term::Integer(number),
                    Token::Attribute(name) => Term::Attribute(name),
                    Token::Parameter(name) => Term::Parameter(name),
                    _ => return Err(self.unexpected("a value is needed")),
                }
            }
            Token::Open => {
                self.advance()?;
                let inner = self.expression()?;
                self.close()?;
                return Ok(inner);
            }
            Token::Name(name) => {
                self.advance()?;
                if self.token == Token::Open { self.call(at, name)? } else { word(at, name)? }
            }
            _ => return Err(self.unexpected("a value is needed")),
        };
        Ok(Node { at, term })
    }

    fn call(&mut self, at: usize, name: &str) -> Result<Term<'a>, Error> {
        let Some(function) = functions::find(name) else {
            let hint = match nearest(name, functions::all().map(|function| function.name)) {
                Some(near) => format!("; did you mean {near}?"),
                None => String::new(),
            };
            return Err(Error::new(Kind::UnknownFunction, at, format!("there is no function {name}{hint}")));
        };
        self.advance()?;
        let mut arguments = self.arguments()?;
        self.close()?;
        check_count(function, arguments.len(), at)?;
        for (index, argument) in arguments.iter_mut().enumerate() {
            prepare(function, index, argument)?;
        }
        Ok(Term::Call(function, arguments))
    }

    /// Between two commas there may be nothing; `()` has no argument.
    fn arguments(&mut self) -> Result<Vec<Option<Node<'a>>>, Error> {
        let mut arguments = Vec::new();
        if self.token == Token::Close {
            return Ok(arguments);
        }
        loop {
            let is_empty = matches!(self.token, Token::Comma | Token::Close);
            arguments.push(if is_empty { None } else { Some(self.expression()?) });
            if self.token != Token::Comma {
                return Ok(arguments);
            }
            self.advance()?;
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        if self.token != Token::Close {
            return Err(self.unexpected("a comma or a closing parenthesis is needed"));
        }
        self.advance()?;
        Ok(())
    }
}

fn word(at: usize, name: &str) -> Result<Term<'_>, Error> {
    if let Some(word) = WORDS.iter().find(|word| word.eq_ignore_ascii_case(name)) {
        return Ok(Term::Word(word));
    }
    let message = match functions::find(name) {
        Some(function) => format!("{} is a function: its arguments in parentheses are missing", function.name),
        None => {
            format!("{name} stands alone: a text needs quotation marks, an attribute brackets: \"{name}\" or [{name}]")
        }
    };
    Err(Error::new(Kind::Syntax, at, message))
}

fn check_count(function: &Function, count: usize, at: usize) -> Result<(), Error> {
    let Function { name, least, most, .. } = *function;
    // Keys and values come in pairs after the source and the default.
    let unpaired = name == "Switch" && !count.is_multiple_of(2);
    if (least..=most).contains(&count) && !unpaired {
        return Ok(());
    }
    let needed = match (least, most) {
        _ if name == "Switch" => "a source, a default (which may be empty), then keys and values in pairs".to_owned(),
        (0, 0) => "no arguments".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (1, usize::MAX) => "at least one argument".to_owned(),
        (least, usize::MAX) => format!("at least {least} arguments"),
        (least, most) if least == most => format!("{least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    };
    Err(Error::new(Kind::Arguments, at, format!("{name} takes {needed}; it has {count}")))
}

/// Compiles a constant pattern, so that its errors have a place and do not depend on the branch that is taken.
fn prepare(function: &Function, index: usize, argument: &mut Option<Node<'_>>) -> Result<(), Error> {
    if function.name != "Replace" || index != 2 {
        return Ok(());
    }
    if let Some(Node { at, term }) = argument
        && let Term::Text(text) = term
    {
        let compiled = Pattern::compile(text).map_err(|error| Error::new(Kind::Pattern, *at, error.to_string()))?;
        *term = Term::Pattern(Box::new(compiled));
    }
    Ok(())
}
