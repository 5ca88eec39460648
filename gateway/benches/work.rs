//! What a create costs without network and database: allocations, bytes, microseconds, and instructions where valgrind is
//! installed. Allocations and instructions are the same in every run; a test bounds the first (`tests/work`).
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/work/steps.rs"]
mod steps;

use std::process::Command;
use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use scimgate_scim::text::Printed;
use serde_json::{Map, Value};
use steps::{BODY, Tenant};

const ROUNDS: usize = 50;
const CALLS: u32 = 200;

type Step = fn(&Tenant, &Input);

/// What the steps after the first start from.
struct Input {
    body: Value,
    document: Arc<Map<String, Value>>,
    text: Printed,
}

/// A step that consumes its input includes the copy of it, whose cost `copy` shows.
const STEPS: [(&str, Step); 8] = [
    ("parse", |_, _| drop(Tenant::parse())),
    ("copy", |_, input| drop(std::hint::black_box(input.body.clone()))),
    ("normalise, with copy", |tenant, input| drop(tenant.normalise(input.body.clone()))),
    ("validate", |tenant, input| tenant.validate(&input.document)),
    ("keys", |tenant, input| drop(tenant.keys(&input.document))),
    ("print", |_, input| drop(Tenant::print(&input.document))),
    ("all of these", |tenant, _| drop(tenant.create())),
    ("map and print", |tenant, input| drop(tenant.map(&input.document, &input.text))),
];

fn main() {
    let tenant = Tenant::new();
    let (document, text) = tenant.create();
    let input = Input { body: Tenant::parse(), document, text };
    // Called by itself, under valgrind.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    if let [name, calls] = arguments.as_slice() {
        let step = STEPS.iter().find(|(known, _)| known == name).unwrap().1;
        (0..calls.parse().unwrap()).for_each(|_: u32| step(&tenant, &input));
        return;
    }
    println!("A user of {} bytes, stored as {}.\n", BODY.len(), input.text.text().len());
    println!("{:<22} {:>11} {:>9} {:>8} {:>12}", "step", "allocations", "bytes", "µs", "instructions");
    for (name, step) in STEPS {
        step(&tenant, &input);
        let counted = allocation_counter::measure(|| step(&tenant, &input));
        let instructions = instructions(name).map_or("-".to_owned(), |count| count.to_string());
        println!(
            "{name:<22} {:>11} {:>9} {:>8.1} {instructions:>12}",
            counted.count_total,
            counted.bytes_total,
            micros(&tenant, &input, step)
        );
    }
}

/// The time of this thread on its processor, which other work on the machine lengthens least.
#[expect(clippy::cast_precision_loss, reason = "seconds of a short run")]
fn cpu_micros() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// The median of the rounds.
fn micros(tenant: &Tenant, input: &Input, step: Step) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = cpu_micros();
            (0..CALLS).for_each(|_| step(tenant, input));
            (cpu_micros() - begun) / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// Instructions of one call: what a hundred more calls add.
fn instructions(name: &str) -> Option<u64> {
    let [few, many] = ["10", "110"].map(|calls| collected(name, calls));
    Some((many? - few?) / 100)
}

fn collected(name: &str, calls: &str) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([name, calls])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}
