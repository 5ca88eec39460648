//! Metrics of plugins' calls.

use prometheus_client::registry::{Registry, Unit};

use crate::operation::context::Gateway;

/// Adds them to a registry.
pub(super) fn register(gateway: &Gateway, registry: &mut Registry) {
    let counts = gateway.mapper.call_counts();
    registry.register("plugin_calls", "Calls of plugins for documents that are stored", counts.calls.clone());
    let about = "Processor time of plugins";
    registry.register_with_unit("plugin_cpu", about, Unit::Seconds, counts.cpu.clone());
    let about = "Time of a call, with the wait for its permit";
    registry.register_with_unit("plugin_call_duration", about, Unit::Seconds, counts.durations.clone());
    registry.register(
        "open_breakers",
        "Steps that are not called for a while",
        super::gauge(gateway.mapper.open_breakers()),
    );
}
