//! Sets of characters: one character, a class in brackets, `\w` and the like.

use unicode_general_category::{GeneralCategory as Category, get_general_category};

use crate::letters::Culture;

/// What one position of a pattern accepts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Set {
    One(char),
    /// A character whose lower case is this one.
    Folded(char),
    Any,
    NotNewline,
    Class(Box<Class>),
}

/// A class in brackets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Class {
    pub(super) negated: bool,
    pub(super) ignores_case: bool,
    pub(super) items: Vec<Item>,
    /// `[a-z-[aeiou]]`: characters that are not in the class after all.
    pub(super) except: Option<Box<Class>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Range(char, char),
    /// `\w`, `\d`, `\s`, `\p{…}`; negated in capitals.
    Named(Named, bool),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Named {
    Word,
    Digit,
    Space,
    /// A general category by its two letters, or by its first alone.
    Category(u8, Option<u8>),
    Block(char, char),
}

/// The named blocks that patterns for names need.
const BLOCKS: [(&str, char, char); 10] = [
    ("IsBasicLatin", '\0', '\u{7F}'),
    ("IsLatin-1Supplement", '\u{80}', '\u{FF}'),
    ("IsLatinExtended-A", '\u{100}', '\u{17F}'),
    ("IsLatinExtended-B", '\u{180}', '\u{24F}'),
    ("IsCombiningDiacriticalMarks", '\u{300}', '\u{36F}'),
    ("IsGreek", '\u{370}', '\u{3FF}'),
    ("IsCyrillic", '\u{400}', '\u{4FF}'),
    ("IsHebrew", '\u{590}', '\u{5FF}'),
    ("IsArabic", '\u{600}', '\u{6FF}'),
    ("IsCJKUnifiedIdeographs", '\u{4E00}', '\u{9FFF}'),
];

pub(super) fn fold(letter: char) -> char {
    if letter.is_ascii() { letter.to_ascii_lowercase() } else { Culture::Invariant.lower(letter) }
}

impl Set {
    /// One character, with the option to ignore case.
    pub(super) fn of(letter: char, ignores_case: bool) -> Self {
        let folded = fold(letter);
        let has_case = folded != letter || Culture::Invariant.upper(letter) != letter;
        if ignores_case && has_case { Self::Folded(folded) } else { Self::One(letter) }
    }

    pub(super) fn contains(&self, letter: char) -> bool {
        match self {
            Self::One(own) => *own == letter,
            Self::Folded(own) => fold(letter) == *own,
            Self::Any => true,
            Self::NotNewline => letter != '\n',
            Self::Class(class) => class.contains(letter),
        }
    }
}

impl Class {
    fn contains(&self, letter: char) -> bool {
        let has = |letter| self.items.iter().any(|item| item.contains(letter));
        let found = has(letter)
            || (self.ignores_case
                && (has(Culture::Invariant.lower(letter))
                    || has(Culture::Invariant.upper(letter))
                    || self.items.iter().any(|item| item.contains_in_other_case(letter))));
        found != self.negated && !self.except.as_ref().is_some_and(|except| except.contains(letter))
    }
}

impl Item {
    fn contains(&self, letter: char) -> bool {
        match self {
            Self::Range(first, last) => (*first..=*last).contains(&letter),
            Self::Named(named, negated) => named.contains(letter) != *negated,
        }
    }

    /// Without case `\p{Lu}` means every letter that has a case, also ß, which has no capital of one letter.
    fn contains_in_other_case(&self, letter: char) -> bool {
        matches!(self, Self::Named(Named::Category(b'L', Some(b'u' | b'l' | b't')), false))
            && matches!(abbreviation(letter), (b'L', b'u' | b'l' | b't'))
    }
}

impl Named {
    /// The name in `\p{name}`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if let Some((_, first, last)) = BLOCKS.iter().find(|(block, _, _)| *block == name) {
            return Some(Self::Block(*first, *last));
        }
        match name.as_bytes() {
            [major] if b"LMNPSZC".contains(major) => Some(Self::Category(*major, None)),
            [major, minor] => {
                let known = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn";
                known.split(' ').any(|known| known == name).then_some(Self::Category(*major, Some(*minor)))
            }
            _ => None,
        }
    }

    pub(super) fn contains(self, letter: char) -> bool {
        match self {
            Self::Digit if letter.is_ascii() => letter.is_ascii_digit(),
            Self::Digit => get_general_category(letter) == Category::DecimalNumber,
            Self::Space => matches!(letter, '\t'..='\r' | '\u{85}') || letter.is_whitespace(),
            Self::Word if letter.is_ascii() => letter.is_ascii_alphanumeric() || letter == '_',
            Self::Word => matches!(abbreviation(letter), (b'L', _) | (b'M', b'n' | b'c') | (b'N', b'd') | (b'P', b'c')),
            Self::Category(major, minor) => {
                let (own_major, own_minor) = abbreviation(letter);
                own_major == major && minor.is_none_or(|minor| minor == own_minor)
            }
            Self::Block(first, last) => (first..=last).contains(&letter),
        }
    }
}

/// The two letters of a character's general category.
fn abbreviation(letter: char) -> (u8, u8) {
    match get_general_category(letter) {
        Category::UppercaseLetter => (b'L', b'u'),
        Category::LowercaseLetter => (b'L', b'l'),
        Category::TitlecaseLetter => (b'L', b't'),
        Category::ModifierLetter => (b'L', b'm'),
        Category::OtherLetter => (b'L', b'o'),
        Category::NonspacingMark => (b'M', b'n'),
        Category::SpacingMark => (b'M', b'c'),
        Category::EnclosingMark => (b'M', b'e'),
        Category::DecimalNumber => (b'N', b'd'),
        Category::LetterNumber => (b'N', b'l'),
        Category::OtherNumber => (b'N', b'o'),
        Category::ConnectorPunctuation => (b'P', b'c'),
        Category::DashPunctuation => (b'P', b'd'),
        Category::OpenPunctuation => (b'P', b's'),
        Category::ClosePunctuation => (b'P', b'e'),
        Category::InitialPunctuation => (b'P', b'i'),
        Category::FinalPunctuation => (b'P', b'f'),
        Category::OtherPunctuation => (b'P', b'o'),
        Category::MathSymbol => (b'S', b'm'),
        Category::CurrencySymbol => (b'S', b'c'),
        Category::ModifierSymbol => (b'S', b'k'),
        Category::OtherSymbol => (b'S', b'o'),
        Category::SpaceSeparator => (b'Z', b's'),
        Category::LineSeparator => (b'Z', b'l'),
        Category::ParagraphSeparator => (b'Z', b'p'),
        Category::Control => (b'C', b'c'),
        Category::Format => (b'C', b'f'),
        Category::Surrogate => (b'C', b's'),
        Category::PrivateUse => (b'C', b'o'),
        _ => (b'C', b'n'),
    }
}
