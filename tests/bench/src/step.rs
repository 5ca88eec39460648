//! What the plugin host's own benchmark says of one step.

/// A line of its table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) threads: usize,
    /// Microseconds.
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) calls: f64,
}

/// The step whose cost is a goal.
const WHOLE: &str = "the tutorial's mapping";

/// Reads the table; lines of another form are passed over.
pub(crate) fn read(text: &str) -> Vec<Step> {
    text.lines().filter_map(line).collect()
}

/// The name, threads, median, p99, p99.9, calls a second and a ratio.
fn line(line: &str) -> Option<Step> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let name = words.get(..words.len().checked_sub(6)?)?.join(" ");
    let number = |from_end: usize| words[words.len() - from_end].parse::<f64>().ok();
    let threads = words[words.len() - 6].parse().ok()?;
    Some(Step { name, threads, median: number(5)?, p99: number(4)?, calls: number(2)? })
}

/// The tutorial's whole mapping on one thread.
pub(crate) fn whole_mapping(steps: &[Step]) -> Option<&Step> {
    steps.iter().find(|step| step.name == WHOLE && step.threads == 1)
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
        let wanted = Step { name: WHOLE.to_owned(), threads: 1, median: 35.2, p99: 47.8, calls: 24910.0 };
        assert_eq!(whole_mapping(&steps), Some(&wanted));
    }
}
