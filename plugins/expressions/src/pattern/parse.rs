//! Parses a pattern into a tree.

mod class;
mod escape;
mod group;

use super::PatternError;
use super::set::Set;

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 50;
/// Largest number of a loop.
const MAX_REPEAT: u32 = 1_000;

#[derive(Debug, PartialEq)]
pub(super) enum Tree {
    Empty,
    Set(Set),
    Concat(Vec<Tree>),
    Alternate(Vec<Tree>),
    Repeat { tree: Box<Tree>, least: u32, most: Option<u32>, lazy: bool },
    Group(GroupId, Box<Tree>),
    Look { ahead: bool, negative: bool, tree: Box<Tree> },
    Atomic(Box<Tree>),
    Assert(Assertion),
    Back(GroupId, bool),
    If { group: GroupId, yes: Box<Tree>, no: Box<Tree> },
}

/// Groups without a name are numbered first, then those with one: by its index among the names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum GroupId {
    Number(usize),
    Named(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Assertion {
    Start,
    LineStart,
    End,
    /// The end, or before a line break that ends the text.
    LastLineEnd,
    LineEnd,
    /// Where the previous match ended.
    Previous,
    WordBoundary,
    NotWordBoundary,
}

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) tree: Tree,
    /// How many groups have no name.
    pub(super) unnamed: usize,
    pub(super) names: Vec<String>,
}

#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the language")]
struct Options {
    ignores_case: bool,
    multiline: bool,
    single_line: bool,
    explicit_capture: bool,
    /// White space and comments are no part of the pattern.
    extended: bool,
}

struct Parser {
    letters: Vec<char>,
    at: usize,
    options: Options,
    depth: usize,
    unnamed: usize,
    names: Vec<String>,
}

pub(super) fn parse(text: &str) -> Result<Parsed, PatternError> {
    let mut parser = Parser {
        letters: text.chars().collect(),
        at: 0,
        options: Options::default(),
        depth: 0,
        unnamed: 0,
        names: Vec::new(),
    };
    let tree = parser.alternatives()?;
    if parser.at < parser.letters.len() {
        return Err(parser.wrong("a closing parenthesis has no opening one"));
    }
    Ok(Parsed { tree, unnamed: parser.unnamed, names: parser.names })
}

impl Parser {
    fn wrong(&self, why: &'static str) -> PatternError {
        PatternError::Wrong(why, self.at + 1)
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(letter)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.letters[self.at..].iter().copied().take(text.len()).eq(text.chars());
        if found {
            self.at += text.len();
        }
        found
    }

    /// Up to the end of the group or of the pattern. Options that are set within hold until there.
    fn alternatives(&mut self) -> Result<Tree, PatternError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PatternError::TooLarge);
        }
        let outer = self.options;
        let mut branches = vec![self.sequence()?];
        while self.eat("|") {
            branches.push(self.sequence()?);
        }
        self.options = outer;
        self.depth -= 1;
        Ok(single_or(branches, Tree::Alternate))
    }

    fn sequence(&mut self) -> Result<Tree, PatternError> {
        let mut parts = Vec::new();
        loop {
            self.skip_comments();
            match self.peek() {
                None | Some('|' | ')') => return Ok(single_or(parts, Tree::Concat)),
                Some(_) => {
                    let atom = self.atom()?;
                    parts.push(self.repeated(atom)?);
                }
            }
        }
    }

    fn skip_comments(&mut self) {
        while self.options.extended {
            match self.peek() {
                Some(letter) if letter.is_whitespace() => self.at += 1,
                Some('#') => while self.next().is_some_and(|letter| letter != '\n') {},
                _ => return,
            }
        }
    }

    fn atom(&mut self) -> Result<Tree, PatternError> {
        let Some(letter) = self.next() else { return Ok(Tree::Empty) };
        Ok(match letter {
            '.' if self.options.single_line => Tree::Set(Set::Any),
            '.' => Tree::Set(Set::NotNewline),
            '^' if self.options.multiline => Tree::Assert(Assertion::LineStart),
            '^' => Tree::Assert(Assertion::Start),
            '$' if self.options.multiline => Tree::Assert(Assertion::LineEnd),
            '$' => Tree::Assert(Assertion::LastLineEnd),
            '(' => self.group()?,
            '[' => Tree::Set(Set::Class(Box::new(self.class()?))),
            '\\' => self.escape()?,
            '*' | '+' | '?' => return Err(self.wrong("nothing stands before the loop")),
            _ => Tree::Set(Set::of(letter, self.options.ignores_case)),
        })
    }

    /// `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`, each of them lazy with `?`.
    fn repeated(&mut self, tree: Tree) -> Result<Tree, PatternError> {
        self.skip_comments();
        let start = self.at;
        let (least, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                let Some(counts) = self.counts() else {
                    // Braces without numbers are plain characters.
                    self.at = start;
                    return Ok(tree);
                };
                counts
            }
            _ => return Ok(tree),
        };
        if self.at == start {
            self.at += 1;
        }
        if most.is_some_and(|most| most < least) {
            return Err(self.wrong("the second number of the loop is smaller than the first"));
        }
        if least.max(most.unwrap_or(0)) > MAX_REPEAT {
            return Err(PatternError::TooLarge);
        }
        let lazy = self.eat("?");
        self.skip_comments();
        if matches!(self.peek(), Some('*' | '+' | '?')) {
            return Err(self.wrong("a loop stands directly behind a loop"));
        }
        Ok(Tree::Repeat { tree: Box::new(tree), least, most, lazy })
    }

    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        self.eat("{");
        let least = self.number()?;
        let most = if self.eat(",") {
            if self.peek() == Some('}') { None } else { Some(self.number()?) }
        } else {
            Some(least)
        };
        self.eat("}").then_some((least, most))
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.letters[start..self.at].iter().collect();
        if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u32::MAX)) }
    }

    fn named(&mut self, name: &str) -> GroupId {
        let known = self.names.iter().position(|known| known == name);
        GroupId::Named(known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        }))
    }
}

fn single_or(mut parts: Vec<Tree>, many: fn(Vec<Tree>) -> Tree) -> Tree {
    match parts.len() {
        0 => Tree::Empty,
        1 => parts.remove(0),
        _ => many(parts),
    }
}
