//! Runs a compiled pattern by backtracking, within a number of steps.

use super::compile::{Instruction, Program};
use super::parse::Assertion;
use super::set::{Named, Set, fold};
use super::{Group, PatternError};

/// Most alternatives that are kept to return to.
const MAX_ALTERNATIVES: usize = 50_000;
const UNSET: usize = usize::MAX;

/// Where to go on if the current attempt fails.
enum Alternative {
    At {
        instruction: usize,
        position: usize,
    },
    /// Give back the last character of a greedy loop.
    Shorter {
        instruction: usize,
        least: usize,
        position: usize,
    },
    /// Take one more character in a lazy loop, at most so many.
    Longer {
        instruction: usize,
        position: usize,
        left: usize,
    },
    /// Not a place: a register's value before it was changed.
    Register {
        register: usize,
        value: usize,
    },
}

struct Matcher<'p> {
    program: &'p Program,
    text: &'p str,
    /// Where this search began.
    from: usize,
    registers: Vec<usize>,
    alternatives: Vec<Alternative>,
    /// Whether only a match up to the end of the text counts.
    whole: bool,
    steps: &'p mut u32,
}

pub(super) fn find(
    program: &Program,
    text: &str,
    from: usize,
    steps: &mut u32,
) -> Result<Option<Vec<Group>>, PatternError> {
    let mut matcher = Matcher::new(program, text, from, false, steps);
    let mut start = from;
    loop {
        if let Some(first) = program.first() {
            match text[start..].find(first) {
                Some(skipped) => start += skipped,
                None => return Ok(None),
            }
        }
        if matcher.run(0, start)?.is_some() {
            let groups = matcher.registers.chunks_exact(2).take(program.groups);
            return Ok(Some(groups.map(|pair| (pair[1] != UNSET).then(|| (pair[0], pair[1]))).collect()));
        }
        let Some(letter) = text[start..].chars().next() else { return Ok(None) };
        if program.is_anchored() {
            return Ok(None);
        }
        start += letter.len_utf8();
    }
}

pub(super) fn matches_whole(program: &Program, text: &str, steps: &mut u32) -> Result<bool, PatternError> {
    Ok(Matcher::new(program, text, 0, true, steps).run(0, 0)?.is_some())
}

impl<'p> Matcher<'p> {
    fn new(program: &'p Program, text: &'p str, from: usize, whole: bool, steps: &'p mut u32) -> Self {
        let registers = vec![UNSET; program.registers];
        Self { program, text, from, registers, alternatives: Vec::new(), whole, steps }
    }

    fn step(&mut self) -> Result<(), PatternError> {
        *self.steps = self.steps.checked_sub(1).ok_or(PatternError::TooManySteps)?;
        Ok(())
    }

    fn keep(&mut self, alternative: Alternative) -> Result<(), PatternError> {
        if self.alternatives.len() >= MAX_ALTERNATIVES {
            return Err(PatternError::TooManySteps);
        }
        self.alternatives.push(alternative);
        Ok(())
    }

    /// Runs from an instruction to `Accept`, and returns the position there. After a failure everything is as it was before.
    fn run(&mut self, instruction: usize, position: usize) -> Result<Option<usize>, PatternError> {
        let base = self.alternatives.len();
        let mut at = Some((instruction, position));
        loop {
            let Some((instruction, position)) = at.or_else(|| self.backtrack(base)) else { return Ok(None) };
            self.step()?;
            let program = self.program;
            if let Instruction::Accept = program.instructions[instruction] {
                // The outermost one is the last instruction.
                let is_outermost = instruction + 1 == program.instructions.len();
                if !self.whole || !is_outermost || position == self.text.len() {
                    return Ok(Some(position));
                }
                at = None;
                continue;
            }
            at = self.execute(instruction, position)?;
        }
    }

    /// The next instruction and position, or none if the attempt fails.
    fn execute(&mut self, at: usize, position: usize) -> Result<Option<(usize, usize)>, PatternError> {
        let program = self.program;
        let next = at + 1;
        Ok(match &program.instructions[at] {
            Instruction::Accept => Some((next, position)),
            Instruction::Set(set) => self.after(position, set).map(|position| (next, position)),
            Instruction::SetBefore(set) => self.before(position, set).map(|position| (next, position)),
            Instruction::Run { set, most, lazy } => Some((next, self.start_loop(next, position, set, *most, *lazy)?)),
            Instruction::Split(first, second) => {
                self.keep(Alternative::At { instruction: *second, position })?;
                Some((*first, position))
            }
            Instruction::Jump(target) => Some((*target, position)),
            Instruction::Save(register) => {
                let value = std::mem::replace(&mut self.registers[*register], position);
                self.keep(Alternative::Register { register: *register, value })?;
                Some((next, position))
            }
            Instruction::IfEmpty(register, end) => {
                Some((if self.registers[*register] == position { *end } else { next }, position))
            }
            Instruction::Assert(assertion) => self.holds(*assertion, position).then_some((next, position)),
            Instruction::Back { group, ignores_case, before } => {
                self.repeat_group(*group, *ignores_case, *before, position).map(|position| (next, position))
            }
            Instruction::Look { negative, rest } => {
                let found = self.nested(next, position, *negative)?.is_some();
                (found != *negative).then_some((*rest, position))
            }
            Instruction::Atomic { rest } => self.nested(next, position, false)?.map(|position| (*rest, position)),
            Instruction::IfGroup { group, otherwise } => {
                let took_part = self.registers[group * 2 + 1] != UNSET;
                Some((if took_part { next } else { *otherwise }, position))
            }
        })
    }

    /// Runs a body of its own: what it has not tried is dropped, and after a negative one its groups as well.
    fn nested(
        &mut self,
        instruction: usize,
        position: usize,
        drops_groups: bool,
    ) -> Result<Option<usize>, PatternError> {
        let base = self.alternatives.len();
        let found = self.run(instruction, position)?;
        if found.is_some() && drops_groups {
            while self.alternatives.len() > base {
                if let Some(Alternative::Register { register, value }) = self.alternatives.pop() {
                    self.registers[register] = value;
                }
            }
        } else if found.is_some() {
            let mut index = 0;
            self.alternatives.retain(|alternative| {
                index += 1;
                index <= base || matches!(alternative, Alternative::Register { .. })
            });
        }
        Ok(found)
    }

    /// The last alternative above `base`.
    fn backtrack(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.alternatives.len() > base {
            match self.alternatives.pop()? {
                Alternative::Register { register, value } => self.registers[register] = value,
                Alternative::At { instruction, position } => return Some((instruction, position)),
                Alternative::Shorter { instruction, least, position } => {
                    let shorter = position - self.text[..position].chars().next_back().map_or(0, char::len_utf8);
                    if shorter > least {
                        self.alternatives.push(Alternative::Shorter { instruction, least, position: shorter });
                    }
                    return Some((instruction, shorter));
                }
                Alternative::Longer { instruction, position, left } => {
                    // The loop itself is the instruction before.
                    let Instruction::Run { set, .. } = &self.program.instructions[instruction - 1] else { continue };
                    let Some(longer) = self.after(position, set) else { continue };
                    if left > 1 {
                        self.alternatives.push(Alternative::Longer { instruction, position: longer, left: left - 1 });
                    }
                    return Some((instruction, longer));
                }
            }
        }
        None
    }

    /// The position at which a loop over a set goes on first.
    fn start_loop(
        &mut self,
        next: usize,
        position: usize,
        set: &Set,
        most: usize,
        lazy: bool,
    ) -> Result<usize, PatternError> {
        if lazy {
            self.keep(Alternative::Longer { instruction: next, position, left: most })?;
            return Ok(position);
        }
        let mut end = position;
        for letter in self.text[position..].chars().take(most) {
            if !set.contains(letter) {
                break;
            }
            self.step()?;
            end += letter.len_utf8();
        }
        if end > position {
            self.keep(Alternative::Shorter { instruction: next, least: position, position: end })?;
        }
        Ok(end)
    }

    /// The position behind a character of the set.
    fn after(&self, position: usize, set: &Set) -> Option<usize> {
        let letter = self.text[position..].chars().next()?;
        set.contains(letter).then(|| position + letter.len_utf8())
    }

    /// The position before a character of the set.
    fn before(&self, position: usize, set: &Set) -> Option<usize> {
        let letter = self.text[..position].chars().next_back()?;
        set.contains(letter).then(|| position - letter.len_utf8())
    }

    /// The position behind (or before) another occurrence of a group's text. A group without one fails.
    fn repeat_group(&self, group: usize, ignores_case: bool, before: bool, position: usize) -> Option<usize> {
        let (start, end) = (self.registers[group * 2], self.registers[group * 2 + 1]);
        let wanted = self.text.get(start..end)?;
        let mut at = position;
        let same = |wanted: char, found: char| wanted == found || (ignores_case && fold(wanted) == fold(found));
        if before {
            for letter in wanted.chars().rev() {
                let found = self.text[..at].chars().next_back().filter(|found| same(letter, *found))?;
                at -= found.len_utf8();
            }
        } else {
            for letter in wanted.chars() {
                let found = self.text[at..].chars().next().filter(|found| same(letter, *found))?;
                at += found.len_utf8();
            }
        }
        Some(at)
    }

    fn holds(&self, assertion: Assertion, position: usize) -> bool {
        let (before, after) = (&self.text[..position], &self.text[position..]);
        let is_word = |letter: Option<char>| {
            letter.is_some_and(|letter| Named::Word.contains(letter) || matches!(letter, '\u{200C}' | '\u{200D}'))
        };
        let at_boundary = || is_word(before.chars().next_back()) != is_word(after.chars().next());
        match assertion {
            Assertion::Start => position == 0,
            Assertion::LineStart => before.is_empty() || before.ends_with('\n'),
            Assertion::End => after.is_empty(),
            Assertion::LastLineEnd => after.is_empty() || after == "\n",
            Assertion::LineEnd => after.is_empty() || after.starts_with('\n'),
            Assertion::Previous => position == self.from,
            Assertion::WordBoundary => at_boundary(),
            Assertion::NotWordBoundary => !at_boundary(),
        }
    }
}
