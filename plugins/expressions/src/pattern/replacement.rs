//! Replacement texts: `$1`, `${name}`, `$$`, `$&` and the like.

use super::{Group, Pattern};

enum Part<'r> {
    Text(&'r str),
    Group(usize),
    /// The text before the match, behind it, or all of it.
    Before,
    After,
    All,
    /// The last group.
    Last,
}

/// A parsed replacement text.
pub(crate) struct Replacement<'r>(Vec<Part<'r>>);

impl<'r> Replacement<'r> {
    /// A dollar sign that begins nothing known is a plain one.
    pub(crate) fn parse(text: &'r str, pattern: &Pattern) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            if dollar > 0 {
                parts.push(Part::Text(&rest[..dollar]));
            }
            let behind = &rest[dollar + 1..];
            let (part, length) = reference(behind, pattern).unwrap_or((Part::Text("$"), 0));
            parts.push(part);
            rest = &behind[length..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        Self(parts)
    }

    /// Hands the text for one match to `write`, piece by piece.
    pub(crate) fn write<E>(
        &self,
        text: &str,
        groups: &[Group],
        write: &mut dyn FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let (start, end) = groups.first().copied().flatten().unwrap_or_default();
        let of = |group: Group| group.map_or("", |(start, end)| &text[start..end]);
        for part in &self.0 {
            write(match part {
                Part::Text(literal) => literal,
                Part::Group(number) => of(groups.get(*number).copied().flatten()),
                Part::Before => &text[..start],
                Part::After => &text[end..],
                Part::All => text,
                Part::Last => of(groups.last().copied().flatten()),
            })?;
        }
        Ok(())
    }
}

/// What stands behind a dollar sign, and how long it is.
fn reference<'r>(behind: &'r str, pattern: &Pattern) -> Option<(Part<'r>, usize)> {
    let single = match behind.chars().next()? {
        '$' => Part::Text("$"),
        '&' => Part::Group(0),
        '`' => Part::Before,
        '\'' => Part::After,
        '_' => Part::All,
        '+' => Part::Last,
        '{' => {
            let (name, _) = behind[1..].split_once('}')?;
            return Some((Part::Group(pattern.group(name)?), name.len() + 2));
        }
        '0'..='9' => {
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            return Some((Part::Group(pattern.group(&behind[..digits])?), digits));
        }
        _ => return None,
    };
    Some((single, 1))
}
