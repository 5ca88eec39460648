//! The report in a few sentences, for readers who did not run the simulation.

use scimgate::telemetry::chain;
use scimgate_simulate::Report;

/// What was tried, how it ended, how fast it was, and what to do.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let name = provider(report.provider);
    let count = |number: u64, what: &str| format!("{} {what}{}", thousands(number), if number == 1 { "" } else { "s" });
    let (users, groups) = (count(report.users as u64, "user"), count(report.groups as u64, "group"));
    let seconds = report.took.as_secs_f64();
    let mut sentences = vec![format!(
        "{name} was simulated against {} with {users} and {groups}: {} in {seconds:.1} s.",
        report.target,
        count(report.requests, "request")
    )];
    sentences.push(verdict(report, name));
    let latency = &report.latency_ms;
    sentences.push(format!(
        "Half of the requests were answered within {:.0} ms, and 99 of 100 within {:.0} ms.",
        latency.p50.ceil(),
        latency.p99.ceil()
    ));
    sentences
}

fn verdict(report: &Report, name: &str) -> String {
    if let Some(stopped) = &report.stopped {
        return format!("It did not reach its end: {}.", chain(stopped));
    }
    if report.green {
        let end =
            if report.compared.is_empty() { "" } else { ", and what was read back at the end equals what was sent" };
        return format!("The server did everything as {name} needs it{end}.");
    }
    let worst = report.counts.iter().max_by_key(|(_, count)| **count);
    let worst = worst.map(|(kind, count)| format!("; most often {kind} ({})", times(*count))).unwrap_or_default();
    let kinds = report.counts.len();
    let kinds = if kinds == 1 { "one kind".to_owned() } else { format!("{kinds} kinds") };
    format!("The server did something wrong {}, of {kinds}{worst}.", times(report.finding_count()))
}

pub(super) fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", thousands(count)) }
}

/// A number with a comma for each thousand.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What people call it.
fn provider(name: &str) -> &str {
    match name {
        "entra" => "Microsoft Entra ID",
        "okta" => "Okta",
        "onelogin" => "OneLogin",
        "jumpcloud" => "JumpCloud",
        "ping" => "PingFederate",
        "rippling" => "Rippling",
        "sailpoint" => "SailPoint",
        "garbage" => "A client that sends garbage",
        "limits" => "A client with large groups",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_read_at_a_glance() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 2_000].map(times), ["once", "2,000 times"]);
    }
}
