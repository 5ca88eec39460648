//! The output of the plugin host's own benchmark.

/// A row of its table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) threads: usize,
    pub(crate) median_micros: f64,
    pub(crate) p99_micros: f64,
    /// Calls per second.
    pub(crate) rate: f64,
}

/// The step with a goal.
const WHOLE_MAPPING: &str = "the tutorial's mapping";

/// Reads the table; other lines are skipped.
pub(crate) fn read(text: &str) -> Vec<Step> {
    text.lines().filter_map(row).collect()
}

/// A row has the name, threads, median, p99, p99.9, calls per second and a ratio.
fn row(line: &str) -> Option<Step> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, numbers) = words.split_at_checked(words.len().checked_sub(6)?)?;
    let number = |index: usize| numbers[index].parse::<f64>().ok();
    Some(Step {
        name: name.join(" "),
        threads: numbers[0].parse().ok()?,
        median_micros: number(1)?,
        p99_micros: number(2)?,
        rate: number(4)?,
    })
}

/// The tutorial's whole mapping on one thread.
pub(crate) fn whole_mapping(steps: &[Step]) -> Option<&Step> {
    steps.iter().find(|step| step.name == WHOLE_MAPPING && step.threads == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table_and_nothing_else() {
        let text = "prepare (wrap, compile, describe)     512.0 ms\n\n\
            step                   threads  median µs    p99 µs  p99.9 µs    calls/s  ratio\n\
            the tutorial's mapping       1       35.2      47.8     262.3      24910   1.10\n\
            the tutorial's mapping       2       40.1      90.0     300.0      40000   1.20\n";
        let steps = read(text);
        assert_eq!(steps.len(), 2);
        let name = WHOLE_MAPPING.to_owned();
        let expected = Step { name, threads: 1, median_micros: 35.2, p99_micros: 47.8, rate: 24910.0 };
        assert_eq!(whole_mapping(&steps), Some(&expected));
    }
}
