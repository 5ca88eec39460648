//! Upper, lower and title case as .NET has them: letter by letter, so that no text becomes longer.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Whose rules apply to i.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Culture {
    Invariant,
    /// Turkish and Azeri tell dotted and dotless i apart.
    Turkic,
}

impl Culture {
    /// By a name such as `tr-TR`; an empty one is the invariant culture.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut parts = name.split(['-', '_']);
        let language = parts.next().unwrap_or_default();
        let is_name = |part: &str, letters: std::ops::RangeInclusive<usize>| {
            letters.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        match language.to_ascii_lowercase().as_str() {
            "" => name.is_empty().then_some(Self::Invariant),
            "tr" | "az" if parts.all(|part| is_name(part, 1..=8)) => Some(Self::Turkic),
            _ => (is_name(language, 2..=3) && parts.all(|part| is_name(part, 1..=8))).then_some(Self::Invariant),
        }
    }

    pub(crate) fn lower(self, letter: char) -> char {
        match (self, letter) {
            (Self::Turkic, 'I') => 'ı',
            (Self::Turkic, 'İ') => 'i',
            _ => single(letter, letter.to_lowercase()),
        }
    }

    pub(crate) fn upper(self, letter: char) -> char {
        match (self, letter) {
            (Self::Turkic, 'i') => 'İ',
            (Self::Invariant, 'ı') => letter,
            _ => single(letter, letter.to_uppercase()),
        }
    }
}

/// The letter stays where its other case would be several.
fn single(letter: char, mut other: impl Iterator<Item = char>) -> char {
    match (other.next(), other.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

/// Everything in lower case but a capital at the start of each word. With separators, only those characters divide words.
pub(crate) fn title(text: &str, separators: Option<&str>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        let letter = Culture::Invariant.lower(letter);
        let divides = match separators {
            Some(separators) => separators.contains(letter),
            None => !continues_word(letter, inside),
        };
        // A digit continues a word but does not start one: the letter after it does.
        let starts = !inside && !divides && (separators.is_some() || is_letter(letter));
        result.push(if starts { Culture::Invariant.upper(letter) } else { letter });
        inside = !divides && (inside || starts);
    }
    result
}

fn is_letter(letter: char) -> bool {
    use GeneralCategory::{LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter};
    matches!(
        get_general_category(letter),
        LowercaseLetter | ModifierLetter | OtherLetter | TitlecaseLetter | UppercaseLetter
    )
}

/// Letters, marks and numbers; inside a word an apostrophe, too.
fn continues_word(letter: char, inside: bool) -> bool {
    use GeneralCategory::{DecimalNumber, EnclosingMark, LetterNumber, NonspacingMark, OtherNumber, SpacingMark};
    is_letter(letter)
        || (inside && letter == '\'')
        || matches!(
            get_general_category(letter),
            DecimalNumber | LetterNumber | OtherNumber | NonspacingMark | SpacingMark | EnclosingMark
        )
}
