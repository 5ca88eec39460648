//! Escapes: classes, assertions, references to groups, and characters.

use super::{Assertion, GroupId, Parser, Tree};
use crate::pattern::PatternError;
use crate::pattern::set::{Class, Item, Named, Set};

impl Parser {
    /// Behind the backslash, outside a class.
    pub(super) fn escape(&mut self) -> Result<Tree, PatternError> {
        let Some(letter) = self.peek() else { return Err(self.wrong("a backslash ends the pattern")) };
        if let Some(item) = self.named_class()? {
            return Ok(Tree::Set(Set::Class(Box::new(Class {
                ignores_case: self.options.ignores_case,
                items: vec![item],
                ..Class::default()
            }))));
        }
        let assertion = match letter {
            'b' => Assertion::WordBoundary,
            'B' => Assertion::NotWordBoundary,
            'A' => Assertion::Start,
            'z' => Assertion::End,
            'Z' => Assertion::LastLineEnd,
            'G' => Assertion::Previous,
            'k' => {
                self.at += 1;
                return self.named_reference();
            }
            '1'..='9' => {
                let number = self.number().and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX);
                return Ok(Tree::Back(GroupId::Number(number), self.options.ignores_case));
            }
            _ => {
                let letter = self.character()?;
                return Ok(Tree::Set(Set::of(letter, self.options.ignores_case)));
            }
        };
        self.at += 1;
        Ok(Tree::Assert(assertion))
    }

    fn named_reference(&mut self) -> Result<Tree, PatternError> {
        let end = match self.next() {
            Some('<') => '>',
            Some('\'') => '\'',
            _ => return Err(self.wrong("\\k needs the name of a group: \\k<name>")),
        };
        let name = self.group_name(end)?;
        let group = match name.parse() {
            Ok(number) => GroupId::Number(number),
            Err(_) if self.names.contains(&name) => self.named(&name),
            Err(_) => return Err(self.wrong("there is no group of this name before it")),
        };
        Ok(Tree::Back(group, self.options.ignores_case))
    }

    /// `\w`, `\d`, `\s`, `\p{…}` and their negations, behind the backslash.
    pub(super) fn named_class(&mut self) -> Result<Option<Item>, PatternError> {
        let Some(letter) = self.peek() else { return Ok(None) };
        let named = match letter {
            'w' | 'W' => Named::Word,
            'd' | 'D' => Named::Digit,
            's' | 'S' => Named::Space,
            'p' | 'P' => {
                self.at += 1;
                let Some(named) = self.property() else {
                    return Err(self.wrong("\\p needs a category such as \\p{L} or a block such as \\p{IsGreek}"));
                };
                return Ok(Some(Item::Named(named, letter == 'P')));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(Item::Named(named, letter.is_ascii_uppercase())))
    }

    fn property(&mut self) -> Option<Named> {
        if !self.eat("{") {
            return None;
        }
        let length = self.letters[self.at..].iter().position(|letter| *letter == '}')?;
        let name: String = self.letters[self.at..self.at + length].iter().collect();
        self.at += length + 1;
        Named::parse(&name)
    }

    /// One escaped character, behind the backslash.
    pub(super) fn character(&mut self) -> Result<char, PatternError> {
        let Some(letter) = self.next() else { return Err(self.wrong("a backslash ends the pattern")) };
        Ok(match letter {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'a' => '\u{7}',
            'e' => '\u{1B}',
            'f' => '\u{C}',
            'v' => '\u{B}',
            'x' => self.code(16, 2, 2)?,
            'u' => self.code(16, 4, 4)?,
            '0'..='7' => {
                self.at -= 1;
                self.code(8, 1, 3)?
            }
            'c' => match self.next() {
                Some(letter) if letter.is_ascii_alphabetic() => char::from(letter.to_ascii_uppercase() as u8 - b'@'),
                _ => return Err(self.wrong("\\c needs a letter")),
            },
            _ if letter.is_alphanumeric() || letter == '_' => return Err(self.wrong("this escape is unknown")),
            _ => letter,
        })
    }

    fn code(&mut self, radix: u32, least: usize, most: usize) -> Result<char, PatternError> {
        let digits: String =
            self.letters[self.at..].iter().take(most).take_while(|letter| letter.is_digit(radix)).collect();
        self.at += digits.len();
        let code = if digits.len() < least { None } else { u32::from_str_radix(&digits, radix).ok() };
        code.and_then(char::from_u32).ok_or_else(|| self.wrong("digits of a character are missing or name none"))
    }
}
