//! docs/soak.md.

use std::time::Duration;

use crate::load::Kind;
use crate::sample::FIGURES;
use crate::verdict::{Course, course, problems};
use crate::{LANES, Soak};

const HEADING: &str = "\
# A long time at a fixed rate

<!-- Written by `make soak`. -->
";

const HOW: &str = "\
Half of the clients belong to a tenant with a mapping (the tutorial's plugin), half to one without. Each creates a user, reads, finds,
changes and lists it, adds it to a group and removes it, now and then presents an unknown token, reads the mapped user and the events as the product
does, creates and deletes another user by a bulk request, and deletes the user. So what is stored stays the same, save deleted rows, events
and the provisioning log, which are kept for their time. Load, gateway and PostgreSQL share the machine.
";

pub(crate) fn print(soak: &Soak) {
    println!("{HEADING}");
    let sent: usize = soak.outcomes.times().values().map(Vec::len).sum();
    println!(
        "{sent} requests in {} minutes, {} a second, from {LANES} clients.\n",
        soak.arguments.minutes, soak.arguments.rate
    );
    let problems = problems(soak);
    if problems.is_empty() {
        println!(
            "**It stayed as it was**: no request failed, and in the second half no figure grew beyond its bound.\n"
        );
    } else {
        println!("**It did not stay as it was:**\n");
        problems.iter().for_each(|problem| println!("- {problem}"));
        println!();
    }
    println!("{HOW}");
    print_figures(soak);
    println!("\n![The figures over time](soak.svg)\n");
    print_times(soak);
}

fn print_figures(soak: &Soak) {
    println!("## What the gateway used\n");
    println!(
        "A sample every {} s. *Growth* is that of the second half: the slope of the line of least squares, times the half's length.\n",
        soak.arguments.every
    );
    println!(
        "| figure | unit | first | least | greatest | last | growth | allowed |\n|---|---|--:|--:|--:|--:|--:|--:|"
    );
    for (place, figure) in FIGURES.iter().enumerate() {
        let Some(Course { first, last, least, most, growth }) = course(&soak.samples, place) else { continue };
        let allowed = figure.allowed.map(|allowed| format!("{allowed:.0}")).unwrap_or_default();
        println!(
            "| {} | {} | {first:.1} | {least:.1} | {most:.1} | {last:.1} | **{growth:+.1}** | {allowed} |",
            figure.name, figure.unit
        );
    }
}

fn print_times(soak: &Soak) {
    println!("## The requests\n\nTimes count from the moment at which a request is due.\n");
    println!("| request | sent | p50, ms | p99, ms | longest, ms |\n|---|--:|--:|--:|--:|");
    let milliseconds =
        |times: &[Duration], percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    for (kind, times) in soak.outcomes.times() {
        let [p50, p99, longest] = [50, 99, 100].map(|percent| milliseconds(&times, percent));
        println!("| {} | {} | {p50:.1} | {p99:.1} | {longest:.0} |", Kind::name(kind), times.len());
    }
}
