//! What a parenthesis opens: groups, look-around, options, comments, conditions.

use super::{GroupId, Options, Parser, Tree};
use crate::pattern::PatternError;

impl Parser {
    /// Behind the opening parenthesis.
    pub(super) fn group(&mut self) -> Result<Tree, PatternError> {
        if !self.eat("?") {
            if self.options.explicit_capture {
                return self.body();
            }
            self.unnamed += 1;
            let number = self.unnamed;
            return Ok(Tree::Group(GroupId::Number(number), Box::new(self.body()?)));
        }
        for (start, ahead, negative) in
            [("=", true, false), ("!", true, true), ("<=", false, false), ("<!", false, true)]
        {
            if self.eat(start) {
                return Ok(Tree::Look { ahead, negative, tree: Box::new(self.body()?) });
            }
        }
        match self.peek() {
            Some(':') => {
                self.at += 1;
                self.body()
            }
            Some('>') => {
                self.at += 1;
                Ok(Tree::Atomic(Box::new(self.body()?)))
            }
            Some('#') => self.comment(),
            Some('<') => self.named_group('>'),
            Some('\'') => self.named_group('\''),
            Some('(') => self.condition(),
            _ => self.inline_options(),
        }
    }

    fn body(&mut self) -> Result<Tree, PatternError> {
        let tree = self.alternatives()?;
        self.close()?;
        Ok(tree)
    }

    fn close(&mut self) -> Result<(), PatternError> {
        if self.eat(")") { Ok(()) } else { Err(self.wrong("a parenthesis is not closed")) }
    }

    fn comment(&mut self) -> Result<Tree, PatternError> {
        while self.peek().is_some_and(|letter| letter != ')') {
            self.at += 1;
        }
        self.close()?;
        Ok(Tree::Empty)
    }

    /// Letters, digits and underscores up to `end`.
    pub(super) fn group_name(&mut self, end: char) -> Result<String, PatternError> {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
            self.at += 1;
        }
        let name: String = self.letters[start..self.at].iter().collect();
        if name.is_empty() {
            return Err(self.wrong("the name of the group is missing"));
        }
        match self.next() {
            Some(letter) if letter == end => Ok(name),
            Some('-') => Err(self.wrong("balancing groups are not supported")),
            _ => Err(self.wrong("the name of the group is not closed")),
        }
    }

    fn named_group(&mut self, end: char) -> Result<Tree, PatternError> {
        self.at += 1;
        let name = self.group_name(end)?;
        let group = self.named(&name);
        Ok(Tree::Group(group, Box::new(self.body()?)))
    }

    /// `(?(name)yes|no)`: by whether a group took part in the match.
    fn condition(&mut self) -> Result<Tree, PatternError> {
        self.at += 1;
        let name = self.group_name(')')?;
        let group = match name.parse() {
            Ok(number) => GroupId::Number(number),
            Err(_) if self.names.contains(&name) => self.named(&name),
            Err(_) => return Err(self.wrong("a condition must be the name of a group before it")),
        };
        let (yes, no) = match self.alternatives()? {
            Tree::Alternate(mut branches) if branches.len() == 2 => {
                let yes = branches.remove(0);
                (yes, branches.remove(0))
            }
            Tree::Alternate(_) => return Err(self.wrong("a condition has two alternatives")),
            single => (single, Tree::Empty),
        };
        self.close()?;
        Ok(Tree::If { group, yes: Box::new(yes), no: Box::new(no) })
    }

    /// `(?i)` for the rest of the group, `(?i:…)` for one of its own; letters behind `-` are switched off.
    fn inline_options(&mut self) -> Result<Tree, PatternError> {
        let mut options = self.options;
        let mut on = true;
        loop {
            match self.next() {
                Some('-') => on = false,
                Some('+') => on = true,
                Some(')') => {
                    self.options = options;
                    return Ok(Tree::Empty);
                }
                Some(':') => {
                    let outer = std::mem::replace(&mut self.options, options);
                    let tree = self.body()?;
                    self.options = outer;
                    return Ok(tree);
                }
                Some(letter) if options.set(letter, on) => {}
                _ => return Err(self.wrong("this group is not supported")),
            }
        }
    }
}

impl Options {
    fn set(&mut self, letter: char, on: bool) -> bool {
        let option = match letter {
            'i' => &mut self.ignores_case,
            'm' => &mut self.multiline,
            's' => &mut self.single_line,
            'n' => &mut self.explicit_capture,
            'x' => &mut self.extended,
            _ => return false,
        };
        *option = on;
        true
    }
}
