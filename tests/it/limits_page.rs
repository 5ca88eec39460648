//! docs/limits.md says what the source says.

mod source;

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use scimgate_tests::root;

use source::{Source, Value};

const PAGE: &str = "docs/limits.md";

/// A row of one of the page's tables.
struct Row<'a> {
    line: usize,
    what: &'a str,
    limit: &'a str,
    file: &'a str,
    /// A constant, a field of a type's defaults, or a piece of code.
    name: &'a str,
}

fn rows(page: &str) -> Vec<Row<'_>> {
    let lines = page.lines().zip(1..).filter(|(line, _)| line.starts_with("| ") && !line.starts_with("| what |"));
    lines
        .map(|(text, line)| {
            let cells: Vec<&str> = text.trim_matches('|').split(" | ").map(str::trim).collect();
            let [what, limit, place] = cells[..] else { panic!("{PAGE}:{line}: three cells are expected\n{text}") };
            let quoted: Vec<&str> = place.split('`').collect();
            let ["", file, " ", name, ""] = quoted[..] else {
                panic!("{PAGE}:{line}: the last cell must be `file` `constant`\n{text}")
            };
            Row { line, what, limit, file, name }
        })
        .collect()
}

/// The limit of a row as a constant would have it: `1 MiB` is a number, `10 s` a number of seconds or a time.
fn limits(text: &str) -> Option<Vec<Value>> {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = number.replace(',', "").parse().ok()?;
    let (factor, millis) = match unit {
        "KiB" => (1 << 10, None),
        "MiB" | "Mi" => (1 << 20, None),
        "ms" => (1, Some(1)),
        "s" => (1, Some(1_000)),
        "min" => (1, Some(60_000)),
        "h" => (1, Some(3_600_000)),
        "" | "bytes" | "levels" | "days" => (1, None),
        _ => return None,
    };
    let time = millis.map(|millis| Value::Time(Duration::from_millis(number * millis)));
    Some([Some(Value::Number(u128::from(number * factor))), time].into_iter().flatten().collect())
}

/// What is wrong with a row, and what to do about it.
fn complaint(row: &Row) -> Option<String> {
    let Some(limits) = limits(row.limit) else {
        return Some(format!("{:?} is not a number with one of the units that this test knows", row.limit));
    };
    let Ok(text) = fs::read_to_string(root().join(row.file)) else {
        return Some(format!("{} does not exist: name the file that has {} now", row.file, row.name));
    };
    if row.name.contains(|letter: char| !letter.is_alphanumeric() && !"_.".contains(letter)) {
        return (!text.contains(row.name)).then(|| format!("{} does not contain {:?}", row.file, row.name));
    }
    let source = Source::read(&text);
    match source.value(row.name) {
        Ok(found) if limits.contains(&found) => None,
        Ok(found) => Some(format!("{} has {} = {found}: correct the limit", row.file, row.name)),
        Err(error) => {
            let same: Vec<String> =
                source.all().into_iter().filter(|(_, value)| limits.contains(value)).map(|(name, _)| name).collect();
            let all: Vec<String> = source.all().into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
            Some(format!(
                "{}: {error}\n    with the value {}: {}\n    in this file: {}",
                row.file,
                row.limit,
                if same.is_empty() { "nothing".to_owned() } else { same.join(", ") },
                all.join(", ")
            ))
        }
    }
}

#[test]
fn every_row_has_the_value_of_the_source() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let rows = rows(&page);
    assert!(rows.len() > 90, "only {} rows were read", rows.len());
    let complaints: Vec<String> = rows
        .iter()
        .filter_map(|row| Some(format!("{PAGE}:{}: {}\n  {}", row.line, row.what, complaint(row)?)))
        .collect();
    assert!(complaints.is_empty(), "{} rows to correct:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn complaints_say_what_to_change() {
    let page = "| what | limit | where |
| a | 1 | `tests/src/nothing.rs` `WAIT_TIMEOUT` |
| b | about ten | `tests/src/harness.rs` `WAIT_TIMEOUT` |
| c | 20 s | `tests/src/harness.rs` `PATIENCE` |
| d | 21 s | `tests/src/harness.rs` `WAIT_TIMEOUT` |
| e | 20 s | `tests/src/harness.rs` `Duration::from_secs(21)` |
";
    let complaints: Vec<String> = rows(page).iter().filter_map(complaint).collect();
    assert_snapshot!(complaints.join("\n"), @r#"
    tests/src/nothing.rs does not exist: name the file that has WAIT_TIMEOUT now
    "about ten" is not a number with one of the units that this test knows
    tests/src/harness.rs: there is no PATIENCE
        with the value 20 s: WAIT_TIMEOUT
        in this file: POLL_INTERVAL = 20ms, WAIT_TIMEOUT = 20s
    tests/src/harness.rs has WAIT_TIMEOUT = 20s: correct the limit
    tests/src/harness.rs does not contain "Duration::from_secs(21)"
    "#);
}

#[test]
fn limits_are_numbers_and_times() {
    let number = Value::Number;
    assert_eq!(limits("1,000"), Some(vec![number(1_000)]));
    assert_eq!(limits("64 KiB"), Some(vec![number(65_536)]));
    assert_eq!(limits("2 s"), Some(vec![number(2), Value::Time(Duration::from_secs(2))]));
    assert_eq!(limits("about ten"), None);
}
