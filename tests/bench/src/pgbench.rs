//! pgbench with the floor's statements: what the database gives to whoever asks it directly.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use scimgate_bench::statement::{self, script};
use tokio::process::Command;

use crate::failed::Failed;
use crate::load::Slice;
use crate::request::{Operation, SEEDLING, user};
use crate::seed::{Place, Tenant};

const TENANT: &str = ":tenant";
const ID: &str = "('01800000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))";
/// Every tenth latency is written down: the log must not be what is measured.
const SAMPLED: &str = "0.1";

/// What pgbench is to do for a slice.
pub(crate) struct Run<'a> {
    pub(crate) operation: Operation,
    pub(crate) tenant: &'a Tenant,
    pub(crate) clients: usize,
    pub(crate) time: Duration,
    pub(crate) groups: usize,
    /// The first of the groups' numbers: no slice meets another's.
    pub(crate) base: u64,
}

/// The script of an operation.
fn text(operation: Operation, groups: usize) -> String {
    let number = "\\set n random(1, :users)\n";
    let anew = "\\set n random(1, 1000000000000000)\n\\set slot random(0, 15)\n";
    match operation {
        Operation::Create => {
            let (name, external) = ("('bench' || :n::text || '@corp.test')", "('bench' || :n::text)");
            let create = [TENANT, "gen_random_uuid()", name, external, ":body", ":slot"];
            format!("{anew}{};\n", script(statement::CREATE, &create))
        }
        Operation::Plain => format!("{};\n", script(statement::PLAIN, &["gen_random_uuid()", ":body"])),
        Operation::Get => format!("{number}{};\n", script(statement::GET, &[TENANT, ID])),
        Operation::Filter => {
            format!("{number}{};\n", script(statement::FILTER, &[TENANT, "('user' || :n::text || '@corp.test')"]))
        }
        Operation::ExternalId => {
            format!("{number}{};\n", script(statement::EXTERNAL_ID, &[TENANT, "('user' || :n::text)"]))
        }
        Operation::Mail => {
            format!("{number}{};\n", script(statement::MAIL, &[TENANT, "('user' || :n::text || '@corp.test')"]))
        }
        Operation::Contains => {
            let piece = "\\set n random(10000, 99999)\n";
            format!("{piece}{};\n", script(statement::CONTAINS, &[TENANT, "('r' || :n::text)"]))
        }
        Operation::FirstPage => {
            format!("{};\n", script(statement::LIST, &[TENANT, "'01800000-0000-7000-8000-000000000000'"]))
        }
        Operation::DeepPage => format!("{};\n", script(statement::FROM, &[TENANT, "499900"])),
        Operation::List => {
            let page = "\\set n 100 * random(0, :users / 100 - 1)\n";
            format!("{page}{};\n", script(statement::LIST, &[TENANT, ID]))
        }
        Operation::Patch => {
            let read = script(statement::READ, &[TENANT, ID]);
            let update = script(statement::UPDATE, &[TENANT, ID, ":version", ":source"]);
            format!("{number}{read} \\gset\n{update};\n")
        }
        Operation::Member => {
            let group = "('01810000-0000-7000-8000-' || lpad(to_hex(:g::bigint), 12, '0'))";
            let member = "('01820000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))";
            let choose = format!("\\set g :base + random(0, {})\n\\set n random(1, 200000000000000)\n", groups - 1);
            let slot = "\\set slot random(0, 15)\n";
            format!("{choose}{slot}{};\n", script(statement::MEMBER, &[TENANT, group, member, ":slot"]))
        }
    }
}

/// Runs a slice.
pub(crate) async fn slice(place: &Place, run: &Run<'_>) -> Result<Slice, Failed> {
    let directory = std::path::absolute(place.scratch.join("pgbench")).map_err(Failed::doing("a directory"))?;
    // Latencies of the slice before.
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).map_err(Failed::doing("making a directory"))?;
    let file = directory.join("script.sql");
    std::fs::write(&file, text(run.operation, run.groups)).map_err(Failed::doing("writing a script"))?;
    let seconds = run.time.as_secs().max(1).to_string();
    let clients = run.clients.to_string();
    let mut command = Command::new(place.programs.join("pgbench"));
    command.args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-U", "postgres", "-c", &clients, "-T", &seconds]);
    command.args(["-p", &place.floor_port.to_string(), "-l", "--sampling-rate", SAMPLED, "-f"]).arg(&file);
    for (name, value) in [
        ("tenant", run.tenant.id.to_string()),
        ("users", run.tenant.users.to_string()),
        ("base", run.base.to_string()),
        ("body", user(SEEDLING)),
    ] {
        command.arg("-D").arg(format!("{name}={value}"));
    }
    command.arg(crate::seed::FLOOR).current_dir(&directory).stdin(Stdio::null());
    let output = command.output().await.map_err(Failed::doing("running pgbench"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = number_after(&said, "tps = ");
    let requests = number_after(&said, "transactions actually processed: ");
    match (output.status.success(), rate, requests) {
        (true, Some(rate), Some(requests)) => Ok(read(rate, requests, &directory)),
        _ => Err(Failed::because(format!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr)))),
    }
}

fn number_after(text: &str, words: &str) -> Option<f64> {
    let rest = text.split_once(words)?.1;
    rest.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?.parse().ok()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
fn read(rate: f64, requests: f64, directory: &Path) -> Slice {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("pgbench_log"));
    let mut latencies: Vec<u32> = logs
        .filter_map(|log| std::fs::read_to_string(log.path()).ok())
        .flat_map(|log| log.lines().filter_map(latency).collect::<Vec<_>>())
        .collect();
    latencies.sort_unstable();
    Slice { requests: requests as u64, seconds: requests / rate, latencies }
}

/// The third field of a line of the log is the time in microseconds.
fn latency(line: &str) -> Option<u32> {
    line.split(' ').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_has_its_parameters_filled_in() {
        let all = [
            Operation::Create,
            Operation::Plain,
            Operation::Get,
            Operation::Filter,
            Operation::List,
            Operation::Patch,
            Operation::Member,
            Operation::ExternalId,
            Operation::Mail,
            Operation::Contains,
            Operation::FirstPage,
            Operation::DeepPage,
        ];
        for operation in all {
            let text = text(operation, 20);
            assert!(!text.contains('$'), "{text}");
            assert!(text.ends_with(";\n"), "{text}");
        }
    }

    #[test]
    fn reads_what_pgbench_says() {
        let said =
            "number of transactions actually processed: 4711/5000\ntps = 1234.5 (without initial connection time)";
        assert_eq!(number_after(said, "tps = "), Some(1234.5));
        assert_eq!(number_after(said, "transactions actually processed: "), Some(4711.0));
        assert_eq!(latency("0 199 2241 0 1175850568 995598"), Some(2241));
    }
}
