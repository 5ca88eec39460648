//! See [`scimgate_fuzz::filter`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| scimgate_fuzz::filter::check(input));
