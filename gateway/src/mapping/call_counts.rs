//! Calls of plugins, counted by plugin and outcome.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::counts;

/// Plugins that are counted by name, in the order of their first call. All others are counted together: uploads must not make metrics
/// without end.
const MAX_NAMED_PLUGINS: usize = 30;
/// The name under which the others are counted. It is not a slug, so no plugin has it.
const OTHERS: &str = "(others)";

type OfPlugin = [(&'static str, Arc<str>); 1];
type OfOutcome = [(&'static str, Arc<str>); 2];

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallOutcome {
    Mapped,
    Excluded,
    Rejected,
    Failed,
    /// There was no permit in time.
    Busy,
    /// The circuit breaker was open.
    Open,
}

impl CallOutcome {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Mapped, "mapped"),
        (Self::Excluded, "excluded"),
        (Self::Rejected, "rejected"),
        (Self::Failed, "failed"),
        (Self::Busy, "busy"),
        (Self::Open, "breaker_open"),
    ];
}

/// The counters.
#[derive(Debug)]
pub struct CallCounts {
    /// Calls by the plugin's name and the outcome.
    pub calls: Family<OfOutcome, Counter>,
    /// Processor time in seconds by the plugin's name.
    pub cpu: Family<OfPlugin, Counter<f64, AtomicU64>>,
    /// Time of a call, with the wait for its permit.
    pub durations: Histogram,
    /// The handles of each plugin that was called.
    known: RwLock<HashMap<String, Handles>>,
}

#[derive(Clone, Debug)]
struct Handles {
    calls: [Counter; CallOutcome::ALL.len()],
    cpu: Counter<f64, AtomicU64>,
}

impl Default for CallCounts {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            cpu: Family::default(),
            durations: counts::seconds(),
            known: RwLock::default(),
        }
    }
}

impl CallCounts {
    /// Counts a call of a plugin.
    pub(super) fn count(&self, plugin: &str, outcome: CallOutcome, (took, cpu): (Duration, Duration)) {
        self.durations.observe(took.as_secs_f64());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(plugin).cloned();
        let handles = known.unwrap_or_else(|| self.begin(plugin));
        handles.calls[outcome as usize].inc();
        handles.cpu.inc_by(cpu.as_secs_f64());
    }

    fn begin(&self, plugin: &str) -> Handles {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let is_named = known.len() < MAX_NAMED_PLUGINS;
        let name: Arc<str> = Arc::from(if is_named { plugin } else { OTHERS });
        let calls = CallOutcome::ALL.map(|(_, outcome)| {
            self.calls.get_or_create_owned(&[("plugin", Arc::clone(&name)), ("outcome", outcome.into())])
        });
        let handles = Handles { calls, cpu: self.cpu.get_or_create_owned(&[("plugin", name)]) };
        if is_named {
            known.insert(plugin.to_owned(), handles.clone());
        }
        handles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_plugins_are_counted_together() {
        let counts = CallCounts::default();
        for number in 0..MAX_NAMED_PLUGINS + 50 {
            counts.count(&format!("p{number}\n\"{{}}"), CallOutcome::Failed, (Duration::ZERO, Duration::ZERO));
        }
        let others = [("plugin", Arc::from(OTHERS)), ("outcome", Arc::from("failed"))];
        assert_eq!(counts.calls.get_or_create(&others).get(), 50);
        assert_eq!(counts.known.read().unwrap().len(), MAX_NAMED_PLUGINS);
        for (index, (outcome, _)) in CallOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }
}
