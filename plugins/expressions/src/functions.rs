//! The functions of the language, one file per family.

mod conditions;
mod dates;
mod directory;
mod encoding;
mod lists;
mod numbers;
mod random;
mod replace;
mod roles;
mod text;
mod words;

use crate::call::Function;

const FAMILIES: [&[Function]; 11] = [
    text::FUNCTIONS,
    words::FUNCTIONS,
    replace::FUNCTIONS,
    lists::FUNCTIONS,
    conditions::FUNCTIONS,
    dates::FUNCTIONS,
    numbers::FUNCTIONS,
    encoding::FUNCTIONS,
    random::FUNCTIONS,
    roles::FUNCTIONS,
    directory::FUNCTIONS,
];

pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The function of this name. Case does not count: published expressions contain `Instr` and `switch`.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// The names of all functions.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|function| function.name)
}
