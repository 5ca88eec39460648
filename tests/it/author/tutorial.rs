//! docs/first-plugin.md and docs/first-plugin-typescript.md, followed to the letter: its files are written, its commands are run, and what they print is compared. In
//! an output `…` is any text of a line, and a line of `…` any lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use scimgate_tests::binary::Running;
use scimgate_tests::harness::block_on;
use scimgate_tests::root;

use super::{Author, text};

/// A step of the page.
#[derive(Debug)]
enum Step {
    /// A file's path in the project, and its new text.
    File(String, String),
    /// A command, and what it prints.
    Command(String, Vec<String>),
}

/// `<!-- file: PATH -->` before a block names the file that the block is; a block of the language `console` has commands.
fn steps(page: &str) -> Vec<Step> {
    let (mut steps, mut lines, mut file) = (Vec::new(), page.lines(), None);
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->")) {
            file = Some(path.to_owned());
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match (file.take(), language) {
                (Some(path), _) => steps.push(Step::File(path, block.join("\n") + "\n")),
                (None, "console") => add_commands(&mut steps, &block),
                _ => {}
            }
        }
    }
    steps
}

fn add_commands(steps: &mut Vec<Step>, block: &[&str]) {
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step::Command(command.to_owned(), Vec::new())),
            (None, Some(Step::Command(_, output))) => output.push((*line).to_owned()),
            _ => panic!("output without a command: {line}"),
        }
    }
}

fn matches_line(expected: &str, found: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = found.strip_prefix(first) else { return false };
    let mut is_open = false;
    for part in parts {
        is_open = part.is_empty();
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    is_open || rest.is_empty()
}

fn matches(expected: &[String], found: &[&str]) -> bool {
    match (expected.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((line, rest)), _) if line == "…" => {
            matches(rest, found) || found.split_first().is_some_and(|(_, others)| matches(expected, others))
        }
        (Some((line, rest)), Some((one, others))) => matches_line(line, one) && matches(rest, others),
        _ => false,
    }
}

#[test]
fn outputs_are_compared_but_for_what_is_left_out() {
    for (expected, found, same) in [
        ("a … c", "a b c", true),
        ("a …", "a b c", true),
        ("a … c", "a b d", false),
        ("a b", "a b c", false),
        ("a\n…\nd", "a\nb\nc\nd", true),
        ("a\n…\nd", "a\nb\nc", false),
    ] {
        let expected: Vec<String> = expected.lines().map(str::to_owned).collect();
        assert_eq!(matches(&expected, &found.lines().collect::<Vec<_>>()), same, "{expected:?} {found}");
    }
}

#[test]
fn the_tutorial_is_true() {
    check("docs/first-plugin.md", ("src/lib.rs", ["{name} [{added}]", "{name}, {added}"]));
}

#[test]
fn the_tutorial_in_typescript_is_true() {
    let change = ["${name} [${added}]", "${name}, ${added}"];
    check("docs/first-plugin-typescript.md", ("src/plugin.ts", change));
}

/// A source's path, a text in it, and what a save makes of that.
type Save = (&'static str, [&'static str; 2]);

fn check(page: &'static str, save: Save) {
    block_on(async {
        let (gateway, ready) = Running::dev(&["--ephemeral"]).await;
        let environment = |name: &str| ready[name].as_str().unwrap();
        let author = Author::new()
            .with("SCIMGATE_ADMIN_URL", environment("admin_url"))
            .with("SCIMGATE_OPERATOR_KEY", environment("operator_key"))
            .with("SCIMGATE_DIRECTORY_KEY", environment("directory_key"))
            .with("SCIMGATE_SCIM_URL", environment("tenant_url"))
            .with("SCIMGATE_SCIM_TOKEN", environment("token"));
        let page = fs::read_to_string(root().join(page)).unwrap();
        let steps = steps(&page);
        assert!(steps.len() > 10, "{steps:?}");
        let author = Arc::new(author);
        let reader = Arc::clone(&author);
        let project = tokio::task::spawn_blocking(move || follow(&reader, steps)).await.unwrap();
        a_save_is_shown(&author, &project, save).await;
        drop(gateway);
    });
}

/// By `watch`, without another command.
async fn a_save_is_shown(author: &Author, project: &Path, (source, [before, after]): Save) {
    let mut command = tokio::process::Command::from(author.command(project, "exec scimgate plugin watch demo"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    let mut watch = Running::start(command);
    while !watch.line().await.starts_with("Waiting for the next save") {}
    let source = project.join(source);
    let text = fs::read_to_string(&source).unwrap().replace(before, after);
    fs::write(&source, text).unwrap();
    while watch.line().await != "+ displayName  \"Ada Byron, Engines\"" {}
}

/// Returns the folder in which the page ends.
fn follow(author: &Author, steps: Vec<Step>) -> PathBuf {
    let mut folder: PathBuf = author.path("");
    for step in steps {
        match step {
            Step::File(path, content) => fs::write(folder.join(path), content).unwrap(),
            Step::Command(command, _) if command.starts_with("cd ") => folder.push(&command[3..]),
            // The reader's shell has what the running gateway printed; this one has it, too.
            Step::Command(command, _) if command.starts_with("eval ") || command.starts_with("scimgate dev") => {}
            Step::Command(command, expected) => {
                // In the order in which a terminal shows them.
                let found = text(&author.shell(&folder, &format!("exec 2>&1\n{command}")).stdout);
                let lines: Vec<&str> = found.lines().map(str::trim_end).collect();
                assert!(matches(&expected, &lines), "{command}\nexpected:\n{}\nfound:\n{found}", expected.join("\n"));
            }
        }
    }
    folder
}
