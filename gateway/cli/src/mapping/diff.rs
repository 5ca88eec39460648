//! `scimgate mapping diff`: what differs between two revisions.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::client::AdminClient;
use crate::failure::Failure;
use crate::output::{Output, printable, write_styled};

pub(super) const ADDED: Style = AnsiColor::Green.on_default();
pub(super) const REMOVED: Style = AnsiColor::Red.on_default();

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The tenant's name.
    tenant: String,
    /// The first revision; the active one by default, 0 for none.
    from: Option<i32>,
    /// The second; the newest by default.
    to: Option<i32>,
}

pub(super) async fn run(client: &AdminClient, output: Output, it: &Arguments) -> Result<(), Failure> {
    let named = [("from", it.from), ("to", it.to)];
    let query: Vec<String> = named.iter().filter_map(|(name, number)| Some(format!("{name}={}", (*number)?))).collect();
    let path = client.path(&["tenants", &it.tenant, "mapping", "diff"])?;
    let diff = client.get(&format!("{path}?{}", query.join("&"))).await?;
    match output {
        Output::Json => Ok(output.json(&diff)?),
        Output::Table | Output::Csv => Ok(write_styled(&text(&diff))?),
    }
}

fn text(diff: &Value) -> String {
    let mut text = format!("revision {} → {}\n", diff["from"], diff["to"]);
    let policy = &diff["onFailure"];
    for (at, sign, style) in [("before", '-', REMOVED), ("after", '+', ADDED)] {
        if let Some(policy) = policy.get(at).and_then(Value::as_str) {
            line(&mut text, (sign, style), &format!("on failure  {policy}"));
        }
    }
    let steps = diff["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    if steps.is_empty() && policy.is_null() {
        text.push_str("\nThey are the same.");
    }
    for step in steps {
        let title = format!("{}@{}", shown(&step["step"]["name"]), shown(&step["step"]["version"]));
        text.push('\n');
        match (step["from"].as_u64(), step["to"].as_u64()) {
            (None, to) => {
                line(&mut text, ('+', ADDED), &format!("step {}  {title}", to.unwrap_or_default()));
                line(
                    &mut text,
                    ('+', ADDED),
                    &format!("  /config  {}", printable(&step["step"]["config"].to_string())),
                );
            }
            (Some(from), None) => line(&mut text, ('-', REMOVED), &format!("step {from}  {title}")),
            (Some(from), Some(to)) => {
                let moved = if from == to { String::new() } else { format!("{from} → ") };
                // Writing to a String cannot fail.
                let _ = writeln!(text, "  step {moved}{to}  {title}");
                changes(&mut text, "  ", &step["changes"]);
            }
        }
    }
    text.trim_end().to_owned()
}

/// Values before and after, by path. Texts come from the identity provider, so they cannot control the terminal.
pub(super) fn changes(text: &mut String, indent: &str, changes: &Value) {
    for change in changes.as_array().into_iter().flatten() {
        let path = shown(&change["path"]);
        for (at, sign, style) in [("before", '-', REMOVED), ("after", '+', ADDED)] {
            if let Some(value) = change.get(at) {
                line(text, (sign, style), &format!("{indent}{path}  {}", printable(&value.to_string())));
            }
        }
    }
}

fn line(text: &mut String, (sign, style): (char, Style), rest: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{style}{sign} {rest}{style:#}");
}

pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), printable)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_diff_has_a_line_for_each_value() {
        let step = |version: &str| json!({ "name": "trim", "version": version, "config": { "n": 1 } });
        let diff = json!({ "from": 1, "to": 3, "onFailure": { "before": "refuse", "after": "keep" }, "steps": [
            { "from": null, "to": 1, "step": step("1"), "changes": [] },
            { "from": 1, "to": 2, "step": step("2"), "changes": [
                { "path": "/config/a", "before": "x\u{1b}", "after": "y" }, { "path": "/config/b", "after": 1 },
            ] },
            { "from": 2, "to": null, "step": step("3"), "changes": [] },
        ] });
        let plain = anstream::adapter::strip_str(&text(&diff)).to_string();
        let expected = "revision 1 → 3\n- on failure  refuse\n+ on failure  keep\n\n+ step 1  trim@1\n+   /config  {\"n\":1}\n\n  step 1 → 2  \
                        trim@2\n-   /config/a  \"x\\u001b\"\n+   /config/a  \"y\"\n+   /config/b  1\n\n- step 2  trim@3";
        assert_eq!(plain, expected);
        let same = json!({ "from": 1, "to": 1, "onFailure": null, "steps": [] });
        assert_eq!(text(&same), "revision 1 → 1\n\nThey are the same.");
    }
}
