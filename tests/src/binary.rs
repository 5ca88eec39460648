//! The built binary, run as a process.

use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// Longest wait for the binary: the first start creates a database and compiles a plugin.
const PROCESS_TIMEOUT: Duration = Duration::from_mins(1);

/// A running `scimgate`; killed when dropped.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// None after `pass_log`.
    log: Option<Lines<BufReader<ChildStderr>>>,
}

/// The path of the binary; `SCIMGATE_BIN` names another build.
#[must_use]
pub fn path() -> PathBuf {
    std::env::var_os("SCIMGATE_BIN").map_or_else(|| crate::root().join("target/debug/scimgate"), PathBuf::from)
}

/// The cache folder of the processes that tests start, for compiled plugins and files of the embedded database: not the user's own.
#[must_use]
pub fn cache_home() -> PathBuf {
    crate::root().join("target/tmp/cache")
}

/// A command of the binary without the caller's environment.
#[must_use]
pub fn command(arguments: &[&str]) -> Command {
    let path = path();
    assert!(path.exists(), "{} is missing; run `make build`", path.display());
    let mut command = Command::new(path);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).kill_on_drop(true);
    command.env("XDG_CACHE_HOME", cache_home());
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
    tokio::time::timeout(PROCESS_TIMEOUT, command.output()).await.unwrap().unwrap()
}

/// Runs a command that must fail, and returns its error message, which is one line.
pub async fn refusal(mut command: Command) -> String {
    command.env("SCIMGATE_LOG", "off");
    let output = finish(command).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let text = String::from_utf8(output.stderr).unwrap();
    // A command that was asked for JSON says in JSON what failed.
    let sentence = match serde_json::from_str::<Value>(&text) {
        Ok(object) => object["error"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned(),
        Err(_) => text.trim_end().strip_prefix("scimgate: ").unwrap_or_else(|| panic!("{text}")).to_owned(),
    };
    assert!(!sentence.contains('\n'), "more than one line: {text}");
    sentence
}

impl Running {
    /// Starts a command without waiting for it.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = Some(BufReader::new(child.stderr.take().unwrap()).lines());
        Self { child, lines, log }
    }

    /// Starts `scimgate dev` and returns the JSON that it prints.
    pub async fn dev(arguments: &[&str]) -> (Self, Value) {
        let mut running = Self::start(dev(arguments));
        let line = running.line().await;
        let ready = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
        (running, ready)
    }

    /// The next line on standard output.
    pub async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PROCESS_TIMEOUT, self.lines.next_line()).await.unwrap().unwrap();
        if let Some(line) = line {
            return line;
        }
        let log = rest(self.log.as_mut().unwrap()).await;
        panic!("it ended without a line on standard output:\n{log}");
    }

    /// The next line of the log that contains a text.
    pub async fn logged(&mut self, text: &str) -> String {
        let wait = async {
            let log = self.log.as_mut().unwrap();
            while let Some(line) = log.next_line().await.unwrap() {
                if line.contains(text) {
                    return line;
                }
            }
            panic!("it ended without having logged \"{text}\"");
        };
        tokio::time::timeout(PROCESS_TIMEOUT, wait).await.unwrap()
    }

    /// The next lines of the log up to one that contains a text, that one included.
    pub async fn logged_until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let wait = async {
            let log = self.log.as_mut().unwrap();
            while let Some(line) = log.next_line().await.unwrap() {
                let is_last = line.contains(text);
                lines.push(line);
                if is_last {
                    return;
                }
            }
            panic!("it ended without having logged \"{text}\"");
        };
        tokio::time::timeout(PROCESS_TIMEOUT, wait).await.unwrap();
        lines
    }

    /// Forwards the rest of the log to this process's standard error: the binary would block on a full pipe.
    pub fn pass_log(&mut self) {
        let mut log = self.log.take().unwrap();
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                eprintln!("{line}");
            }
        });
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Ends it by SIGTERM, and returns the rest of standard output.
    pub async fn terminate(mut self) -> (ExitStatus, String) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let status = tokio::time::timeout(PROCESS_TIMEOUT, self.child.wait()).await.unwrap().unwrap();
        (status, rest(&mut self.lines).await)
    }

    /// Kills it.
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

/// The CPU time of a process and of its children that have ended, in seconds; nothing for one that is gone.
#[must_use]
pub fn cpu_seconds(process: u32) -> f64 {
    /// Of `/proc/PID/stat`.
    const TICKS_A_SECOND: f64 = 100.0;
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return 0.0 };
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // The children that have ended count, since connections come and go.
    fields[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_A_SECOND
}
