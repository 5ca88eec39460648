//! README, docs/tour.md and docs/mappings.md, as somebody at a terminal who pastes their commands: every reply in them is what the command
//! prints, but for what differs each time, and for what is left out (`…`).

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use regex::Regex;
use scimgate_tests::binary::{Running, dev};
use scimgate_tests::harness::block_on;
use scimgate_tests::root;
use scimgate_tests::tenant::WS1B;
use tokio::process::Command;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Before the output of each command, with its number.
const MARK: &str = "@@@@";

/// A command of the tour, and the reply that is printed below it.
struct Line {
    command: String,
    reply: Option<String>,
}

/// The commands of a document from one heading up to another.
fn commands(document: &str, from: &str, to: &str) -> Vec<Line> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let (_, rest) = text.split_once(from).unwrap();
    let (tour, _) = rest.split_once(to).unwrap();
    // A block of JSON below a sentence with a file's name is that file.
    let block = Regex::new(r"(?s)(?:`(\S+\.json)`[^\n]*:\n\n)?```(\w+)\n(.*?)```").unwrap();
    let mut lines = Vec::new();
    for found in block.captures_iter(tour) {
        let body = &found[3];
        match (found.get(1), &found[2]) {
            (Some(file), _) => {
                lines.push(Line { command: format!("cat > {} <<'END'\n{body}END", file.as_str()), reply: None });
            }
            (None, "sh") => lines.push(Line { command: body.to_owned(), reply: None }),
            (None, "console") => lines.extend(console(body)),
            _ => {}
        }
    }
    lines.retain(|line| line.command != "make run");
    lines
}

/// Whether the shell would read another line.
fn is_open(command: &str) -> bool {
    command.ends_with('\\') || command.matches('\'').count() % 2 == 1
}

fn console(body: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for text in body.lines() {
        match (lines.last_mut(), text.strip_prefix("$ ")) {
            (Some(Line { command, .. }), _) if is_open(command) => *command = format!("{command}\n{text}"),
            (_, Some(command)) => lines.push(Line { command: command.to_owned(), reply: Some(String::new()) }),
            (Some(Line { reply: Some(reply), .. }), None) => *reply = format!("{reply}{text}\n"),
            (None | Some(Line { reply: None, .. }), None) => panic!("output before a command: {text}"),
        }
    }
    lines
}

/// What differs each time has one form.
fn plain(text: &str) -> String {
    let mut text = text.trim_end().to_owned();
    for (pattern, form) in [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"[0-9a-f]{64}", "DIGEST"),
        (r"\d+ µs", "N µs"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, form).into_owned();
    }
    text
}

/// Whether this is what is printed, with anything in the place of `…`.
fn fits(printed: &str, actual: &str) -> bool {
    let parts: Vec<String> = plain(printed).split('…').map(regex::escape).collect();
    Regex::new(&format!("(?s)^{}$", parts.join(".*?"))).unwrap().is_match(&plain(actual))
}

/// Runs the commands in one shell and compares what they print.
async fn follow(lines: &[Line]) {
    let home = tempfile::tempdir().unwrap();
    let mut command = dev(&["--ephemeral"]);
    command.env("HOME", home.path());
    let mut running = Running::start(command);
    let _ready = running.line().await;
    symlink(root().join("target"), home.path().join("target")).unwrap();
    let mut script = "shopt -s expand_aliases\nexec 2>&1\n".to_owned();
    for (number, line) in lines.iter().enumerate() {
        let _ = write!(script, "printf '{MARK}{number} \\n'\n{}\n", line.command);
    }
    let shell = Command::new("bash")
        .args(["-c", &script])
        .current_dir(home.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .output();
    let output = String::from_utf8(shell.await.unwrap().stdout).unwrap();
    let mut replies = output.split(MARK).skip(1).map(|part| part.split_once(" \n").unwrap().1);
    for Line { command, reply } in lines {
        let actual = replies.next().unwrap_or_else(|| panic!("the tour ended before {command}: {output}"));
        let Some(printed) = reply else {
            assert!(!actual.contains("scimgate: ") && !actual.contains("\"status\":\"4"), "{command}: {actual}");
            continue;
        };
        assert!(fits(printed, actual), "$ {command}\n--- document\n{}\n--- now\n{}", plain(printed), plain(actual));
    }
    running.kill().await;
}

#[test]
fn five_minutes_print_what_readme_says() {
    let lines = commands("README.md", "\n## Five minutes\n", "\n## Where to go next");
    assert!(lines.len() > 10, "{}", lines.len());
    block_on(follow(&lines));
}

#[test]
fn the_tour_prints_what_the_document_says() {
    let lines = commands("docs/tour.md", "# The tour\n", "\nMore in ");
    assert!(lines.len() > 20, "{}", lines.len());
    block_on(follow(&lines));
}

#[test]
fn changing_a_mapping_prints_what_the_document_says() {
    let mut lines = commands("README.md", "\n### 1. Start\n", "\n### 2. ");
    let user = |attributes: &str| Line {
        command: format!(
            r#"curl -s "$SCIMGATE_SCIM_URL"Users -H "$AUTH" -H "$JSON" -d '{{"schemas":["{USER}"],{attributes}}}'"#
        ),
        reply: None,
    };
    lines.push(user(&format!(
        r#""userName":"ada@corp.test","active":true,"name":{{"givenName":"Ada","familyName":"Byron"}},
           "emails":[{{"type":"work","value":"Ada.Byron@Corp.Test"}}],
           "{WS1B}":{{"customAttribute1":"B-1815","customAttribute2":"St James Square"}}"#
    )));
    lines.push(user(r#""userName":"charles@corp.test","userType":"Contractor""#));
    let begun = lines.len();
    lines.extend(commands("docs/mappings.md", "\n## Draft\n", "\n## Remap\n"));
    assert!(lines.len() > begun + 10, "{}", lines.len());
    block_on(follow(&lines));
}
