//! The limits of one call, and the meter that enforces them. Time means CPU time of the calling thread: on an overloaded
//! machine a wall-clock deadline would end harmless calls, so the wall clock is only the outer bound.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::error::{Failure, FailureKind};

/// What one call may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time; checked every millisecond, and around every host call.
    pub cpu: Duration,
    /// Wall-clock time.
    pub wall: Duration,
    /// Linear memory in bytes; the host's own maximum applies as well.
    pub memory: usize,
    /// Elements of one table; the host's own maximum applies as well.
    pub table: usize,
    /// Bytes written into the document, over all writes of the call, paths included.
    pub output: usize,
    /// Log lines.
    pub log_lines: usize,
    /// Bytes of one log line, and of the text of a decision; a longer text is cut.
    pub log_line: usize,
    /// Host calls: reading, writing, logging.
    pub host_calls: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(20),
            wall: Duration::from_secs(1),
            memory: 16 << 20,
            table: MAX_TABLE_ELEMENTS,
            output: 1 << 20,
            log_lines: 100,
            log_line: 1 << 10,
            host_calls: 10_000,
        }
    }
}

/// Most elements of a table.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 20_000;

/// How often the clocks are checked.
pub(crate) const TICK_INTERVAL: Duration = Duration::from_millis(1);

/// The ticks at which `escalate` is called: from the second on, since the first may come right after the start.
const ESCALATION_TICKS: std::ops::RangeInclusive<u32> = 2..=8;

/// Measures one call.
pub(crate) struct Meter {
    limits: Limits,
    escalate: fn() -> bool,
    started: Instant,
    last_check: Instant,
    cpu_at_start: Duration,
    ticks: u32,
    calls: u32,
    written: usize,
    /// The largest linear memory that was granted.
    memory: usize,
    /// The first growth of memory or a table that was refused. If the plugin fails afterwards, this is the reason.
    refused_growth: Option<Failure>,
}

impl Meter {
    pub(crate) fn start(limits: &Limits, escalate: fn() -> bool) -> Self {
        let now = Instant::now();
        Self {
            limits: limits.clone(),
            escalate,
            started: now,
            last_check: now,
            cpu_at_start: thread_cpu(),
            ticks: 0,
            calls: 0,
            written: 0,
            memory: 0,
            refused_growth: None,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// CPU time used so far.
    pub(crate) fn cpu(&self) -> Duration {
        thread_cpu().saturating_sub(self.cpu_at_start)
    }

    /// Called by the engine once per tick while guest code runs.
    pub(crate) fn tick(&mut self) -> Result<UpdateDeadline, Failure> {
        self.check_clocks()?;
        Ok(UpdateDeadline::Continue(1))
    }

    /// Checks both time limits, and reports a slow call to the embedder.
    fn check_clocks(&mut self) -> Result<(), Failure> {
        self.ticks = self.ticks.saturating_add(1);
        self.last_check = Instant::now();
        if self.cpu() > self.limits.cpu {
            let reason = format!("The plugin used more than its {:?} of CPU time.", self.limits.cpu);
            return Err(Failure::new(FailureKind::CpuTime, reason));
        }
        if self.started.elapsed() > self.limits.wall {
            let reason = format!("The plugin ran longer than its {:?}.", self.limits.wall);
            return Err(Failure::new(FailureKind::WallTime, reason));
        }
        if ESCALATION_TICKS.contains(&self.ticks) && !(self.escalate)() {
            let reason = "Too many slow plugin calls are running at this moment.";
            return Err(Failure::new(FailureKind::Overloaded, reason));
        }
        Ok(())
    }

    /// Checks the clocks if a tick has passed. The engine itself checks only at loops and calls of guest code. In a
    /// wrapped module the encoder's adapters are such code, but a handmade component can make host calls in one straight
    /// line.
    pub(crate) fn check_clocks_if_due(&mut self) -> Result<(), Failure> {
        if self.last_check.elapsed() < TICK_INTERVAL { Ok(()) } else { self.check_clocks() }
    }

    /// Counts a host call.
    pub(crate) fn count_call(&mut self) -> Result<(), Failure> {
        self.calls += 1;
        if self.calls > self.limits.host_calls {
            let reason = format!("The plugin called the host more than {} times.", self.limits.host_calls);
            return Err(Failure::new(FailureKind::HostCalls, reason));
        }
        self.check_clocks_if_due()
    }

    /// Counts bytes before they are written.
    pub(crate) fn count_written(&mut self, bytes: usize) -> Result<(), Failure> {
        self.written = self.written.saturating_add(bytes);
        if self.written > self.limits.output { Err(self.too_much_output()) } else { Ok(()) }
    }

    pub(crate) fn too_much_output(&self) -> Failure {
        let reason = format!("The plugin wrote more than {}.", size(self.limits.output));
        Failure::new(FailureKind::OutputSize, reason)
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> usize {
        self.written
    }

    /// Host calls so far.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// Bytes of the largest linear memory so far.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    pub(crate) fn refused_growth(&self) -> Option<&Failure> {
        self.refused_growth.as_ref()
    }

    /// Whether growth is granted; the first refusal is kept.
    fn grant(&mut self, granted: bool, reason: impl FnOnce() -> String) -> bool {
        if !granted {
            self.refused_growth.get_or_insert_with(|| Failure::new(FailureKind::Memory, reason()));
        }
        granted
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.limits.memory;
        let granted = self.grant(desired <= limit.min(maximum.unwrap_or(usize::MAX)), || {
            format!("The plugin asked for more memory than it may have ({}).", size(limit))
        });
        if granted {
            self.memory = self.memory.max(desired);
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.limits.table;
        Ok(self.grant(desired <= limit.min(maximum.unwrap_or(usize::MAX)), || {
            format!("The plugin asked for a larger table than it may have ({limit} elements).")
        }))
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of a host call after this much work on the processor, under this limit.
    fn host_call_after(work: Duration, cpu: Duration) -> Result<(), FailureKind> {
        let mut meter = Meter::start(&Limits { cpu, wall: Duration::from_mins(1), ..Limits::default() }, || true);
        while meter.cpu() <= work {
            std::hint::spin_loop();
        }
        meter.count_call().map_err(|failure| failure.kind)
    }

    #[test]
    fn a_host_call_checks_the_clocks() {
        let work = Duration::from_millis(3);
        assert_eq!(host_call_after(work, Duration::from_millis(2)), Err(FailureKind::CpuTime));
        assert_eq!(host_call_after(work, Duration::from_mins(1)), Ok(()));
    }

    #[test]
    fn a_call_stopped_by_the_embedder_is_overloaded() {
        let mut meter = Meter::start(&Limits::default(), || false);
        assert_eq!(meter.check_clocks(), Ok(()), "the first tick may come right after the start");
        assert_eq!(meter.check_clocks().map_err(|failure| failure.kind), Err(FailureKind::Overloaded));
    }
}
