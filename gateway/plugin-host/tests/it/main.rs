//! Plugins really run from WASM: every limit obeyed and violated, nothing shared, nothing forbidden let in.
#![allow(clippy::unwrap_used, reason = "tests")]

mod artifact;
mod isolation;
mod limits;
mod prepare;
mod support;
mod tutorial;
