//! The ids of rows: UUIDv7, in the order of time to the quarter of a microsecond.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

const VERSION_7: u128 = 7 << 76;
const VARIANT: u128 = 0b10 << 62;
/// The fraction of a millisecond, in quarters of a microsecond, is in the twelve bits after the version.
const QUARTERS: u64 = 4;
/// What tells the rows of two processes apart.
const RANDOM_BITS: u32 = 30;

/// An id of a moment. `low` tells rows of one moment apart.
#[must_use]
pub fn id_at(at: SystemTime, low: u64) -> Uuid {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = u128::from(u64::from(since.subsec_micros() % 1_000) * QUARTERS);
    let low = u128::from(low) & ((1 << 62) - 1);
    Uuid::from_u128(since.as_millis() << 80 | VERSION_7 | fraction << 64 | VARIANT | low)
}

/// An id of a moment, after those of the same moment with lower numbers of the same process.
#[must_use]
pub fn numbered_id(at: SystemTime, number: u64) -> Uuid {
    id_at(at, number << RANDOM_BITS | u64::from(rand::random::<u32>() >> (u32::BITS - RANDOM_BITS)))
}

/// The moment of an id.
#[must_use]
pub fn moment_of(id: Uuid) -> SystemTime {
    let number = id.as_u128();
    let millis = u64::try_from(number >> 80).unwrap_or_default();
    let fraction = u64::try_from((number >> 64) & 0xfff).unwrap_or_default() / QUARTERS;
    UNIX_EPOCH + Duration::from_millis(millis) + Duration::from_micros(fraction)
}

/// What tells an id apart from others of its moment.
#[must_use]
pub fn low_of(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() & ((1 << 62) - 1)).unwrap_or_default()
}

/// The smallest id of a moment, cut to milliseconds.
#[must_use]
pub fn first_id(at: SystemTime) -> Uuid {
    Uuid::from_u128(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_of_time_and_say_it() {
        let at = |micros: u64| UNIX_EPOCH + Duration::from_micros(1_790_000_000_000_000 + micros);
        let ids = [at(0), at(1), at(999), at(1_000), at(1_000_000)].map(|at| id_at(at, u64::MAX));
        assert!(ids.is_sorted() && ids.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(ids.map(moment_of), [at(0), at(1), at(999), at(1_000), at(1_000_000)]);
        assert_eq!(low_of(id_at(at(7), 12)), 12);
        assert!(first_id(at(1_500)) <= id_at(at(1_000), 0) && first_id(at(1_500)) > id_at(at(999), u64::MAX));
    }
}
