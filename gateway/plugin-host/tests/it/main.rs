//! Plugins really run from WASM: every limit obeyed and violated, nothing shared, nothing forbidden let in.
#![allow(clippy::unwrap_used, reason = "tests")]

mod artifact;
mod hostile;
mod isolation;
mod limits;
mod prepare;
mod support;
mod tutorial;
mod uploads;
