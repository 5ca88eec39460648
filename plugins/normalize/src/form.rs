//! The forms. None of a value that is not valid.

use isocountry::CountryCode;
use phonelib::PhoneNumber;

use crate::config::Letters;

/// Without `mailto:` and white space, in lower case.
pub(crate) fn mail(text: &str, keeps_local_part: bool) -> Option<String> {
    let text = text.trim();
    let text = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &text[7..],
        _ => text,
    };
    let (local, domain) = text.rsplit_once('@')?;
    let has_space = |part: &str| part.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    let is_quoted = local.starts_with('"') && local.ends_with('"') && local.len() > 2;
    if local.is_empty()
        || domain.is_empty()
        || has_space(domain)
        || (!is_quoted && (has_space(local) || local.contains('@')))
    {
        return None;
    }
    let local = if keeps_local_part { local.to_owned() } else { local.to_lowercase() };
    Some(format!("{local}@{}", domain.to_lowercase()))
}

/// E.164; an extension follows as in a `tel:` URI (RFC 3966).
pub(crate) fn phone(text: &str, country: Option<&str>) -> Option<String> {
    let number = match country {
        Some(country) => PhoneNumber::parse_with_country(text, country)?,
        None => PhoneNumber::parse(text)?,
    };
    Some(match number.extension() {
        Some(extension) => format!("{};ext={extension}", number.e164()),
        None => number.e164().to_owned(),
    })
}

/// The ISO 3166-1 code of a code of two, three or three digits, or of an English name.
pub(crate) fn country(text: &str, letters: Letters) -> Option<String> {
    let text = text.trim();
    let code = match text.len() {
        2 => CountryCode::for_alpha2_caseless(text).ok(),
        3 if text.bytes().all(|byte| byte.is_ascii_digit()) => CountryCode::for_id(text.parse().ok()?).ok(),
        3 => CountryCode::for_alpha3_caseless(text).ok(),
        _ => None,
    };
    let code = code.or_else(|| by_name(text))?;
    Some(
        match letters {
            Letters::Two => code.alpha2(),
            Letters::Three => code.alpha3(),
        }
        .to_owned(),
    )
}

/// Names that people write and ISO does not.
const OTHER_NAMES: [(&str, &str); 14] = [
    ("bolivia", "BO"),
    ("czech republic", "CZ"),
    ("great britain", "GB"),
    ("iran", "IR"),
    ("korea", "KR"),
    ("moldova", "MD"),
    ("russia", "RU"),
    ("south korea", "KR"),
    ("taiwan", "TW"),
    ("tanzania", "TZ"),
    ("uk", "GB"),
    ("united kingdom", "GB"),
    ("united states", "US"),
    ("vietnam", "VN"),
];

fn by_name(text: &str) -> Option<CountryCode> {
    let wanted = expressions::without_diacritics(text).to_lowercase();
    if let Some((_, code)) = OTHER_NAMES.iter().find(|(name, _)| *name == wanted) {
        return CountryCode::for_alpha2(code).ok();
    }
    let plain = |name: &str| expressions::without_diacritics(name).to_lowercase();
    CountryCode::iter().find(|code| plain(code.name()) == wanted).copied()
}

/// Without white space at both ends, and one blank where there is any within.
pub(crate) fn white_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}
