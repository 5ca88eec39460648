//! Choices that a seed decides: the same seed, name and number give the same choice, whatever the order of the requests.

use sha2::{Digest as _, Sha256};

/// Where choices come from.
#[derive(Clone, Copy, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The choices of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed.
    #[must_use]
    pub fn seed(self) -> u64 {
        self.0
    }

    /// A number for the `index`th thing that is called `what`.
    #[must_use]
    pub fn number(self, what: &str, index: usize) -> u64 {
        let digest = self.digest(what, index);
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// A number below `end`, which is at least 1.
    #[must_use]
    pub fn below(self, what: &str, index: usize, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.number(what, index) % end).unwrap_or_default()
    }

    /// Whether it comes true, once in `times`.
    #[must_use]
    pub fn once_in(self, times: usize, what: &str, index: usize) -> bool {
        self.below(what, index, times) == 0
    }

    /// One of some.
    ///
    /// # Panics
    /// There is nothing to choose from.
    #[must_use]
    pub fn pick<'a, T>(self, what: &str, index: usize, from: &'a [T]) -> &'a T {
        &from[self.below(what, index, from.len())]
    }

    /// A GUID, as Entra's object ids are.
    #[must_use]
    pub fn guid(self, what: &str, index: usize) -> String {
        let digest = self.digest(what, index);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    fn digest(self, what: &str, index: usize) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0.to_be_bytes());
        hash.update(what.as_bytes());
        hash.update([0]);
        hash.update(index.to_be_bytes());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_and_another_one_decides_otherwise() {
        let numbers = |seed| (0..50).map(|index| Chance::new(seed).number("x", index)).collect::<Vec<_>>();
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert_ne!(Chance::new(7).guid("user", 1), Chance::new(7).guid("group", 1));
        assert!(uuid::Uuid::try_parse(&Chance::new(7).guid("user", 1)).is_ok());
    }

    #[test]
    fn every_choice_is_made_at_some_time() {
        let chosen: std::collections::BTreeSet<usize> =
            (0..200).map(|index| Chance::new(1).below("x", index, 4)).collect();
        assert_eq!(chosen, std::collections::BTreeSet::from([0, 1, 2, 3]));
        assert_eq!(Chance::new(1).below("x", 0, 0), 0);
    }
}
