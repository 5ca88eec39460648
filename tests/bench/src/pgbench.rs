//! pgbench with the floor's statements: the rates of the database without an HTTP server.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use scimgate_bench::statement::{self, with_expressions};
use tokio::process::Command;

use crate::competitor::Variant;
use crate::database::FLOOR;
use crate::environment::{Environment, SCRATCH};
use crate::load::{Slice, histogram};
use crate::tenant::Tenant;
use crate::user;
use crate::workload::Workload;

const TENANT: &str = ":tenant";
const MAIL: &str = "('user' || :n::text || '@corp.test')";
/// Part of the latencies that are logged: the log must not slow the run down.
const SAMPLING_RATE: &str = "0.1";

/// One slice.
pub(crate) struct Job<'a> {
    pub(crate) workload: Workload,
    pub(crate) variant: Variant,
    pub(crate) tenant: &'a Tenant,
    pub(crate) clients: usize,
    pub(crate) duration: Duration,
}

/// The UUID with a prefix and the number in a variable.
fn uuid(prefix: &str, variable: &str) -> String {
    format!("('{prefix}' || lpad(to_hex(:{variable}::bigint), 12, '0'))")
}

/// A script of variables and a statement.
fn with_variables(variables: &str, statement: &str, expressions: &[&str]) -> String {
    format!("{variables}{};\n", with_expressions(statement, expressions))
}

/// The script of a workload.
fn script(workload: Workload, variant: Variant) -> String {
    let id = uuid(user::ID_PREFIX, "n");
    let random_user = "\\set n random(1, :users)\n";
    let random_slot = "\\set slot random(0, 15)\n";
    match workload {
        Workload::Create if variant == Variant::OneRow => {
            with_variables("", statement::PLAIN, &["gen_random_uuid()", ":body"])
        }
        Workload::Create => {
            let variables = format!("\\set n random(1, 1000000000000000)\n{random_slot}");
            let (name, external_id) = ("('bench' || :n::text || '@corp.test')", "('bench' || :n::text)");
            let expressions = [TENANT, "gen_random_uuid()", name, external_id, ":body", ":slot"];
            with_variables(&variables, statement::CREATE, &expressions)
        }
        Workload::Get => with_variables(random_user, statement::GET, &[TENANT, &id]),
        Workload::Filter => with_variables(random_user, statement::FILTER, &[TENANT, MAIL]),
        Workload::ExternalId => with_variables(random_user, statement::EXTERNAL_ID, &[TENANT, "('user' || :n::text)"]),
        Workload::Mail => with_variables(random_user, statement::MAIL, &[TENANT, MAIL]),
        Workload::Contains => {
            with_variables("\\set n random(10000, 99999)\n", statement::CONTAINS, &[TENANT, "('r' || :n::text)"])
        }
        Workload::List => {
            with_variables("\\set n 100 * random(0, :users / 100 - 1)\n", statement::LIST, &[TENANT, &id])
        }
        Workload::FirstPage => with_variables("\\set n 0\n", statement::LIST, &[TENANT, &id]),
        Workload::DeepPage => with_variables("", statement::FROM, &[TENANT, "499900"]),
        Workload::Patch => {
            let read = with_expressions(statement::READ, &[TENANT, &id]);
            let variables = format!("{random_user}{read} \\gset\n");
            with_variables(&variables, statement::UPDATE, &[TENANT, &id, ":version", ":source"])
        }
        Workload::Members | Workload::GroupSizes => {
            let random_member = "\\set g :base + random(0, :groups - 1)\n\\set n random(1, 200000000000000)\n";
            let (group, member) = (uuid("01810000-0000-7000-8000-", "g"), uuid("01820000-0000-7000-8000-", "n"));
            let variables = format!("{random_member}{random_slot}");
            with_variables(&variables, statement::MEMBER, &[TENANT, &group, &member, ":slot"])
        }
    }
}

/// Runs a slice.
pub(crate) async fn run(environment: &Environment, programs: &Path, job: &Job<'_>) -> Result<Slice> {
    let directory = std::path::absolute(Path::new(SCRATCH).join("pgbench"))?;
    // The latency logs of the last slice.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).context("creating pgbench's directory")?;
    let file = directory.join("script.sql");
    fs::write(&file, script(job.workload, job.variant)).context("writing pgbench's script")?;
    let groups = if let Variant::Groups { count, .. } = job.variant { count } else { 0 };
    // Every slice has groups of its own.
    let base = environment.counter.fetch_add(groups, Ordering::Relaxed);
    let mut command = Command::new(programs.join("pgbench"));
    command.args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-p", &environment.port.to_string(), "-U", "postgres"]);
    command.args(["-c", &job.clients.to_string(), "-T", &job.duration.as_secs().max(1).to_string()]);
    command.args(["-l", "--sampling-rate", SAMPLING_RATE, "-f"]).arg(&file);
    for (name, value) in [
        ("tenant", job.tenant.id.to_string()),
        ("users", job.tenant.users.to_string()),
        ("groups", groups.to_string()),
        ("base", base.to_string()),
        ("body", user::json(user::TEMPLATE)),
    ] {
        command.arg("-D").arg(format!("{name}={value}"));
    }
    command.arg(FLOOR).current_dir(&directory).stdin(Stdio::null());
    let output = command.output().await.context("running pgbench")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "pgbench: {text}{}", String::from_utf8_lossy(&output.stderr));
    let number = |label| number_after(&text, label).with_context(|| format!("pgbench did not print \"{label}\""));
    let requests = number("transactions actually processed: ")?;
    Ok(slice(requests, number("tps = ")?, read_latencies(&directory)?))
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.split_once(label)?.1;
    rest.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?.parse().ok()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
fn slice(requests: f64, rate: f64, latencies: Histogram<u64>) -> Slice {
    Slice { requests: requests as u64, seconds: requests / rate, latencies }
}

fn read_latencies(directory: &Path) -> Result<Histogram<u64>> {
    let mut latencies = histogram()?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("pgbench_log") {
            for micros in fs::read_to_string(entry.path())?.lines().filter_map(latency) {
                latencies.record(micros)?;
            }
        }
    }
    Ok(latencies)
}

/// The third field of a log line is the time in microseconds.
fn latency(line: &str) -> Option<u64> {
    line.split(' ').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::competitor::competitors;

    #[test]
    fn every_script_has_its_parameters_filled_in() {
        for &workload in Workload::value_variants() {
            for competitor in competitors(workload, false) {
                let script = script(workload, competitor.variant);
                assert!(!script.contains('$'), "{script}");
                assert!(script.ends_with(";\n"), "{script}");
            }
        }
    }

    #[test]
    fn reads_pgbench_output() {
        let output =
            "number of transactions actually processed: 4711/5000\ntps = 1234.5 (without initial connection time)";
        assert_eq!(number_after(output, "tps = "), Some(1234.5));
        assert_eq!(number_after(output, "transactions actually processed: "), Some(4711.0));
        assert_eq!(latency("0 199 2241 0 1175850568 995598"), Some(2241));
    }
}
