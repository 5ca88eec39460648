//! The names of months and days in the invariant culture.

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From Sunday.
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// How many letters an abbreviation has.
pub(super) const SHORT: usize = 3;

/// The index of the name that `text` begins with, whole or as an abbreviation, and its length. Case does not count.
pub(super) fn starting(text: &str, names: &[&str], is_whole: bool) -> Option<(usize, usize)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let wanted = if is_whole { name } else { &name[..SHORT] };
        let start = text.get(..wanted.len())?;
        start.eq_ignore_ascii_case(wanted).then_some((index, wanted.len()))
    })
}
