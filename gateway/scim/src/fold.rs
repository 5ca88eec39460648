//! Case folding for comparisons and for the keys that a store keeps. Both must agree, so no other code may lower-case text
//! for a comparison.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

use crate::attribute::{Attribute, Type};

/// Folds the case of `text`: each character is mapped to lower, upper and lower case by Unicode's full mappings, without
/// context. `STRASSE`, `straße` and `STRAẞE` become equal, and so do all sigmas. No locale applies: a Turkish `İ` differs
/// from `i`.
///
/// Composed and decomposed accents become equal, too: RFC 7644 §5 requires that userNames are prepared before comparison,
/// and by RFC 8265 §3.3.2 "Unicode Normalization Form C (NFC) MUST be applied to all strings". A prefix, suffix or part of
/// a text folds to one of the folded text, unless an accent is cut from its letter.
#[must_use]
pub fn fold(text: &str) -> String {
    folded(text).into_owned()
}

/// As [`fold`], without a copy of a text that is folded already.
#[must_use]
pub fn folded(text: &str) -> Cow<'_, str> {
    if is_folded(text) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let lower = text.nfc().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    Cow::Owned(lower.nfc().collect())
}

/// Whether a text is folded already. Text that is not ASCII is never found to be.
pub(crate) fn is_folded(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// The text by which values of `attribute` are compared: folded unless the attribute is case exact.
#[must_use]
pub fn comparison_key<'t>(text: &'t str, attribute: &Attribute) -> Cow<'t, str> {
    if is_case_exact(attribute) { Cow::Borrowed(text) } else { folded(text) }
}

/// Whether texts of `attribute` are compared by case. RFC 7643 §2.3.6 and §2.3.7: binary and reference values are always
/// case exact.
#[must_use]
pub fn is_case_exact(attribute: &Attribute) -> bool {
    attribute.case_exact || matches!(attribute.kind, Type::Binary | Type::Reference)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_differ_only_in_case_fold_to_the_same_text() {
        let same = [
            ("Ada@Corp.Test", "aDA@cORP.tEST"),
            ("STRASSE", "straße"),
            ("STRAẞE", "straße"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ÅNGSTRÖM", "ångström"),
            ("\u{212A}", "k"),
            ("É", "e\u{301}"),
            ("A\u{30a}NGSTRO\u{308}M", "ångström"),
        ];
        for (one, other) in same {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        for (one, other) in [("İ", "i"), ("é", "e"), ("ø", "o")] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn folding_is_idempotent_for_every_character() {
        for c in '\0'..=char::MAX {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    proptest! {
        #[test]
        fn canonically_equivalent_texts_fold_to_the_same_text(text in ".*") {
            let [composed, decomposed]: [String; 2] = [text.nfc().collect(), text.nfd().collect()];
            prop_assert_eq!(fold(&composed), fold(&text));
            prop_assert_eq!(fold(&decomposed), fold(&text));
        }

        #[test]
        fn folding_is_idempotent(text in ".*") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn a_prefix_folds_to_a_prefix_unless_an_accent_follows(a in ".*", b in "[a-zA-Z0-9ßΣσс.@ -].*") {
            let whole = fold(&(a.clone() + &b));
            prop_assert!(whole.starts_with(&fold(&a)));
        }
    }
}
