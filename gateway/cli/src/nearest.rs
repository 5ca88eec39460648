//! What a misspelled word may be.

/// How alike two words must be, from 0 to 1, for the one to be a misspelling of the other.
const MIN_SIMILARITY: f64 = 0.75;

/// The known word that is most like another one, if any is like it.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let alike = known.into_iter().map(|name| (strsim::jaro_winkler(&word, &name.to_lowercase()), name));
    let most = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    most.filter(|(similarity, _)| *similarity > MIN_SIMILARITY).map(|(_, name)| name)
}
