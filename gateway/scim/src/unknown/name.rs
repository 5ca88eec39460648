//! How the names of unknown attributes relate. Without a schema this is decided by their text, in any case (RFC 7643 §2.1:
//! "Attribute names are case insensitive").

/// A path up to its filter.
pub(super) fn head(path: &str) -> &str {
    path.split('[').next().unwrap_or_default()
}

/// What follows `outer` in a path that is `outer` or names a part of it: nothing, or a part with its separator.
pub(super) fn within<'p>(path: &'p str, outer: &str) -> Option<&'p str> {
    let rest = path.get(outer.len()..)?;
    let same = path.get(..outer.len())?.eq_ignore_ascii_case(outer);
    (same && (rest.is_empty() || rest.starts_with([':', '.', '[']))).then_some(rest)
}

/// Whether one of two names is the other or a part of it.
pub(super) fn related(one: &str, other: &str) -> bool {
    within(one, other).is_some() || within(other, one).is_some()
}

/// Whether two paths are the same. A filter is compared to the letter.
pub(super) fn same(one: &str, other: &str) -> bool {
    let filter = head(one).len();
    within(other, head(one)) == one.get(filter..)
}
