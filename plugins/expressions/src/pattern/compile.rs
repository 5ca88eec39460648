//! Turns the tree of a pattern into instructions.

use super::PatternError;
use super::parse::{Assertion, GroupId, Parsed, Tree};
use super::set::Set;

/// Most instructions of a pattern.
const MAX_INSTRUCTIONS: usize = 10_000;

#[derive(Debug)]
pub(super) enum Instruction {
    Accept,
    Set(Set),
    /// Like `Set`, but of the character before the position: look-behind is matched from right to left.
    SetBefore(Set),
    /// A loop over one set, at most so often.
    Run {
        set: Set,
        most: usize,
        lazy: bool,
    },
    /// Goes on at the first place, and at the second one if that fails.
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    /// Goes on at the given place if nothing was consumed since the register was saved.
    IfEmpty(usize, usize),
    Assert(Assertion),
    Back {
        group: usize,
        ignores_case: bool,
        before: bool,
    },
    /// The body follows and ends with `Accept`; the rest is at `rest`.
    Look {
        negative: bool,
        rest: usize,
    },
    Atomic {
        rest: usize,
    },
    IfGroup {
        group: usize,
        otherwise: usize,
    },
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
    /// Groups with the whole match as number 0; each has two registers.
    pub(super) groups: usize,
    pub(super) registers: usize,
    names: Vec<String>,
}

impl Program {
    pub(super) fn group(&self, name: &str) -> Option<usize> {
        match self.names.iter().position(|known| known == name) {
            Some(index) => Some(self.groups - self.names.len() + index),
            None => name.parse().ok().filter(|number| *number < self.groups),
        }
    }

    /// Whether a match can only begin at the start of the text.
    pub(super) fn is_anchored(&self) -> bool {
        matches!(self.instructions.get(1), Some(Instruction::Assert(Assertion::Start)))
    }

    /// The character with which every match begins, if that is known.
    pub(super) fn first(&self) -> Option<char> {
        match self.instructions.iter().find(|instruction| !matches!(instruction, Instruction::Save(_))) {
            Some(Instruction::Set(Set::One(letter))) => Some(*letter),
            _ => None,
        }
    }
}

pub(super) fn compile(parsed: &Parsed) -> Result<Program, PatternError> {
    let groups = 1 + parsed.unnamed + parsed.names.len();
    let mut compiler =
        Compiler { unnamed: parsed.unnamed, groups, registers: groups * 2, code: Vec::new(), backward: false };
    compiler.add(Instruction::Save(0))?;
    compiler.tree(&parsed.tree)?;
    compiler.add(Instruction::Save(1))?;
    compiler.add(Instruction::Accept)?;
    Ok(Program { instructions: compiler.code, groups, registers: compiler.registers, names: parsed.names.clone() })
}

struct Compiler {
    unnamed: usize,
    groups: usize,
    registers: usize,
    code: Vec<Instruction>,
    /// Within look-behind.
    backward: bool,
}

impl Compiler {
    fn add(&mut self, instruction: Instruction) -> Result<usize, PatternError> {
        if self.code.len() >= MAX_INSTRUCTIONS {
            return Err(PatternError::TooLarge);
        }
        self.code.push(instruction);
        Ok(self.code.len() - 1)
    }

    fn group(&self, id: GroupId) -> Result<usize, PatternError> {
        let number = match id {
            GroupId::Number(number) => number,
            GroupId::Named(index) => self.unnamed + 1 + index,
        };
        if number < self.groups { Ok(number) } else { Err(PatternError::Wrong("there is no group of this number", 1)) }
    }

    fn tree(&mut self, tree: &Tree) -> Result<(), PatternError> {
        match tree {
            Tree::Empty => {}
            Tree::Set(set) => {
                let set = set.clone();
                self.add(if self.backward { Instruction::SetBefore(set) } else { Instruction::Set(set) })?;
            }
            Tree::Concat(parts) if self.backward => parts.iter().rev().try_for_each(|part| self.tree(part))?,
            Tree::Concat(parts) => parts.iter().try_for_each(|part| self.tree(part))?,
            Tree::Alternate(branches) => self.alternate(branches)?,
            Tree::Repeat { tree, least, most, lazy } => self.repeat(tree, *least, *most, *lazy)?,
            Tree::Group(id, tree) => {
                let (start, end) = (self.group(*id)? * 2, self.group(*id)? * 2 + 1);
                let (first, last) = if self.backward { (end, start) } else { (start, end) };
                self.add(Instruction::Save(first))?;
                self.tree(tree)?;
                self.add(Instruction::Save(last))?;
            }
            Tree::Look { ahead, negative, tree } => {
                let at = self.add(Instruction::Look { negative: *negative, rest: 0 })?;
                let outer = std::mem::replace(&mut self.backward, !ahead);
                self.body(tree)?;
                self.backward = outer;
                self.code[at] = Instruction::Look { negative: *negative, rest: self.code.len() };
            }
            Tree::Atomic(tree) => {
                let at = self.add(Instruction::Atomic { rest: 0 })?;
                self.body(tree)?;
                self.code[at] = Instruction::Atomic { rest: self.code.len() };
            }
            Tree::Assert(assertion) => {
                self.add(Instruction::Assert(*assertion))?;
            }
            Tree::Back(id, ignores_case) => {
                let (group, before) = (self.group(*id)?, self.backward);
                self.add(Instruction::Back { group, ignores_case: *ignores_case, before })?;
            }
            Tree::If { group, yes, no } => self.condition(*group, yes, no)?,
        }
        Ok(())
    }

    fn body(&mut self, tree: &Tree) -> Result<(), PatternError> {
        self.tree(tree)?;
        self.add(Instruction::Accept)?;
        Ok(())
    }

    fn alternate(&mut self, branches: &[Tree]) -> Result<(), PatternError> {
        let mut jumps = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            if index + 1 == branches.len() {
                self.tree(branch)?;
                break;
            }
            let split = self.add(Instruction::Jump(0))?;
            self.tree(branch)?;
            jumps.push(self.add(Instruction::Jump(0))?);
            self.code[split] = Instruction::Split(split + 1, self.code.len());
        }
        let end = self.code.len();
        for jump in jumps {
            self.code[jump] = Instruction::Jump(end);
        }
        Ok(())
    }

    fn condition(&mut self, group: GroupId, yes: &Tree, no: &Tree) -> Result<(), PatternError> {
        let group = self.group(group)?;
        let test = self.add(Instruction::IfGroup { group, otherwise: 0 })?;
        self.tree(yes)?;
        let jump = self.add(Instruction::Jump(0))?;
        self.code[test] = Instruction::IfGroup { group, otherwise: self.code.len() };
        self.tree(no)?;
        self.code[jump] = Instruction::Jump(self.code.len());
        Ok(())
    }

    fn repeat(&mut self, tree: &Tree, least: u32, most: Option<u32>, lazy: bool) -> Result<(), PatternError> {
        for _ in 0..least {
            self.tree(tree)?;
        }
        if let (Tree::Set(set), false) = (tree, self.backward) {
            let most = most.map_or(usize::MAX, |most| usize::try_from(most - least).unwrap_or(usize::MAX));
            if most > 0 {
                self.add(Instruction::Run { set: set.clone(), most, lazy })?;
            }
            return Ok(());
        }
        match most {
            None => self.endless(tree, lazy),
            Some(most) => self.optional(tree, most - least, lazy),
        }
    }

    /// A loop that ends where a turn consumes nothing.
    fn endless(&mut self, tree: &Tree, lazy: bool) -> Result<(), PatternError> {
        let register = self.registers;
        self.registers += 1;
        let start = self.add(Instruction::Jump(0))?;
        self.add(Instruction::Save(register))?;
        self.tree(tree)?;
        let test = self.add(Instruction::IfEmpty(register, 0))?;
        self.add(Instruction::Jump(start))?;
        let end = self.code.len();
        self.code[test] = Instruction::IfEmpty(register, end);
        self.code[start] = split(start + 1, end, lazy);
        Ok(())
    }

    fn optional(&mut self, tree: &Tree, count: u32, lazy: bool) -> Result<(), PatternError> {
        let mut splits = Vec::new();
        for _ in 0..count {
            splits.push(self.add(Instruction::Jump(0))?);
            self.tree(tree)?;
        }
        let end = self.code.len();
        for at in splits {
            self.code[at] = split(at + 1, end, lazy);
        }
        Ok(())
    }
}

fn split(body: usize, end: usize, lazy: bool) -> Instruction {
    if lazy { Instruction::Split(end, body) } else { Instruction::Split(body, end) }
}
