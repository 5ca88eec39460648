//! The process itself, under the names that Prometheus' own libraries use.

use std::sync::LazyLock;

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::{gauge, number};

/// When the process began, in seconds since 1970; none where the system does not say.
static STARTED: LazyLock<Option<f64>> = LazyLock::new(started);

/// Adds what the system says of this process. Where it does not, there is nothing.
pub(super) fn register(registry: &mut Registry) {
    let Ok(process) = procfs::process::Process::myself() else { return };
    if let Ok(stat) = process.stat() {
        let resident = stat.rss.saturating_mul(procfs::page_size());
        registry.register_with_unit("process_resident_memory", "Resident memory", Unit::Bytes, gauge(resident));
        registry.register_with_unit("process_virtual_memory", "Virtual memory", Unit::Bytes, gauge(stat.vsize));
        registry.register("process_threads", "Threads", ConstGauge::new(stat.num_threads));
        let ticks = number(stat.utime.saturating_add(stat.stime));
        #[expect(clippy::cast_precision_loss, reason = "exact for centuries")]
        let seconds = ticks as f64 / number(procfs::ticks_per_second()) as f64;
        registry.register_with_unit("process_cpu", "Processor time", Unit::Seconds, ConstCounter::new(seconds));
    }
    if let Ok(open) = process.fd_count() {
        registry.register("process_open_fds", "Open file descriptors", gauge(open));
    }
    if let Ok(procfs::process::LimitValue::Value(most)) =
        process.limits().map(|limits| limits.max_open_files.soft_limit)
    {
        registry.register("process_max_fds", "Most open file descriptors", gauge(most));
    }
    if let Some(started) = *STARTED {
        let about = "When the process began, since 1970";
        registry.register_with_unit("process_start_time", about, Unit::Seconds, ConstGauge::new(started));
    }
}

fn started() -> Option<f64> {
    let process = procfs::process::Process::myself().ok()?;
    let ticks = number(process.stat().ok()?.starttime);
    let booted = number(procfs::boot_time_secs().ok()?);
    #[expect(clippy::cast_precision_loss, reason = "exact for centuries")]
    Some(booted as f64 + ticks as f64 / number(procfs::ticks_per_second()) as f64)
}
