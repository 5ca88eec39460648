//! What differs between two JSON values, for people.

use serde_json::Value;

use crate::output::printable;

/// Longest text of a value that is shown, in characters.
const MAX_SHOWN: usize = 160;

/// A value that differs.
#[derive(Debug, PartialEq)]
pub(crate) struct Difference {
    /// Where, such as `steps[0].config.attribute`; empty for the whole.
    pub(crate) path: String,
    /// What it is; none if it is added.
    pub(crate) before: Option<Value>,
    /// What it becomes; none if it is removed.
    pub(crate) after: Option<Value>,
}

/// The smallest values that differ. What is null and what is not there are the same.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    collect(String::new(), Some(before), Some(after), &mut found);
    found
}

fn collect(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    let some = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names {
                collect(member(&path, name), old.get(name), new.get(name), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if is_list_of_objects(old) || is_list_of_objects(new) => {
            for index in 0..old.len().max(new.len()) {
                collect(format!("{path}[{index}]"), old.get(index), new.get(index), found);
            }
        }
        _ => {
            let (before, after) = (some(before), some(after));
            if before != after {
                found.push(Difference { path, before, after });
            }
        }
    }
}

fn is_list_of_objects(list: &[Value]) -> bool {
    list.iter().any(Value::is_object)
}

fn member(path: &str, name: &str) -> String {
    if name.contains([':', '.', ' ']) {
        return format!("{path}[{name}]");
    }
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Difference {
    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", printable(&self.path)) };
        match (&self.before, &self.after) {
            (None, Some(after)) => format!("+ {path}{}", shown(after)),
            (Some(before), None) => format!("- {path}{}", shown(before)),
            (before, after) => {
                let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "none".to_owned(), shown);
                format!("~ {path}{} → {}", text(before), text(after))
            }
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = printable(&text);
    if text.chars().count() <= MAX_SHOWN {
        return text;
    }
    let beginning: String = text.chars().take(MAX_SHOWN).collect();
    format!("{beginning}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_smallest_values_that_differ_are_found() {
        let before =
            json!({ "profile": "auto", "allow": ["a"], "steps": [{ "plugin": "x", "config": { "n": 1 } }], "old": 1 });
        let after = json!({
            "profile": "okta", "allow": ["a", "b"], "old": null, "none": null,
            "steps": [{ "plugin": "x", "config": { "n": 2 } }, { "plugin": "y" }], "urn:a:b": { "id": 1 },
        });
        let lines: Vec<String> = differences(&before, &after).iter().map(Difference::line).collect();
        assert_eq!(
            lines,
            [
                "~ profile: auto → okta",
                "~ allow: [\"a\"] → [\"a\",\"b\"]",
                "~ steps[0].config.n: 1 → 2",
                "+ steps[1]: {\"plugin\":\"y\"}",
                "- old: 1",
                "+ [urn:a:b]: {\"id\":1}",
            ]
        );
        assert_eq!(differences(&after, &after), []);
        assert_eq!(differences(&json!(false), &json!(true))[0].line(), "~ false → true");
    }

    #[test]
    fn a_long_value_is_cut() {
        let line = differences(&json!(null), &json!("x".repeat(1000)))[0].line();
        assert_eq!(line.chars().count(), MAX_SHOWN + 3);
    }
}
