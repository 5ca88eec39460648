//! Plugins run from WASM: every limit met and exceeded, no shared state, no forbidden import.
#![allow(clippy::unwrap_used, reason = "tests")]

mod artifact;
mod bundled;
mod determinism;
mod hostile;
mod isolation;
mod kept;
mod languages;
mod limits;
mod prepare;
mod support;
mod tutorial;
mod uploads;
