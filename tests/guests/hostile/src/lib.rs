//! A plugin that misbehaves in the way its configuration names, as often as it says: for tests of the host's limits.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU32, Ordering},
};

use scimgate_plugin_sdk::{Context, Document, Error, Level, Manifest, Mapping, Outcome, log};
use serde::Deserialize;

/// Counts calls, which nobody may ever see reach two.
static CALLS: AtomicU32 = AtomicU32::new(0);

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "do")]
    deed: Deed,
    #[serde(default = "one")]
    times: usize,
    #[serde(default = "one")]
    size: usize,
    /// What is written.
    #[serde(default = "title")]
    path: String,
    /// The users that it is done to, by the beginning of their names; all unless given.
    #[serde(default, rename = "for")]
    victims: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    Nothing,
    Spin,
    Recurse,
    Trap,
    Panic,
    Grow,
    Allocate,
    Log,
    Write,
    Read,
    Replace,
    Count,
    Complain,
    Excuse,
}

fn one() -> usize {
    1
}

fn title() -> String {
    "title".to_owned()
}

struct Hostile;

impl Mapping for Hostile {
    type Config = Config;

    fn describe() -> Manifest {
        Manifest::new("hostile", env!("CARGO_PKG_VERSION"))
            .resource_types(["User", "Group", "Device"])
            .config_schema(scimgate_plugin_sdk::serde_json::json!({ "type": "object", "required": ["do"] }))
    }

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome, Error> {
        let Config { deed, times, size, path, victims } = config;
        if !victims.is_empty() && !document.get_str("userName")?.is_some_and(|name| name.starts_with(&victims)) {
            return Ok(Outcome::Mapped);
        }
        let text = || "x".repeat(size);
        match deed {
            Deed::Nothing => {}
            Deed::Spin => spin(),
            Deed::Recurse => log(Level::Info, recurse(times).to_string()),
            Deed::Trap => trap(),
            Deed::Panic => panic!("on purpose"),
            Deed::Grow => grow(times)?,
            Deed::Allocate => drop(black_box(vec![1_u8; size])),
            Deed::Log => (0..times).for_each(|_| log(Level::Warn, text())),
            Deed::Write => {
                for _ in 0..times {
                    document.set(&path, text())?;
                }
            }
            Deed::Read => {
                for _ in 0..times {
                    document.get_str("userName")?;
                }
            }
            Deed::Replace => {
                let mut all = document.to_value()?;
                all["title"] = text().into();
                document.replace(&all)?;
            }
            Deed::Count => {
                document.set("title", (CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string())?;
            }
            Deed::Complain => return Err("I would rather not".into()),
            Deed::Excuse => return Ok(Outcome::excluded(text())),
        }
        Ok(Outcome::Mapped)
    }
}

fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Not a tail call, and nothing that the optimiser could turn into a loop.
#[inline(never)]
fn recurse(depth: usize) -> usize {
    if black_box(depth) == 0 {
        return 0;
    }
    black_box(recurse(black_box(depth - 1)) + 1)
}

#[cfg(target_arch = "wasm32")]
fn trap() {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() {}

/// Grows the memory page by page, past the SDK's arena.
#[cfg(target_arch = "wasm32")]
fn grow(pages: usize) -> Result<(), Error> {
    for page in 0..pages {
        if core::arch::wasm32::memory_grow::<0>(1) == usize::MAX {
            return Err(format!("no page after {page}").into());
        }
    }
    Ok(())
}

#[cfg(not(target_arch = "wasm32"))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as the one that can fail")]
fn grow(_: usize) -> Result<(), Error> {
    Ok(())
}

scimgate_plugin_sdk::export!(Hostile);
