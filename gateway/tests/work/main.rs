//! Bounds what a create allocates: counted, never timed, so that it is the same on every machine.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, and shows what it counted"
)]

mod steps;

use allocation_counter::{AllocationInfo, measure};
use steps::{BODY, Tenant};

fn check(step: &str, max_count: u64, max_bytes: u64, run: impl FnOnce()) {
    let AllocationInfo { count_total, bytes_total, .. } = measure(run);
    println!("{step}: {count_total} allocations, {bytes_total} bytes");
    assert!(count_total <= max_count, "{step}: {count_total} allocations are more than {max_count}");
    assert!(bytes_total <= max_bytes, "{step}: {bytes_total} bytes are more than {max_bytes}");
}

#[test]
fn a_create_allocates_within_its_bounds() {
    assert_eq!(BODY.len() / 100, 24);
    let tenant = Tenant::new();
    let (document, text) = tenant.create();
    // The first call compiles the plugin.
    drop(tenant.map(&document, &text));

    let body = Tenant::parse();
    check("parse", 240, 26_000, || drop(Tenant::parse()));
    check("normalise", 52, 17_000, || drop(tenant.normalise(body)));
    check("validate", 0, 0, || tenant.validate(&document));
    check("keys", 27, 1_800, || drop(tenant.keys(&document)));
    check("print", 2, 4_500, || drop(Tenant::print(&document)));
    check("create", 320, 49_000, || drop(tenant.create()));
    check("map", 180, 31_000, || drop(tenant.map(&document, &text)));
}
