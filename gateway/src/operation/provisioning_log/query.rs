//! The query of a list as the provisioning log has it. Values of a filter are shown only of attributes that name resources, and only
//! where the tenant's redaction allows it.

use super::redaction::Redaction;

/// Parameters that are logged. Cursors are not: nobody can read them.
const SHOWN: [&str; 8] =
    ["filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy", "sortOrder", "cursor"];
/// Longest text.
const MAX_QUERY_BYTES: usize = 500;
/// Attributes whose values are shown, in lower case.
const NAMING: [&str; 8] =
    ["id", "externalid", "username", "displayname", "members", "members.value", "manager", "emails.value"];
/// Operators that a value follows.
const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
/// Elements of a filter that are not values.
const ELEMENT_KEYS: [&str; 2] = ["type", "primary"];

/// The parameters of a query that have a meaning.
pub(super) fn shown(query: &str, redaction: &Redaction) -> Option<String> {
    let mut text = String::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(known) = SHOWN.iter().find(|known| known.eq_ignore_ascii_case(&name)) else { continue };
        let value = match *known {
            "filter" => filter(&value, redaction),
            "cursor" => "…".to_owned(),
            _ => value.into_owned(),
        };
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.extend([*known, "=", &value]);
        if text.len() > MAX_QUERY_BYTES {
            text.truncate(text.floor_char_boundary(MAX_QUERY_BYTES));
            text.push('…');
            break;
        }
    }
    (!text.is_empty()).then_some(text)
}

/// A filter with its values masked, except those that name resources. A text that is not a filter is masked as a whole.
fn filter(text: &str, redaction: &Redaction) -> String {
    if text.split_whitespace().count() < 2 {
        return "…".to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let begins_word = shown.is_empty() || shown.ends_with(char::is_whitespace);
        let end = if next == '"' {
            end_of_literal(rest)
        } else if begins_word && !next.is_whitespace() && follows_operator(&shown) {
            // Some clients write values without quotes.
            rest.find(|letter: char| letter.is_whitespace() || ")]".contains(letter)).unwrap_or(rest.len())
        } else {
            shown.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        let (value, after) = rest.split_at(end);
        let is_plain = ["true", "false", "null"].contains(&value) || names_resources(&shown, redaction);
        shown.push_str(if is_plain { value } else { "…" });
        rest = after;
    }
    shown
}

fn follows_operator(before: &str) -> bool {
    let last = before.split_whitespace().next_back().unwrap_or_default();
    OPERATORS.iter().any(|operator| operator.eq_ignore_ascii_case(last))
}

/// The length of a JSON string at the beginning of a text.
fn end_of_literal(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !is_escaped => return at + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// Whether the value that follows is of an attribute that names resources: `userName eq `, `emails[type eq `.
fn names_resources(before: &str, redaction: &Redaction) -> bool {
    let mut words = before.split_whitespace().rev();
    let (Some(_operator), Some(attribute)) = (words.next(), words.next()) else { return false };
    // After an element's filter only the sub-attribute is in the same word.
    if attribute.ends_with("].value") {
        return before.to_ascii_lowercase().contains("emails[") && is_shown("emails.value", redaction);
    }
    match attribute.rsplit_once('[') {
        Some((_, key)) => ELEMENT_KEYS.iter().any(|known| known.eq_ignore_ascii_case(key)),
        None => is_shown(attribute, redaction),
    }
}

fn is_shown(attribute: &str, redaction: &Redaction) -> bool {
    let name = attribute.trim_start_matches('(').to_ascii_lowercase();
    // A redaction names an attribute of an extension in full, and a filter need not.
    NAMING.contains(&name.as_str()) && !redaction.hides(&name) && !redaction.hides_last(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_names_are_shown_and_others_masked() {
        let none = Redaction::default();
        for (query, expected) in [
            ("filter=userName+eq+%22ada%22", "filter=userName eq \"ada\""),
            ("filter=password+eq+%22secret%22", "filter=password eq …"),
            ("filter=externalId+eq+17", "filter=externalId eq 17"),
            ("filter=title+eq+secret", "filter=title eq …"),
            ("filter=secret", "filter=…"),
            ("filter=title+pr", "filter=title pr"),
            (
                "filter=id+eq+%22g%22+and+members+eq+%22u%22&attributes=id",
                "filter=id eq \"g\" and members eq \"u\", attributes=id",
            ),
            (
                "filter=emails%5Btype+eq+%22work%22%5D.value+eq+%22a%40b%22",
                "filter=emails[type eq \"work\"].value eq \"a@b\"",
            ),
            ("filter=userName+eq+%22a%22+and+title+eq+secret", "filter=userName eq \"a\" and title eq …"),
            ("filter=active+eq+true+and+x+eq+%22a", "filter=active eq true and x eq …"),
            ("filter=title+eq+%22a%5C%22b%22+or+userName+pr", "filter=title eq … or userName pr"),
            ("STARTINDEX=1&count=100&token=x", "startIndex=1, count=100"),
            ("cursor=abc", "cursor=…"),
        ] {
            assert_eq!(shown(query, &none).as_deref(), Some(expected), "{query}");
        }
        assert_eq!(shown("x=1", &none), None);
        let redacted = Redaction::of(&["userName".to_owned()]);
        assert_eq!(shown("filter=userName+eq+%22ada%22", &redacted).as_deref(), Some("filter=userName eq …"));
        assert!(shown(&format!("attributes={}", "ä".repeat(900)), &none).unwrap().len() < MAX_QUERY_BYTES + 10);
    }
}
