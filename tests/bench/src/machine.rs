//! The machine, which the figures depend on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use procfs::{CpuInfo, Current as _, Meminfo};
use tokio_postgres::Client;

const GIB: u64 = 1 << 30;

/// Describes the machine, as a Markdown list.
pub(crate) async fn describe(superuser: &Client) -> Result<String> {
    let sql = "SELECT current_setting('server_version'), current_setting('data_directory'), current_setting('shared_buffers')";
    let row = superuser.query_one(sql, &[]).await.context("reading PostgreSQL's settings")?;
    let (version, directory, buffers): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
    let processors = CpuInfo::current()?;
    let processor = processors.model_name(0).unwrap_or("unknown");
    let rows = [
        ("processor", format!("{processor}, {} cores", processors.num_cores())),
        ("memory", format!("{} GiB", (Meminfo::current()?.mem_total + GIB / 2) / GIB)),
        ("kernel", output("uname", &["-sr"])),
        ("disk", disk(directory)),
        ("PostgreSQL", format!("{version}, shared_buffers {buffers}")),
        ("compiler", output("rustc", &["--version"])),
        ("commit", output("git", &["describe", "--always", "--dirty"])),
        ("date", jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()),
    ];
    Ok(rows.map(|(name, value)| format!("- {name}: {value}")).join("\n"))
}

/// Device and file system of the database. Only its own user may read the directory itself, so the parent is used.
fn disk(directory: &str) -> String {
    let parent = Path::new(directory).parent().and_then(Path::to_str).unwrap_or("/");
    let lines = output("df", &["--output=source,fstype", parent]);
    let words: Vec<&str> = lines.lines().last().unwrap_or_default().split_whitespace().collect();
    words.join(", ")
}

/// The output of a command.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
