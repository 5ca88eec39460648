//! The one case folding: for comparisons, and for the keys that a store keeps of them.
//! Both must agree to the letter, so nothing else may lower-case text that is compared.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

use crate::attribute::{Attribute, Type};

/// `text` without its case: each character to lower, upper and lower case again, by Unicode's full mappings and
/// without regard to what stands around it. So `STRASSE`, `straße` and `STRAẞE` are one, and so are all the sigmas.
///
/// Composed and decomposed accents are one, too: RFC 7644 §5 has userNames prepared before they are compared, and by
/// RFC 8265 §3.3.2 "Unicode Normalization Form C (NFC) MUST be applied to all strings". Prefixes, suffixes and parts of a
/// text stay such when folded, save where a text is cut between a letter and its accent. It depends on no locale: a Turkish
/// `İ` stays apart from `i`.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.nfc().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    lower.nfc().collect()
}

/// What two texts of `attribute` are compared by: themselves, or themselves without their case.
#[must_use]
pub fn comparison_key<'t>(text: &'t str, attribute: &Attribute) -> Cow<'t, str> {
    if is_case_exact(attribute) { Cow::Borrowed(text) } else { Cow::Owned(fold(text)) }
}

/// Whether texts of `attribute` are compared by case. RFC 7643 §2.3.6 and §2.3.7: binary and reference values are
/// case exact, whatever the definition says.
#[must_use]
pub fn is_case_exact(attribute: &Attribute) -> bool {
    attribute.case_exact || matches!(attribute.kind, Type::Binary | Type::Reference)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_differ_by_case_alone_fold_to_one() {
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
    fn folding_twice_is_folding_once_for_every_character() {
        for c in '\0'..=char::MAX {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    proptest! {
        #[test]
        fn texts_that_unicode_calls_the_same_fold_to_one(text in ".*") {
            let [composed, decomposed]: [String; 2] = [text.nfc().collect(), text.nfd().collect()];
            prop_assert_eq!(fold(&composed), fold(&text));
            prop_assert_eq!(fold(&decomposed), fold(&text));
        }

        #[test]
        fn folding_twice_is_folding_once(text in ".*") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn a_part_of_a_text_stays_one_where_no_accent_follows_the_cut(a in ".*", b in "[a-zA-Z0-9ßΣσс.@ -].*") {
            let whole = fold(&(a.clone() + &b));
            prop_assert!(whole.starts_with(&fold(&a)));
        }
    }
}
