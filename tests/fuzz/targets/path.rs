//! See [`scimgate_fuzz::path`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| scimgate_fuzz::path::check(input));
