//! How far a simulation is, as a line on standard error that is drawn over and over.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use scimgate_simulate::{Options, Step, Watcher};

const COUNTED: &str = "{prefix:.dim} {msg:22} {bar:30} {pos}/{len} {eta:.dim}";
const UNCOUNTED: &str = "{prefix:.dim} {msg:22} {spinner} {elapsed:.dim}";
/// Of the spinner, and of a bar whose server is slow.
const TICK: Duration = Duration::from_millis(200);

/// Draws while a simulation runs, and leaves nothing behind.
pub(super) struct Progress {
    prefix: String,
    bar: Mutex<ProgressBar>,
}

impl Progress {
    pub(super) fn new(options: &Options) -> Self {
        // Whoever interrupts it needs the seed to find again what it made.
        Self { prefix: format!("seed {}", options.seed), bar: Mutex::new(ProgressBar::hidden()) }
    }

    fn draw(&self, bar: ProgressBar) {
        let before = std::mem::replace(&mut *self.bar.lock().unwrap_or_else(PoisonError::into_inner), bar);
        before.finish_and_clear();
    }
}

impl Watcher for Progress {
    fn begins(&self, step: Step, parts: u64) {
        self.draw(ProgressBar::hidden());
        let (bar, template) =
            if parts > 0 { (ProgressBar::new(parts), COUNTED) } else { (ProgressBar::new_spinner(), UNCOUNTED) };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(style).with_prefix(self.prefix.clone()).with_message(step.name());
        bar.enable_steady_tick(TICK);
        self.draw(bar);
    }

    fn one_done(&self) {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).inc(1);
    }

    fn ends(&self) {
        self.draw(ProgressBar::hidden());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [COUNTED, UNCOUNTED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
