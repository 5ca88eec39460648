//! On what was measured: figures without their machine say nothing.

use std::process::Command;

use crate::failed::Failed;
use crate::seed::Place;

/// A description.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory: String,
    pub(crate) kernel: String,
    /// The disk that the database is on.
    pub(crate) disk: String,
    pub(crate) postgres: String,
    pub(crate) rust: String,
    pub(crate) commit: String,
    pub(crate) date: String,
}

impl Machine {
    /// This one.
    pub(crate) async fn here(place: &Place) -> Result<Self, Failed> {
        let doing = "asking the database what it is";
        let sql = "SELECT current_setting('server_version'), current_setting('data_directory'), current_setting('shared_buffers')";
        let row = place.superuser.query_one(sql, &[]).await.map_err(Failed::doing(doing))?;
        let (version, directory, buffers): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        Ok(Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: field("/proc/meminfo", "MemTotal").map_or_else(|| "unknown".to_owned(), |text| gibibytes(&text)),
            kernel: said("uname", &["-sr"]),
            disk: disk(&directory),
            postgres: format!("{version}, shared_buffers {buffers}"),
            rust: said("rustc", &["--version"]),
            commit: said("git", &["describe", "--always", "--dirty"]),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        })
    }
}

/// The value of the first line with this name.
fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().to_owned())
}

fn gibibytes(kibibytes: &str) -> String {
    let number = kibibytes.split(' ').next().and_then(|digits| digits.parse::<u64>().ok());
    number.map_or_else(|| kibibytes.to_owned(), |number| format!("{} GiB", (number + (1 << 19)) >> 20))
}

/// Device and file system. The directory itself is the database's own; the one above it can be looked at.
fn disk(directory: &str) -> String {
    let above = std::path::Path::new(directory).parent().and_then(|path| path.to_str()).unwrap_or("/");
    let lines = said("df", &["--output=source,fstype", above]);
    let words: Vec<&str> = lines.lines().last().unwrap_or_default().split_whitespace().collect();
    words.join(", ")
}

/// What a command says, on one line or more.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
