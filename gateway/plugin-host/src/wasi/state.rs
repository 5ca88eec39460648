//! What one call has in place of a clock, random numbers and a terminal.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Most random bytes that one call may ask for.
pub(crate) const MAX_RANDOM_BYTES: usize = 16 << 10;

/// What one call has in place of an operating system. All of it follows from the call's context, so that the same call gives the
/// same result.
pub(crate) struct Wasi {
    /// The only "now".
    pub(super) now: Timestamp,
    random: Random,
    out: Line,
    err: Line,
}

/// Where a plugin prints to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

impl Wasi {
    /// For a call at this time, with random bytes that follow from these texts. While a plugin describes itself there are none, and the
    /// clock stands at its beginning.
    pub(crate) fn new(now: &str, seeds: &[&str]) -> Self {
        let now = now.parse().unwrap_or_default();
        Self { now, random: Random::new(seeds), out: Line::default(), err: Line::default() }
    }

    /// Random bytes that differ between documents and repeat with the call; none beyond the limit.
    pub(super) fn random(&mut self, count: usize) -> Option<Vec<u8>> {
        self.random.take(count)
    }

    /// Takes what was printed, and returns the lines that are complete, each cut to a little more than `max` bytes.
    pub(super) fn print(&mut self, stream: Stream, bytes: &[u8], max: usize) -> Vec<String> {
        let line = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        let mut parts = bytes.split(|byte| *byte == b'\n');
        line.extend(parts.next().unwrap_or_default(), max);
        let mut complete = Vec::new();
        for part in parts {
            complete.push(line.take());
            line.extend(part, max);
        }
        complete
    }

    /// The lines that the call did not end.
    pub(super) fn rest(&mut self) -> [(Stream, String); 2] {
        [(Stream::Out, self.out.take()), (Stream::Err, self.err.take())]
    }
}

/// The line that is being printed.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    /// Drops what is past the limit: a line of the log is cut there. One character more shows that there was more.
    fn extend(&mut self, bytes: &[u8], max: usize) {
        let room = (max + 4).saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.0)).trim_end().to_owned()
    }
}

/// SHA-256 of a seed and a counter.
struct Random {
    seed: [u8; 32],
    taken: usize,
}

impl Random {
    fn new(seeds: &[&str]) -> Self {
        let mut seed = Sha256::new();
        for part in seeds {
            seed.update((part.len() as u64).to_le_bytes());
            seed.update(part);
        }
        Self { seed: seed.finalize().into(), taken: 0 }
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        let first = self.taken;
        self.taken = self.taken.checked_add(count).filter(|taken| *taken <= MAX_RANDOM_BYTES)?;
        let block = |number: usize| {
            Sha256::new().chain_update(self.seed).chain_update((number as u64).to_le_bytes()).finalize()
        };
        let blocks = (first / 32..self.taken.div_ceil(32)).flat_map(block);
        Some(blocks.skip(first % 32).take(count).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_repeat_with_the_call_and_do_not_depend_on_how_they_are_asked_for() {
        let all = Wasi::new("", &["t", "1"]).random(100).unwrap();
        let mut parts = Wasi::new("", &["t", "1"]);
        let parts: Vec<u8> = [1, 0, 31, 5, 63].into_iter().flat_map(|count| parts.random(count).unwrap()).collect();
        assert_eq!(all, parts);
        assert_ne!(all, Wasi::new("", &["t1", ""]).random(100).unwrap());
        assert_ne!(all[..32], all[32..64]);
    }

    #[test]
    fn random_bytes_are_limited() {
        let mut wasi = Wasi::new("", &[]);
        assert_eq!(wasi.random(MAX_RANDOM_BYTES).map(|bytes| bytes.len()), Some(MAX_RANDOM_BYTES));
        assert_eq!(wasi.random(1), None);
        assert_eq!(Wasi::new("", &[]).random(usize::MAX), None);
    }

    #[test]
    fn printed_bytes_become_lines() {
        let mut wasi = Wasi::new("", &[]);
        assert_eq!(wasi.print(Stream::Out, b"one\r\ntw", 10), ["one"]);
        assert_eq!(wasi.print(Stream::Err, b"else", 10), [""; 0]);
        assert_eq!(wasi.print(Stream::Out, b"o\n\nthree", 10), ["two", ""]);
        assert_eq!(wasi.print(Stream::Out, &[b'x'; 1_000], 10), [""; 0]);
        let [(_, out), (_, err)] = wasi.rest();
        assert_eq!((out.as_str(), err.as_str()), ("threexxxxxxxxx", "else"));
    }
}
