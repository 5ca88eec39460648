//! Replaces what differs between two runs of a test, for snapshots.

use serde_json::Value;
use uuid::Uuid;

/// JSON with ids numbered in order of appearance, and without the host's port. Times are those of the test's clock.
#[must_use]
pub fn redacted(value: &Value) -> String {
    let mut value = value.clone();
    redact(&mut value, &mut Vec::new());
    format!("{value:#}")
}

fn redact(value: &mut Value, ids: &mut Vec<String>) {
    match value {
        Value::String(text) => *text = redact_text(text, ids),
        Value::Array(elements) => elements.iter_mut().for_each(|element| redact(element, ids)),
        Value::Object(members) => members.values_mut().for_each(|member| redact(member, ids)),
        _ => {}
    }
}

fn redact_text(text: &str, ids: &mut Vec<String>) -> String {
    let mut redacted = text.to_owned();
    let words = text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-');
    for id in words.filter(|word| word.len() == 36 && Uuid::parse_str(word).is_ok()) {
        let index = ids.iter().position(|known| known == id).unwrap_or(ids.len());
        if index == ids.len() {
            ids.push(id.to_owned());
        }
        redacted = redacted.replace(id, &format!("[id {}]", index + 1));
    }
    match redacted.split_once("127.0.0.1:") {
        Some((before, after)) => format!("{before}[host]{}", after.trim_start_matches(|it: char| it.is_ascii_digit())),
        None => redacted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_numbered_and_ports_removed() {
        let (one, two) = ("01980000-0000-7000-8000-000000000001", "01980000-0000-7000-8000-000000000002");
        let value = json!([two, format!("http://127.0.0.1:4711/Users/{one}"), format!("{two} é {two}."), "cafe-1", 7]);
        assert_eq!(
            redacted(&value),
            format!("{:#}", json!(["[id 1]", "http://[host]/Users/[id 2]", "[id 1] é [id 1].", "cafe-1", 7]))
        );
    }
}
