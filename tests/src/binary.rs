//! The built binary, as somebody at a terminal uses it.

use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// Longest wait for the binary: the first start makes a database and compiles a plugin.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `scimgate`; killed when dropped.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Until it is passed on.
    log: Option<Lines<BufReader<ChildStderr>>>,
}

/// Where the binary is; another build can be tested by naming it.
#[must_use]
pub fn path() -> PathBuf {
    std::env::var_os("SCIMGATE_BIN").map_or_else(|| crate::root().join("target/debug/scimgate"), PathBuf::from)
}

/// A command of the binary, free of the caller's settings.
#[must_use]
pub fn command(arguments: &[&str]) -> Command {
    let path = path();
    assert!(path.exists(), "{} is missing; run `make build`", path.display());
    let mut command = Command::new(path);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// `scimgate dev` on free ports.
#[must_use]
pub fn dev(arguments: &[&str]) -> Command {
    let plugins = crate::root().join("target/wasm32-unknown-unknown/plugin");
    let mut command = command(&["dev", "--json", "--bind", "127.0.0.1"]);
    command.arg("--plugins").arg(plugins);
    for port in ["--port", "--internal-port", "--probe-port"] {
        if !arguments.contains(&port) {
            command.args([port, "0"]);
        }
    }
    command.args(arguments);
    command
}

/// Runs a command to its end.
pub async fn finish(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

/// Runs a command that must fail, and gives its one sentence.
pub async fn refusal(mut command: Command) -> String {
    command.env("SCIMGATE_LOG", "off");
    let output = finish(command).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let said = String::from_utf8(output.stderr).unwrap();
    let sentence = said.trim_end().strip_prefix("scimgate: ").unwrap_or_else(|| panic!("{said}")).to_owned();
    assert!(!sentence.contains('\n'), "more than a sentence: {said}");
    sentence
}

impl Running {
    /// Starts a command and waits for nothing.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = Some(BufReader::new(child.stderr.take().unwrap()).lines());
        Self { child, lines, log }
    }

    /// Starts `scimgate dev` and gives its line.
    pub async fn dev(arguments: &[&str]) -> (Self, Value) {
        let mut running = Self::start(dev(arguments));
        let line = running.line().await;
        let ready = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
        (running, ready)
    }

    /// The next line on standard output.
    pub async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap();
        if let Some(line) = line {
            return line;
        }
        let said = rest(self.log.as_mut().unwrap()).await;
        panic!("it ended without a word on standard output:\n{said}");
    }

    /// The next line of the log with these words.
    pub async fn logged(&mut self, words: &str) -> String {
        let wait = async {
            let log = self.log.as_mut().unwrap();
            while let Some(line) = log.next_line().await.unwrap() {
                if line.contains(words) {
                    return line;
                }
            }
            panic!("it ended without having logged \"{words}\"");
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    /// Passes the rest of the log on to this process's own: who writes into a full pipe waits for a reader.
    pub fn pass_log(&mut self) {
        let mut log = self.log.take().unwrap();
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                eprintln!("{line}");
            }
        });
    }

    /// Ends it as an init system does, and gives the rest of standard output.
    pub async fn terminate(mut self) -> (ExitStatus, String) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        (status, rest(&mut self.lines).await)
    }

    /// Ends it as a power cut does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

async fn rest(lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>) -> String {
    let mut rest = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        rest.push_str(&line);
        rest.push('\n');
    }
    rest
}
