//! "Random" values, which are the same for the same source: the seed, the number of the call and nothing else decide.

use sha2::{Digest, Sha256};

use crate::call::{Call, Flow, Function};
use crate::error::Kind;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "Guid", least: 0, most: 0, run: guid },
    Function { name: "RandomString", least: 5, most: 6, run: random_string },
];

const MAX_LENGTH: i64 = 256;

/// Digits, special characters, capitals, small letters: in the order of the function's minimums.
const CLASSES: [&str; 4] =
    ["0123456789", "!#$%&()*+,-./:;<=>?@[]^_{|}~", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"];

/// Bytes from SHA-256 of the seed, the call and a counter.
struct Stream {
    seed: Vec<u8>,
    block: [u8; 32],
    /// Of the next block.
    number: u32,
    used: usize,
}

impl Stream {
    fn of(call: &mut Call<'_, '_, '_>) -> Self {
        let mut seed = call.evaluation.source.seed();
        seed.extend_from_slice(&call.evaluation.random_calls.to_be_bytes());
        call.evaluation.random_calls += 1;
        Self { seed, block: [0; 32], number: 0, used: 32 }
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let mut hash = Sha256::new();
            hash.update(&self.seed);
            hash.update(self.number.to_be_bytes());
            self.block = hash.finalize().into();
            self.number += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// A number below `bound`, each equally likely; at most 256.
    fn below(&mut self, bound: usize) -> usize {
        let usable = 256 - 256 % bound;
        loop {
            let byte = usize::from(self.byte());
            if byte < usable {
                return byte % bound;
            }
        }
    }
}

/// A UUID of version 4 in form.
#[allow(clippy::unnecessary_wraps, reason = "every function has this form")]
fn guid(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let mut stream = Stream::of(call);
    let mut bytes = [0_u8; 16];
    bytes.fill_with(|| stream.byte());
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(Value::Text(parts.join("-")))
}

fn random_string(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let length = call.needed_integer(0)?;
    let mut minimums = [0_usize; 4];
    for (index, minimum) in minimums.iter_mut().enumerate() {
        let wanted = call.needed_integer(index + 1)?;
        let Ok(wanted) = usize::try_from(wanted) else {
            return call.wrong(index + 1, Kind::Argument, "a minimum is not negative");
        };
        *minimum = wanted.min(usize::from(u16::MAX));
    }
    let avoided = call.text(5)?.unwrap_or_default();
    let needed: usize = minimums.iter().sum();
    let length = match usize::try_from(length) {
        Ok(count) if length <= MAX_LENGTH && count >= needed => count,
        _ => {
            let message =
                format!("the length must be at least the sum of the minimums ({needed}) and at most {MAX_LENGTH}");
            return call.wrong(0, Kind::Argument, message);
        }
    };
    let classes = CLASSES.map(|class| class.chars().filter(|letter| !avoided.contains(*letter)).collect::<Vec<char>>());
    if classes.iter().zip(minimums).any(|(class, minimum)| class.is_empty() && minimum > 0) {
        return call.wrong(5, Kind::Argument, "every character of a class that is needed is to be avoided");
    }
    // Where nothing but the minimums is asked for, more of the same: digits alone stay digits alone.
    let wanted = |index: &usize| minimums[*index] > 0 || needed == 0;
    let rest: Vec<char> = (0..4).filter(wanted).flat_map(|index| classes[index].iter().copied()).collect();
    if rest.is_empty() && length > 0 {
        return call.wrong(5, Kind::Argument, "every character is to be avoided");
    }
    let mut stream = Stream::of(call);
    let mut letters = Vec::with_capacity(length);
    for (class, minimum) in classes.iter().zip(minimums) {
        letters.extend((0..minimum).map(|_| class[stream.below(class.len())]));
    }
    while letters.len() < length {
        letters.push(rest[stream.below(rest.len())]);
    }
    for last in (1..letters.len()).rev() {
        letters.swap(last, stream.below(last + 1));
    }
    Ok(Value::Text(letters.into_iter().collect()))
}
