//! Says before a simulation how many requests it will send, and about how long that takes.

use std::time::Duration;

use scimgate_simulate::{Options, estimate};

use super::summary::thousands;

/// The sentence; none where the server does not answer, which the simulation explains.
pub(super) async fn sentence(provider: &str, options: &Options) -> Option<String> {
    let requests = estimate::requests(provider, options)?;
    let duration = estimate::duration(requests, options).await.ok()?;
    Some(format!(
        "About {} requests to {}, {} at once: {}.",
        thousands(rounded(requests)),
        options.base_url.as_str(),
        options.pace.concurrency,
        about(duration)
    ))
}

/// With two digits that count.
fn rounded(number: u64) -> u64 {
    let unit = 10u64.pow(number.max(1).ilog10().saturating_sub(1));
    number.div_ceil(unit) * unit
}

fn about(duration: Duration) -> String {
    match duration.as_secs() {
        0..=4 => "a few seconds".to_owned(),
        seconds @ 5..=90 => format!("about {} seconds", rounded(seconds)),
        seconds => format!("about {} minutes", rounded(seconds.div_ceil(60))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_digits_that_count() {
        assert_eq!([0, 7, 42, 123, 2_681, 1_000].map(rounded), [0, 7, 42, 130, 2_700, 1_000]);
        let times = [1, 30, 89, 95, 1_000, 100_000].map(|seconds| about(Duration::from_secs(seconds)));
        let expected = [
            "a few seconds",
            "about 30 seconds",
            "about 89 seconds",
            "about 2 minutes",
            "about 17 minutes",
            "about 1700 minutes",
        ];
        assert_eq!(times, expected);
    }
}
