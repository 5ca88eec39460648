//! Third-party conformance clients, run as programs with a URL and a token.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::Client;

/// Longest run of a client.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(2);

/// A client's verdict on a server.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// How many checks the server passed.
    pub passed: usize,
    /// The checks that failed, with the client's reasons.
    pub failed: Vec<String>,
    /// The checks that the client skipped, with its reasons.
    pub skipped: Vec<String>,
    /// The checks that passed with a warning.
    pub warned: Vec<String>,
}

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tester {
    /// scim2-tester, run by scim2-cli: every attribute of every published schema.
    Scim2,
    /// scim-sanity: life cycles of a user and a group, discovery, lists and errors.
    Sanity(Mode),
}

/// How scim-sanity reports common deviations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As warnings.
    Compat,
    /// As failures.
    Strict,
}

impl Tester {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scim2 => "scim2-tester",
            Self::Sanity(Mode::Compat) => "scim-sanity --compat",
            Self::Sanity(Mode::Strict) => "scim-sanity --strict",
        }
    }

    /// Runs it against a SCIM endpoint and prints what it found.
    pub async fn run(self, scim: &Client, server: &str) -> Verdict {
        let header = scim.authorization.as_ref().unwrap().to_str().unwrap();
        let verdict = match self {
            Self::Scim2 => {
                let header = format!("Authorization: {header}");
                let (stdout, stderr) = output("scim2", &["--url", &scim.base, "-h", &header, "test", "-v"]).await;
                scim2(&stdout).unwrap_or_else(|| panic!("scim2 made no checks:\n{stdout}\n{stderr}"))
            }
            Self::Sanity(mode) => {
                let token = header.trim_start_matches("Bearer ");
                let mode = if mode == Mode::Compat { "--compat" } else { "--strict" };
                let arguments =
                    ["probe", &scim.base, "--token", token, "--i-accept-side-effects", mode, "--json-output"];
                let (stdout, stderr) = output("scim-sanity", &arguments).await;
                let found = serde_json::from_str(&stdout).ok().as_ref().and_then(sanity);
                found.unwrap_or_else(|| panic!("scim-sanity made no checks:\n{stdout}\n{stderr}"))
            }
        };
        verdict.print(&format!("{} on {server}", self.name()));
        verdict
    }
}

impl Verdict {
    /// Writes the counts past the capture of the test runner, with the reasons of what did not pass.
    fn print(&self, of: &str) {
        let mut text = format!(
            "{of}: {} passed, {} failed, {} skipped, {} warnings\n",
            self.passed,
            self.failed.len(),
            self.skipped.len(),
            self.warned.len()
        );
        for (word, lines) in [("failed", &self.failed), ("skipped", &self.skipped), ("warning", &self.warned)] {
            text.extend(lines.iter().map(|line| format!("  {word}: {line}\n")));
        }
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    }

    /// Fails where a check failed, or where fewer checks were made than expected.
    #[track_caller]
    pub fn assert_clean(&self, at_least: usize) {
        assert!(self.failed.is_empty(), "{:#?}", self.failed);
        assert!(self.passed >= at_least, "only {} checks were made: {self:#?}", self.passed);
    }
}

/// Runs an installed client and returns its output. The exit status says less.
async fn output(program: &str, arguments: &[&str]) -> (String, String) {
    let path = tools().join("python/bin").join(program);
    assert!(path.exists(), "{} is missing; run `make conformance-tools`", path.display());
    let mut command = Command::new(path);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("NO_COLOR", "1").kill_on_drop(true);
    let output = tokio::time::timeout(CLIENT_TIMEOUT, command.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Where `tests/conformance/install` puts third-party tools.
#[must_use]
pub fn tools() -> PathBuf {
    crate::root().join("target/conformance-tools")
}

/// Reads what `scim2 test` prints: a line with a status and a name for each check, then the reason, indented. Every other
/// status than a success or a skip is a failure.
fn scim2(output: &str) -> Option<Verdict> {
    const STATUSES: [&str; 7] = ["SUCCESS", "COMPLIANT", "ACCEPTABLE", "DEVIATION", "ERROR", "CRITICAL", "SKIPPED"];
    let mut verdict = Verdict::default();
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((status, name)) = line.split_once(' ').filter(|(word, _)| STATUSES.contains(word)) else { continue };
        let mut what = name.to_owned();
        while let Some(reason) = lines.next_if(|next| !STATUSES.iter().any(|it| next.starts_with(&format!("{it} ")))) {
            what = format!("{what} | {}", reason.trim());
        }
        match status {
            "SUCCESS" | "COMPLIANT" | "ACCEPTABLE" => verdict.passed += 1,
            "SKIPPED" => verdict.skipped.push(what),
            _ => verdict.failed.push(format!("{status} {what}")),
        }
    }
    (verdict.passed > 0).then_some(verdict)
}

/// Reads what `scim-sanity probe --json-output` prints.
fn sanity(report: &Value) -> Option<Verdict> {
    let mut verdict = Verdict::default();
    for result in report["results"].as_array()? {
        let text = |key: &str| result[key].as_str().unwrap_or_default();
        let what = format!("{} | {}", text("name"), text("message"));
        match text("status") {
            "pass" => verdict.passed += 1,
            "skip" => verdict.skipped.push(what),
            "warn" => verdict.warned.push(what),
            _ => verdict.failed.push(what),
        }
    }
    (verdict.passed > 0).then_some(verdict)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_output_of_scim2() {
        let output = "Performing a SCIM compliance check on http://x ...\nSUCCESS a\n  fine\nERROR b\n  because\nof this\n\
                    SKIPPED c\n  no\nDEVIATION d\nCRITICAL e\nACCEPTABLE f\n";
        let verdict = scim2(output).unwrap();
        assert_eq!(verdict.passed, 2);
        assert_eq!(verdict.failed, ["ERROR b | because | of this", "DEVIATION d", "CRITICAL e"]);
        assert_eq!(verdict.skipped, ["c | no"]);
        assert!(scim2("Traceback (most recent call last):\n").is_none());
    }

    #[test]
    fn reads_the_report_of_scim_sanity() {
        let each = ["pass", "fail", "error", "skip", "warn", "new word"].map(|it| json!({ "name": it, "status": it }));
        let verdict = sanity(&json!({ "results": each })).unwrap();
        assert_eq!((verdict.passed, verdict.failed.len()), (1, 3));
        assert_eq!((verdict.skipped.len(), verdict.warned.len()), (1, 1));
        assert!(sanity(&json!({ "error": "Side-effect consent required" })).is_none());
    }
}
