//! `Replace`, whose mode follows from which of its seven arguments are given.

use crate::call::{Call, Flow, Function, Term, push};
use crate::error::Kind;
use crate::pattern::{Pattern, Replacement};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[Function { name: "Replace", least: 2, most: 7, run: replace }];

/// The places of the arguments.
const SOURCE: usize = 0;
const OLD_VALUE: usize = 1;
const PATTERN: usize = 2;
const GROUP: usize = 3;
const REPLACEMENT: usize = 4;
const OTHER_ATTRIBUTE: usize = 5;
const TEMPLATE: usize = 6;

fn replace(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let given = [OLD_VALUE, PATTERN, GROUP, REPLACEMENT, OTHER_ATTRIBUTE, TEMPLATE].map(|index| call.is_given(index));
    match given {
        [true, false, false, true, false, false] => literal(call),
        [true, false, false, false, false, true] => template(call),
        [false, true, false, true, false, false] => matches(call),
        [false, true, true, true, false, false] => group(call),
        [false, true, true, false, true, false] => other_attribute(call),
        _ => call.error(
            Kind::Arguments,
            "Replace needs after the source: oldValue and replacementValue; oldValue and template; regexPattern and \
             replacementValue, with or without regexGroupName; or regexPattern, regexGroupName and replacementAttributeName",
        ),
    }
}

/// Every occurrence of a plain text.
fn literal(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(source) = call.text(SOURCE)? else { return Ok(Value::Absent) };
    let old = old_value(call)?;
    let new = call.text(REPLACEMENT)?.unwrap_or_default();
    substitute(call, &source, &old, &new)
}

/// Every occurrence in the template becomes the source.
fn template(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(source) = call.text(SOURCE)? else { return Ok(Value::Absent) };
    let old = old_value(call)?;
    let template = call.text(TEMPLATE)?.unwrap_or_default();
    substitute(call, &template, &old, &source)
}

fn old_value(call: &mut Call<'_, '_, '_>) -> Flow<String> {
    match call.text(OLD_VALUE)? {
        Some(old) if !old.is_empty() => Ok(old),
        _ => call.wrong(OLD_VALUE, Kind::Argument, "the text to replace is empty"),
    }
}

fn substitute(call: &Call<'_, '_, '_>, text: &str, old: &str, new: &str) -> Flow<Value> {
    let mut result = String::with_capacity(text.len());
    let mut parts = text.split(old);
    push(&mut result, parts.next().unwrap_or_default(), call.at)?;
    for part in parts {
        push(&mut result, new, call.at)?;
        push(&mut result, part, call.at)?;
    }
    Ok(Value::Text(result))
}

/// Every match of a pattern; `${name}`, `$1` and the like in the replacement.
fn matches(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(source) = call.text(SOURCE)? else { return Ok(Value::Absent) };
    let new = call.text(REPLACEMENT)?.unwrap_or_default();
    with_pattern(call, |call, pattern| {
        let replacement = Replacement::parse(&new, pattern);
        let mut result = String::with_capacity(source.len());
        let mut copied = 0;
        for_each_match(call, pattern, &source, |found| {
            push(&mut result, &source[copied..found.start()], found.at)?;
            copied = found.end();
            replacement.write(&source, &found.groups, &mut |text| push(&mut result, text, found.at))
        })?;
        push(&mut result, &source[copied..], call.at)?;
        Ok(Value::Text(result))
    })
}

/// In every match only the text of the named group; the rest of the match stays.
fn group(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(source) = call.text(SOURCE)? else { return Ok(Value::Absent) };
    let name = call.text(GROUP)?.unwrap_or_default();
    let new = call.text(REPLACEMENT)?.unwrap_or_default();
    with_pattern(call, |call, pattern| {
        let group = group_number(call, pattern, &name)?;
        let mut result = String::with_capacity(source.len());
        let mut copied = 0;
        for_each_match(call, pattern, &source, |found| {
            let Some((start, end)) = found.groups[group].filter(|(start, _)| *start >= copied) else { return Ok(()) };
            push(&mut result, &source[copied..start], found.at)?;
            copied = end;
            push(&mut result, &new, found.at)
        })?;
        push(&mut result, &source[copied..], call.at)?;
        Ok(Value::Text(result))
    })
}

/// The source if it has a value; otherwise the text of the group in the other attribute.
fn other_attribute(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.value(SOURCE)?;
    if !source.is_absent_or_empty() {
        return Ok(source);
    }
    let Some(other) = call.text(OTHER_ATTRIBUTE)? else { return Ok(Value::Absent) };
    let name = call.text(GROUP)?.unwrap_or_default();
    with_pattern(call, |call, pattern| {
        let group = group_number(call, pattern, &name)?;
        let mut found = None;
        for_each_match(call, pattern, &other, |one| {
            found = found.or(one.groups[group]);
            Ok(())
        })?;
        Ok(found.map_or(Value::Absent, |(start, end)| Value::from(&other[start..end])))
    })
}

fn group_number(call: &Call<'_, '_, '_>, pattern: &Pattern, name: &str) -> Flow<usize> {
    match pattern.group(name) {
        Some(number) => Ok(number),
        None => call.wrong(GROUP, Kind::Argument, format!("the pattern has no group {name}")),
    }
}

/// Runs `use_it` with the pattern: the one that was compiled with the expression, or one compiled now.
fn with_pattern<T>(
    call: &mut Call<'_, '_, '_>,
    use_it: impl FnOnce(&mut Call<'_, '_, '_>, &Pattern) -> Flow<T>,
) -> Flow<T> {
    if let Some(Term::Pattern(pattern)) = call.node(PATTERN).map(|node| &node.term) {
        return use_it(call, pattern);
    }
    let text = call.text(PATTERN)?.unwrap_or_default();
    match Pattern::compile(&text) {
        Ok(pattern) => use_it(call, &pattern),
        Err(error) => call.wrong(PATTERN, Kind::Pattern, error.to_string()),
    }
}

struct Match {
    groups: Vec<Option<(usize, usize)>>,
    at: usize,
}

impl Match {
    fn start(&self) -> usize {
        self.groups[0].map_or(0, |(start, _)| start)
    }

    fn end(&self) -> usize {
        self.groups[0].map_or(0, |(_, end)| end)
    }
}

/// Every match from left to right; after an empty one the search goes on behind the next character.
fn for_each_match(
    call: &mut Call<'_, '_, '_>,
    pattern: &Pattern,
    text: &str,
    mut each: impl FnMut(&Match) -> Flow<()>,
) -> Flow<()> {
    let mut from = 0;
    while from <= text.len() {
        let steps = &mut call.evaluation.pattern_steps;
        let groups = match pattern.find(text, from, steps) {
            Ok(Some(groups)) => groups,
            Ok(None) => break,
            Err(error) => return call.wrong(PATTERN, Kind::Pattern, error.to_string()),
        };
        let found = Match { groups, at: call.at };
        each(&found)?;
        from = found.end();
        if found.start() == found.end() {
            from += text[from..].chars().next().map_or(1, char::len_utf8);
        }
    }
    Ok(())
}
