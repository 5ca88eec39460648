//! `scimgate mapping preview`: what a mapping makes of one document.

use std::fmt::Write as _;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use reqwest::Method;
use serde_json::{Value, json};

use super::diff::{ADDED, REMOVED, changes, shown};
use crate::client::AdminClient;
use crate::failure::Failure;
use crate::output::{Output, read_json, write_styled};

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const HELD_BACK: Style = AnsiColor::Yellow.on_default();

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The tenant's name.
    tenant: String,
    #[command(flatten)]
    subject: Subject,
    /// The resource type of --file or --resource.
    #[arg(long = "type", default_value = "User", conflicts_with_all = ["user", "group"])]
    resource_type: String,
    /// Preview the newest revision, a draft, in place of the active one.
    #[arg(long, conflicts_with = "revision")]
    draft: bool,
    /// Preview the revision of this number.
    #[arg(long)]
    revision: Option<i32>,
}

/// The document.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Subject {
    /// A stored user, by userName or id.
    #[arg(long)]
    user: Option<String>,
    /// A stored group, by displayName or id.
    #[arg(long)]
    group: Option<String>,
    /// A stored resource of another type, by name or id.
    #[arg(long)]
    resource: Option<String>,
    /// A JSON file with a document as a SCIM client would send it, or - for standard input.
    #[arg(long)]
    file: Option<PathBuf>,
}

pub(super) async fn run(client: &AdminClient, output: Output, it: Arguments) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.tenant, "mapping", "preview"])?;
    let Subject { user, group, resource, file } = it.subject;
    let resource_type = match (&user, &group) {
        (Some(_), _) => "User".to_owned(),
        (_, Some(_)) => "Group".to_owned(),
        (None, None) => it.resource_type,
    };
    let mut body = json!({ "resourceType": resource_type, "draft": it.draft, "revision": it.revision });
    match file {
        Some(file) => body["document"] = read_json(&file)?,
        None => body["resource"] = user.or(group).or(resource).into(),
    }
    let preview = client.put(Method::POST, &path, &body).await?;
    match output {
        Output::Json => Ok(output.json(&preview)?),
        Output::Table | Output::Csv => Ok(write_styled(&text(&preview))?),
    }
}

fn text(preview: &Value) -> String {
    heading(preview) + &body(preview)
}

/// What a document's user or group is called, and what each step did with it.
pub(crate) fn steps(preview: &Value) -> String {
    let mut text = heading(preview);
    add_steps(&mut text, preview);
    text
}

/// All but the heading.
pub(crate) fn body(preview: &Value) -> String {
    let mut text = String::new();
    for warning in preview["warnings"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{FAINT}{}{FAINT:#}", shown(warning));
    }
    add_steps(&mut text, preview);
    let reason = shown(&preview["reason"]);
    let _ = match preview["outcome"].as_str().unwrap_or_default() {
        "mapped" => write!(text, "\nThe product reads:\n{:#}", preview["mapped"]),
        "same" => write!(text, "\nThe product reads the source document as it is:\n{:#}", preview["source"]),
        "excluded" => write!(text, "\n{HELD_BACK}Excluded: the product does not see it.{HELD_BACK:#} {reason}"),
        "rejected" => write!(text, "\n{REMOVED}Rejected: the client's request is refused.{REMOVED:#} {reason}"),
        _ => {
            let then = match preview["onFailure"].as_str() {
                Some("keep") => "the product keeps the previous version, if there is one",
                _ => "the client's request is refused",
            };
            write!(text, "\n{REMOVED}Failed: {then}.{REMOVED:#} {reason}")
        }
    };
    text
}

fn add_steps(text: &mut String, preview: &Value) {
    for step in preview["steps"].as_array().into_iter().flatten() {
        text.push('\n');
        add_step(text, step);
    }
}

fn heading(preview: &Value) -> String {
    let source = &preview["source"];
    let name = ["userName", "displayName"].iter().find_map(|name| source[*name].as_str());
    let name = name.map_or(String::new(), |name| format!(" {}", shown(&name.into())));
    let id = preview["id"].as_str().map_or(String::new(), |id| format!(" ({id})"));
    let by = match preview["state"].as_str() {
        Some(state) => format!("revision {}, {state}", preview["revision"]),
        None if preview["steps"].as_array().is_some_and(|steps| !steps.is_empty()) => {
            "a mapping that is not stored".to_owned()
        }
        None => "no mapping: none is active".to_owned(),
    };
    format!("{BOLD}{}{name}{BOLD:#}{id} by {by}\n", shown(&preview["resourceType"]))
}

fn add_step(text: &mut String, step: &Value) {
    let outcome = step["outcome"].as_str().unwrap_or_default();
    let (word, style) = match outcome {
        "mapped" => ("mapped", ADDED),
        "same" => ("changed nothing", FAINT),
        "excluded" => ("excluded", HELD_BACK),
        "skipped" => ("not for this resource type", FAINT),
        other => (other, REMOVED),
    };
    let title = match step["title"].as_str() {
        Some("") | None => shown(&step["plugin"]),
        Some(_) => shown(&step["title"]),
    };
    let _ = write!(text, "{BOLD}step {}  {title}{BOLD:#}  {style}{word}{style:#}", step["number"]);
    if outcome != "skipped" {
        let _ = write!(text, "  {FAINT}{} µs{FAINT:#}", step["cpuMicros"]);
    }
    if !step["reason"].is_null() {
        let _ = write!(text, "  {}", shown(&step["reason"]));
    }
    text.push('\n');
    changes(text, "", &step["changes"]);
    for refused in step["refusedPaths"].as_array().into_iter().flatten() {
        let (call, path, reason) = (shown(&refused["call"]), shown(&refused["path"]), shown(&refused["reason"]));
        let _ = writeln!(text, "{HELD_BACK}  {call} {path} was refused: {reason}{HELD_BACK:#}");
    }
    for line in step["log"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{FAINT}  {}: {}{FAINT:#}", shown(&line["level"]), shown(&line["message"]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(preview: &Value) -> String {
        anstream::adapter::strip_str(&text(preview)).to_string()
    }

    #[test]
    fn a_preview_shows_each_step_and_what_the_product_reads() {
        let step = |number: u8, outcome: &str, reason: Value| {
            json!({ "number": number, "title": "trim@1", "plugin": "aa", "outcome": outcome, "reason": reason, "cpuMicros": 21,
                "changes": [], "log": [], "refusedPaths": [] })
        };
        let mut first = step(1, "mapped", Value::Null);
        first["changes"] = json!([{ "path": "title", "before": "a\u{9b}", "after": "b" }]);
        first["log"] = json!([{ "level": "info", "message": "hello" }]);
        first["refusedPaths"] = json!([{ "call": "get", "path": "badge", "reason": "No." }]);
        let mut preview = json!({ "revision": 2, "state": "draft", "resourceType": "User", "id": "01", "outcome": "mapped",
            "reason": null, "source": { "userName": "ada" }, "mapped": { "title": "b" },
            "steps": [first, step(2, "skipped", Value::Null)], "warnings": ["Tolerated."] });
        let expected = "User ada (01) by revision 2, draft\nTolerated.\n\nstep 1  trim@1  mapped  21 µs\n- title  \"a\u{fffd}\"\n\
                        + title  \"b\"\n  get badge was refused: No.\n  info: hello\n\nstep 2  trim@1  not for this resource type\n\n\
                        The product reads:\n{\n  \"title\": \"b\"\n}";
        assert_eq!(plain(&preview), expected);
        preview["steps"] = json!([step(1, "excluded", "a contractor".into())]);
        (preview["outcome"], preview["reason"]) = ("excluded".into(), "a contractor".into());
        let shown = plain(&preview);
        assert!(shown.contains("step 1  trim@1  excluded  21 µs  a contractor\n"), "{shown}");
        assert!(shown.ends_with("Excluded: the product does not see it. a contractor"), "{shown}");
        for (policy, then) in
            [("refuse", "the client's request is refused"), ("keep", "the product keeps the previous version")]
        {
            (preview["outcome"], preview["onFailure"]) = ("failed".into(), policy.into());
            assert!(plain(&preview).contains(&format!("\nFailed: {then}")), "{policy}");
        }
    }
}
