//! Rows of the provisioning log as `scimgate log` prints them.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Column, Output, csv_row, printable, write};

const COLUMNS: [Column; 9] = [
    ("at", "/at"),
    ("operation", "/operation"),
    ("type", "/resourceType"),
    ("name", "/shownName"),
    ("status", "/status"),
    ("result", "/result"),
    ("client", "/client"),
    ("request", "/requestId"),
    ("ms", "/durationMs"),
];

/// The columns of an export.
pub(super) const CSV: [Column; 21] = [
    ("at", "/at"),
    ("request", "/requestId"),
    ("number", "/number"),
    ("operation", "/operation"),
    ("status", "/status"),
    ("duration ms", "/durationMs"),
    ("type", "/resourceType"),
    ("id", "/resourceId"),
    ("name", "/name"),
    ("effect", "/effect"),
    ("scimType", "/scimType"),
    ("detail", "/detail"),
    ("cause", "/cause/cause"),
    ("remedy", "/cause/remedy"),
    ("credential", "/credential"),
    ("client", "/client"),
    ("address", "/address"),
    ("mapping", "/mappingRevision"),
    ("lost rows", "/lostRows"),
    ("changes", "/details/changes"),
    ("warnings", "/details/warnings"),
];

/// Prints rows one a line; returns whether anybody still reads.
pub(super) fn print_each(output: Output, rows: &[Value]) -> Result<bool, Failure> {
    for row in rows {
        let line = if output == Output::Csv { csv_row(row, &CSV) } else { row.to_string() };
        if !write(&line)? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn print_table(output: Output, rows: Vec<Value>, next: Option<&str>) -> Result<(), Failure> {
    let causes = causes(&rows);
    let rows: Vec<Value> = rows.into_iter().map(shown).collect();
    output.list(&json!({ "rows": rows }), "rows", &COLUMNS)?;
    for cause in causes {
        output.say(&format!("\n{cause}"))?;
    }
    if let Some(next) = next {
        output.say(&format!("\nThere are more: continue with --cursor {next}, or print all with --all"))?;
    }
    Ok(())
}

/// A row with what a table shows of it.
pub(super) fn shown(mut row: Value) -> Value {
    let text = |pointer: &str| row.pointer(pointer).and_then(Value::as_str);
    let name = text("/name").or_else(|| text("/resourceId")).or_else(|| text("/details/query")).map(str::to_owned);
    let result = match (row["lostRows"].as_i64(), text("/cause/code"), text("/effect")) {
        (Some(lost), ..) => format!("{lost} rows are missing"),
        (None, Some(cause), _) => cause.to_owned(),
        (None, None, Some(effect)) => effect.to_owned(),
        (None, None, None) => page(&row["details"]["page"]),
    };
    row["shownName"] = name.into();
    row["result"] = result.into();
    row
}

/// What a list returned.
fn page(page: &Value) -> String {
    match (page["returned"].as_u64(), page["total"].as_u64()) {
        (Some(returned), Some(total)) => format!("{returned} of {total}"),
        (Some(returned), None) => format!("{returned}"),
        (None, _) => "ok".to_owned(),
    }
}

/// Each cause among rows, in sentences, with the codes by which Entra ID calls it.
fn causes(rows: &[Value]) -> Vec<String> {
    let (mut known, mut sentences) = (HashSet::new(), Vec::new());
    for row in rows {
        let text = |pointer: &str| printable(row.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
        let code = text("/cause/code");
        if code.is_empty() || !known.insert(code.clone()) {
            continue;
        }
        let entra: Vec<&str> =
            row["cause"]["entraCodes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let entra = if entra.is_empty() { String::new() } else { format!("\n  In Entra ID: {}.", entra.join(", ")) };
        sentences.push(format!(
            "{code}: {}\n  The last time: {}\n  At the provider: {}{entra}",
            text("/cause/cause"),
            text("/detail"),
            text("/cause/remedy")
        ));
    }
    sentences
}

/// A row as a line of its own.
pub(super) fn line(row: &Value) -> String {
    let text = |pointer: &str| match row.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(other) => other.to_string(),
    };
    let detail = row["detail"].as_str().map(|detail| format!(": {}", printable(detail))).unwrap_or_default();
    format!(
        "{}  {:<8} {:<6} {}  {}  {}{detail}",
        text("/at"),
        text("/operation"),
        text("/resourceType"),
        text("/status"),
        text("/shownName"),
        text("/result")
    )
}
