//! A plugin that misbehaves as configured, to test the host's limits.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU32, Ordering},
};

use scimgate_plugin_sdk::prelude::*;

/// Counts calls. Every call has a fresh instance, so no call ever sees it above one.
static CALLS: AtomicU32 = AtomicU32::new(0);

#[derive(Deserialize, JsonSchema)]
struct Config {
    #[serde(rename = "do")]
    action: Action,
    #[serde(default = "one")]
    times: usize,
    #[serde(default = "one")]
    size: usize,
    /// The path to write.
    #[serde(default = "title")]
    path: String,
    /// Misbehaves only for users whose names have this prefix.
    #[serde(default, rename = "for")]
    user_prefix: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Action {
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
    Fail,
    Exclude,
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

    const RESOURCE_TYPES: &[&str] = &["User", "Group", "Device"];

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome> {
        let Config { action, times, size, path, user_prefix } = config;
        if !user_prefix.is_empty() && !document.get_str("userName")?.is_some_and(|name| name.starts_with(&user_prefix))
        {
            return Ok(Outcome::Mapped);
        }
        let text = || "x".repeat(size);
        match action {
            Action::Nothing => {}
            Action::Spin => spin(),
            Action::Recurse => log(Level::Info, recurse(times).to_string()),
            Action::Trap => trap(),
            Action::Panic => panic!("on purpose"),
            Action::Grow => grow(times)?,
            Action::Allocate => drop(black_box(vec![1_u8; size])),
            Action::Log => (0..times).for_each(|_| log(Level::Warn, text())),
            Action::Write => {
                for _ in 0..times {
                    document.set(&path, text())?;
                }
            }
            Action::Read => {
                for _ in 0..times {
                    document.get_str("userName")?;
                }
            }
            Action::Replace => {
                let mut all = document.to_value()?;
                all["title"] = text().into();
                document.replace(&all)?;
            }
            Action::Count => {
                document.set("title", (CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string())?;
            }
            Action::Fail => return Err("I would rather not".into()),
            Action::Exclude => return Ok(Outcome::excluded(text())),
        }
        Ok(Outcome::Mapped)
    }
}

fn spin() {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Neither a tail call nor anything that the optimiser could turn into a loop.
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

/// Grows the memory page by page, beyond the SDK's arena.
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

plugin!(Hostile);
