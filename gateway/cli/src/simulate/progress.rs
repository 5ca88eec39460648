//! The progress of a simulation, as a line on standard error that is redrawn.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use scimgate_simulate::{Options, Progress, Step};

const COUNTED: &str = "{prefix:.dim} {msg:22} {bar:30} {pos}/{len} {eta:.dim}";
const UNCOUNTED: &str = "{prefix:.dim} {msg:22} {spinner} {elapsed:.dim}";
/// How often the line is redrawn even without progress.
const TICK: Duration = Duration::from_millis(200);

/// Draws a line while a simulation runs, and clears it at the end.
pub(super) struct ProgressLine {
    prefix: String,
    bar: Mutex<ProgressBar>,
}

impl ProgressLine {
    pub(super) fn new(options: &Options) -> Self {
        // After an interruption the seed is needed to delete what was created.
        Self { prefix: format!("seed {}", options.seed), bar: Mutex::new(ProgressBar::hidden()) }
    }

    fn bar(&self) -> MutexGuard<'_, ProgressBar> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, bar: ProgressBar) {
        let before = std::mem::replace(&mut *self.bar(), bar);
        before.finish_and_clear();
    }
}

impl Progress for ProgressLine {
    fn step_started(&self, step: Step, parts: u64) {
        self.replace(ProgressBar::hidden());
        let (bar, template) =
            if parts > 0 { (ProgressBar::new(parts), COUNTED) } else { (ProgressBar::new_spinner(), UNCOUNTED) };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(style).with_prefix(self.prefix.clone()).with_message(step.name());
        bar.enable_steady_tick(TICK);
        self.replace(bar);
    }

    fn part_done(&self) {
        self.bar().inc(1);
    }

    fn finished(&self) {
        self.replace(ProgressBar::hidden());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [COUNTED, UNCOUNTED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
