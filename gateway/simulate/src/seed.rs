//! Choices determined by a seed: the same seed, name and index give the same choice, whatever the order of the requests.

use sha2::{Digest as _, Sha256};

/// The source of all choices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    /// A number for the `index`th thing called `name`.
    pub(crate) fn number(self, name: &str, index: usize) -> u64 {
        let digest = self.digest(name, index);
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// A number below `end`; 0 if `end` is 0.
    pub(crate) fn below(self, name: &str, index: usize, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.number(name, index) % end).unwrap_or_default()
    }

    /// True with a probability of one in `times`.
    pub(crate) fn one_in(self, times: usize, name: &str, index: usize) -> bool {
        self.below(name, index, times) == 0
    }

    /// One of several values; there must be one at least.
    pub(crate) fn pick<'a, T>(self, name: &str, index: usize, from: &'a [T]) -> &'a T {
        &from[self.below(name, index, from.len())]
    }

    /// A GUID, like Entra's object ids.
    pub(crate) fn guid(self, name: &str, index: usize) -> String {
        let digest = self.digest(name, index);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    fn digest(self, name: &str, index: usize) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0.to_be_bytes());
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(index.to_be_bytes());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_seeds_give_different_choices() {
        let numbers = |seed| (0..50).map(|index| Seed(seed).number("x", index)).collect::<Vec<_>>();
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert_ne!(Seed(7).guid("user", 1), Seed(7).guid("group", 1));
        assert!(uuid::Uuid::try_parse(&Seed(7).guid("user", 1)).is_ok());
    }

    #[test]
    fn every_choice_occurs() {
        let chosen: std::collections::BTreeSet<usize> = (0..200).map(|index| Seed(1).below("x", index, 4)).collect();
        assert_eq!(chosen, std::collections::BTreeSet::from([0, 1, 2, 3]));
        assert_eq!(Seed(1).below("x", 0, 0), 0);
    }
}
