//! Prints to standard output, as no other file does: tables for people, JSON for programs.

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;

use crate::failure::Failure;

/// The format of a command's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Output {
    /// A table for people.
    Table,
    /// The gateway's JSON.
    Json,
    /// Comma-separated values (RFC 4180), with the headings of the table.
    Csv,
}

/// A heading, and the JSON pointer (RFC 6901) to the values under it.
pub(super) type Column = (&'static str, &'static str);

impl Output {
    /// Prints the array `rows` of a reply as rows.
    pub(super) fn list(self, reply: &Value, rows: &str, columns: &[Column]) -> io::Result<()> {
        match self {
            Self::Json => self.json(reply),
            Self::Table => {
                let rows = reply.get(rows).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                write(&table(rows, columns)).map(drop)
            }
            Self::Csv => {
                let rows = reply.get(rows).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                write(&csv_heading(columns))?;
                rows.iter().try_for_each(|row| write(&csv_row(row, columns)).map(drop))
            }
        }
    }

    /// Prints the array `rows` of a reply that has at most so many of them, and says where there may be more.
    pub(super) fn at_most(self, reply: &Value, rows: &str, columns: &[Column], most: i64) -> io::Result<()> {
        self.list(reply, rows, columns)?;
        let count = reply.get(rows).and_then(Value::as_array).map_or(0, Vec::len);
        if i64::try_from(count).is_ok_and(|count| count >= most) {
            self.say(&format!("\nThese are {most}; there may be more, which are not listed."))?;
        }
        Ok(())
    }

    /// Prints an object, one line per property.
    pub(super) fn record(self, reply: &Value, columns: &[Column]) -> io::Result<()> {
        match self {
            Self::Json => self.json(reply),
            Self::Table => write(&record(reply, columns)).map(drop),
            Self::Csv => write(&format!("{}\n{}", csv_heading(columns), csv_row(reply, columns))).map(drop),
        }
    }

    /// Prints JSON in either format, for documents.
    #[expect(clippy::unused_self, reason = "callers print all results through the format")]
    pub(super) fn json(self, reply: &Value) -> io::Result<()> {
        write(&format!("{reply:#}")).map(drop)
    }

    /// Prints a sentence for people, and the same as JSON for programs.
    pub(super) fn told(self, sentence: &str, object: &Value) -> io::Result<()> {
        match self {
            Self::Json => self.json(object),
            Self::Table | Self::Csv => write(sentence).map(drop),
        }
    }

    /// Prints a sentence for people; programs use the exit status.
    pub(super) fn say(self, sentence: &str) -> io::Result<()> {
        match self {
            Self::Json | Self::Csv => Ok(()),
            Self::Table => write(sentence).map(drop),
        }
    }
}

/// Prints lines with styles, which are left out unless standard output is a terminal that shows them.
pub(super) fn write_styled(text: &str) -> io::Result<()> {
    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Prints a line, and ignores errors.
pub(super) fn print(text: &str) {
    let _ = write(text);
}

/// Writes a line and returns whether standard output is still open: `scimgate … | head` is not an error.
pub(super) fn write(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads a file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    read.map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
    Ok(bytes)
}

/// Reads a JSON file; `-` is standard input.
pub(super) fn read_json(path: &Path) -> Result<Value, Failure> {
    serde_json::from_slice(&read(path)?)
        .map_err(|error| Failure::new(format!("{} is not a JSON document: {error}", path.display())))
}

/// Reads a JSON file that has an object; `-` is standard input.
pub(super) fn read_object(path: &Path) -> Result<Value, Failure> {
    let value = read_json(path)?;
    let kind = match &value {
        Value::Object(_) => return Ok(value),
        Value::Array(_) => "a list",
        _ => "a single value",
    };
    Err(Failure::new(format!("{} has {kind}, where an object in braces is expected", path.display())))
}

/// Reads a list from a JSON file that has an object with it; `-` is standard input.
pub(super) fn read_list(path: &Path, member: &str) -> Result<Value, Failure> {
    match read_object(path)?.get_mut(member).map(Value::take) {
        Some(list @ Value::Array(_)) => Ok(list),
        _ => Err(Failure::new(format!("{} must have a list called {member}", path.display()))),
    }
}

/// The headings of columns as a line of CSV.
pub(super) fn csv_heading(columns: &[Column]) -> String {
    columns.iter().map(|(heading, _)| csv_field(heading)).collect::<Vec<_>>().join(",")
}

/// A row as a line of CSV.
pub(super) fn csv_row(row: &Value, columns: &[Column]) -> String {
    let field = |pointer: &str| match row.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => csv_field(text),
        Some(Value::Array(items)) if items.is_empty() => String::new(),
        Some(other) => csv_field(&other.to_string()),
    };
    columns.iter().map(|(_, pointer)| field(pointer)).collect::<Vec<_>>().join(",")
}

/// In quotes where it must be. A text that a spreadsheet would take for a formula begins with an apostrophe: the identity provider may
/// have made it up.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A value as a table cell.
pub(super) fn cell(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), printable))
            .collect::<Vec<_>>()
            .join(", "),
        Some(other) => printable(&other.to_string()),
    }
}

/// Replaces control characters, which come from the identity provider and could control the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Rows under headings.
pub(super) fn table(rows: &[Value], columns: &[Column]) -> String {
    if rows.is_empty() {
        return "There are none.".to_owned();
    }
    let mut table = plain();
    table.set_header(columns.iter().map(|(heading, _)| heading.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|(_, pointer)| cell(row, pointer)));
    }
    flush_left(table)
}

fn record(reply: &Value, columns: &[Column]) -> String {
    let mut table = plain();
    for (heading, pointer) in columns {
        table.add_row([(*heading).to_owned(), cell(reply, pointer)]);
    }
    flush_left(table)
}

/// The table without the margin for a border.
fn flush_left(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_headings_and_one_line_per_row() {
        let rows = [json!({ "name": "acme", "meta": { "n": 1 } }), json!({ "name": "b\u{1b}[2J", "meta": {} })];
        let lines: Vec<String> =
            table(&rows, &[("name", "/name"), ("n", "/meta/n")]).lines().map(str::to_owned).collect();
        let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [vec!["NAME", "N"], vec!["acme", "1"], vec!["b\u{fffd}[2J", "-"]]);
    }

    #[test]
    fn csv_is_quoted_and_no_formula() {
        let columns = [("a", "/a"), ("b, c", "/b")];
        assert_eq!(csv_heading(&columns), "a,\"b, c\"");
        for (a, b, line) in [
            (json!("x\"y"), json!(null), "\"x\"\"y\","),
            (json!("=1+1"), json!(-1), "'=1+1,-1"),
            (json!("-3"), json!([]), "-3,"),
            (json!("line\nbreak"), json!({ "n": 1 }), "\"line\nbreak\",\"{\"\"n\"\":1}\""),
        ] {
            assert_eq!(csv_row(&json!({ "a": a, "b": b }), &columns), line);
        }
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(table(&[], &[("name", "/name")]), "There are none.");
    }

    #[test]
    fn cells_show_lists_and_missing_values() {
        let row = json!({ "list": ["a", 1], "none": null, "empty": [], "object": { "a": true } });
        let shown = ["/list", "/none", "/empty", "/object", "/absent"].map(|pointer| cell(&row, pointer));
        assert_eq!(shown, ["a, 1", "-", "-", "{\"a\":true}", "-"]);
    }

    #[test]
    fn a_record_has_one_line_per_property() {
        let text = record(&json!({ "id": "1", "label": "x" }), &[("id", "/id"), ("label", "/label")]);
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|line| line == line.trim_end()));
    }
}
