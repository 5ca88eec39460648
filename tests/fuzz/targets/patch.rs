//! See [`scimgate_fuzz::patch`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| scimgate_fuzz::patch::check(input));
