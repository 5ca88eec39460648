//! Latin letters with marks as plain letters, by the table of Microsoft's reference.

use unicode_normalization::char::{canonical_combining_class, decompose_canonical};

/// Letters that do not decompose into a plain one, or that the table gives two letters. œ, đ, ð and þ are not in the
/// table; they get the letters that passports use.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'æ' => "ae",
        'Æ' => "AE",
        'ø' | 'œ' => "oe",
        'Ø' | 'Œ' => "OE",
        'ß' => "ss",
        'ẞ' => "SS",
        'ł' => "l",
        'Ł' => "L",
        'ı' => "i",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' => "th",
        'Þ' => "TH",
        _ => return None,
    })
}

/// Replaces Latin letters with marks by plain ones; ä becomes a, æ ae, ß ss. Other scripts stay as they are.
#[must_use]
pub fn without_diacritics(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut result = String::with_capacity(text.len());
    // Whether marks belong to a letter that has become plain.
    let mut drops_marks = false;
    for letter in text.chars() {
        if canonical_combining_class(letter) != 0 {
            if !drops_marks {
                result.push(letter);
            }
            continue;
        }
        let mut base = None;
        decompose_canonical(letter, |part| base = base.or(Some(part)));
        let base = base.unwrap_or(letter);
        drops_marks = true;
        match plain(base) {
            Some(letters) => result.push_str(letters),
            None if base.is_ascii() => result.push(base),
            None => {
                drops_marks = false;
                result.push(letter);
            }
        }
    }
    result
}
