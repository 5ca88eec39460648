//! Classes in brackets.

use super::Parser;
use crate::pattern::PatternError;
use crate::pattern::set::{Class, Item};

/// Deepest nesting of `[a-z-[aeiou]]`.
const MAX_SUBTRACTIONS: usize = 10;

impl Parser {
    /// Behind the opening bracket.
    pub(super) fn class(&mut self) -> Result<Class, PatternError> {
        self.class_within(0)
    }

    fn class_within(&mut self, depth: usize) -> Result<Class, PatternError> {
        if depth > MAX_SUBTRACTIONS {
            return Err(PatternError::TooLarge);
        }
        let mut class = Class { negated: self.eat("^"), ignores_case: self.options.ignores_case, ..Class::default() };
        let start = self.at;
        loop {
            if self.at > start && self.eat("]") {
                return Ok(class);
            }
            if self.at > start && self.eat("-[") {
                class.except = Some(Box::new(self.class_within(depth + 1)?));
                return if self.eat("]") { Ok(class) } else { Err(self.wrong("a subtraction ends its class")) };
            }
            let item = self.item()?;
            class.items.push(item);
        }
    }

    /// One character, a range, or a named class.
    fn item(&mut self) -> Result<Item, PatternError> {
        let first = match self.member()? {
            Ok(letter) => letter,
            Err(named) => return Ok(named),
        };
        // A hyphen at the end, or before a subtraction, is a plain one.
        let is_range = self.peek() == Some('-') && !matches!(self.letters.get(self.at + 1), None | Some(']' | '['));
        if !is_range {
            return Ok(Item::Range(first, first));
        }
        self.at += 1;
        match self.member()? {
            Ok(last) if last >= first => Ok(Item::Range(first, last)),
            Ok(_) => Err(self.wrong("the range of characters is in reverse order")),
            Err(_) => Err(self.wrong("a class such as \\d cannot end a range")),
        }
    }

    fn member(&mut self) -> Result<Result<char, Item>, PatternError> {
        match self.next() {
            None => Err(self.wrong("a bracket is not closed")),
            Some('\\') if self.eat("b") => Ok(Ok('\u{8}')),
            Some('\\') => match self.named_class()? {
                Some(item) => Ok(Err(item)),
                None => Ok(Ok(self.character()?)),
            },
            Some(letter) => Ok(Ok(letter)),
        }
    }
}
