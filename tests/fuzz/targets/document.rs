//! See [`scimgate_fuzz::document`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| scimgate_fuzz::document::check(input));
