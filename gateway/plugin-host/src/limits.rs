//! What one call may use, and the meter that watches it. Time is CPU time of the calling thread: a wall-clock
//! deadline kills innocent calls on an overloaded machine, so the clock on the wall is only the outer bound.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::{Failure, FailureKind};

/// What one call may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time; checked every millisecond, and around every call of the host.
    pub cpu: Duration,
    /// Time on the clock.
    pub wall: Duration,
    /// Linear memory in bytes; the host's own maximum holds as well.
    pub memory: usize,
    /// Elements of one table; the host's own maximum holds as well.
    pub table: usize,
    /// Bytes that a call writes into the document, over all its writes, paths included.
    pub output: usize,
    /// Log lines.
    pub log_lines: usize,
    /// Bytes of one log line, and of the text of an outcome; what is longer is cut.
    pub log_line: usize,
    /// Calls of the host: reading, writing, logging.
    pub host_calls: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(20),
            wall: Duration::from_secs(1),
            memory: 16 << 20,
            table: TABLE_ELEMENTS,
            output: 1 << 20,
            log_lines: 100,
            log_line: 1 << 10,
            host_calls: 10_000,
        }
    }
}

/// Most elements of a table.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;

/// How often the clocks are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Ticks at which `escalate` is called: from the second on, since the first may come right after the start.
const ESCALATION: std::ops::RangeInclusive<u32> = 2..=8;

/// Watches one call.
pub(crate) struct Meter {
    limits: Limits,
    escalate: fn() -> bool,
    started: Instant,
    looked: Instant,
    cpu_started: Duration,
    ticks: u32,
    calls: u32,
    written: usize,
    /// What the plugin was refused for want of memory; if it dies of that, this is why.
    pub(crate) starved: Option<Failure>,
}

impl Meter {
    pub(crate) fn start(limits: &Limits, escalate: fn() -> bool) -> Self {
        let now = Instant::now();
        Self {
            limits: limits.clone(),
            escalate,
            started: now,
            looked: now,
            cpu_started: thread_cpu(),
            ticks: 0,
            calls: 0,
            written: 0,
            starved: None,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// CPU time used so far.
    pub(crate) fn cpu(&self) -> Duration {
        thread_cpu().saturating_sub(self.cpu_started)
    }

    /// Called by the engine once every tick while guest code runs.
    pub(crate) fn tick(&mut self) -> Result<UpdateDeadline, Failure> {
        self.look()?;
        Ok(UpdateDeadline::Continue(1))
    }

    /// Looks at the clocks, and lets the embedder know that the call lasts.
    fn look(&mut self) -> Result<(), Failure> {
        self.ticks = self.ticks.saturating_add(1);
        self.looked = Instant::now();
        if self.cpu() > self.limits.cpu {
            let reason = format!("The plugin used more than its {:?} of CPU time.", self.limits.cpu);
            return Err(Failure::new(FailureKind::CpuTime, reason));
        }
        if self.started.elapsed() > self.limits.wall {
            let reason = format!("The plugin ran longer than its {:?}.", self.limits.wall);
            return Err(Failure::new(FailureKind::WallTime, reason));
        }
        if ESCALATION.contains(&self.ticks) && !(self.escalate)() {
            let reason = "Too many plugins of this tenant run long at this moment.";
            return Err(Failure::new(FailureKind::Overloaded, reason));
        }
        Ok(())
    }

    /// Looks at the clocks where a tick has gone by. The engine looks at loops and calls of guest code alone. In a
    /// wrapped module the encoder's own functions are such code, but a component made by hand can call the host in one
    /// straight line.
    pub(crate) fn glance(&mut self) -> Result<(), Failure> {
        if self.looked.elapsed() < TICK { Ok(()) } else { self.look() }
    }

    /// Counts a call of the host.
    pub(crate) fn call(&mut self) -> Result<(), Failure> {
        self.calls += 1;
        if self.calls > self.limits.host_calls {
            let reason = format!("The plugin called the host more than {} times.", self.limits.host_calls);
            return Err(Failure::new(FailureKind::HostCalls, reason));
        }
        self.glance()
    }

    /// Counts bytes before they are written.
    pub(crate) fn write(&mut self, bytes: usize) -> Result<(), Failure> {
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

    fn refuse(&mut self, reason: String) {
        self.starved.get_or_insert(Failure::new(FailureKind::Memory, reason));
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= self.limits.memory && maximum.is_none_or(|maximum| desired <= maximum);
        if !granted {
            let most = size(self.limits.memory);
            self.refuse(format!("The plugin asked for more memory than it may have ({most})."));
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= self.limits.table && maximum.is_none_or(|maximum| desired <= maximum);
        if !granted {
            let most = self.limits.table;
            self.refuse(format!("The plugin asked for a larger table than it may have ({most} elements)."));
        }
        Ok(granted)
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

    /// A call of the host after so much work on the processor, under a limit of so much.
    fn after(work: Duration, cpu: Duration) -> Result<(), FailureKind> {
        let mut meter = Meter::start(&Limits { cpu, wall: Duration::from_mins(1), ..Limits::default() }, || true);
        while meter.cpu() <= work {
            std::hint::spin_loop();
        }
        meter.call().map_err(|failure| failure.kind)
    }

    #[test]
    fn a_call_of_the_host_looks_at_the_clocks_too() {
        let work = Duration::from_millis(3);
        assert_eq!(after(work, Duration::from_millis(2)), Err(FailureKind::CpuTime));
        assert_eq!(after(work, Duration::from_mins(1)), Ok(()));
    }

    #[test]
    fn a_call_that_may_not_go_on_is_overloaded() {
        let mut meter = Meter::start(&Limits::default(), || false);
        assert_eq!(meter.look(), Ok(()), "the first tick may come right after the start");
        assert_eq!(meter.look().map_err(|failure| failure.kind), Err(FailureKind::Overloaded));
    }
}
