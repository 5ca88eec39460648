//! A restart of a gateway whose tenants have a plugin each: until it serves, and the first call of each plugin.

use std::time::Instant;

use futures_util::future::join_all;
use scimgate_tests::Tenant;
use scimgate_tests::database::Fresh;
use scimgate_tests::plugins::with_variant;
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::tenant::{patch, tutorial_config};
use serde_json::json;

use super::milliseconds;

/// Each takes a quarter of a second to compile.
const PLUGINS: usize = 300;

/// Creates a tenant with a plugin of its own, and a user, which compiles the plugin.
async fn tenant(served: &Served, number: usize) -> (Tenant, String) {
    let mut config = tutorial_config();
    let _ = config.as_object_mut().unwrap().remove("lift");
    let tenant = with_variant(served, number, &config).await;
    let id = tenant.user("Ada").await;
    (tenant, id)
}

pub(super) async fn run() {
    let plugins = PLUGINS;
    println!("\n## A restart with {plugins} plugins\n");
    let fresh = Fresh::empty().await;
    let prepared = Prepared::new(&fresh.url, &[("SCIMGATE_ROOT_KEY", "11".repeat(32))]).await;
    let served = prepared.serve(&[]).await;
    let mut tenants = Vec::with_capacity(plugins);
    for first in (0..plugins).step_by(10) {
        tenants.extend(join_all((first..plugins.min(first + 10)).map(|number| tenant(&served, number))).await);
    }
    served.running.kill().await;
    let begun = Instant::now();
    let served = prepared.serve(&[]).await;
    assert_eq!(served.probe("/readyz").await, 200);
    let serving = begun.elapsed();
    let mut first = Vec::with_capacity(plugins);
    let mut second = Vec::with_capacity(plugins);
    for (tenant, id) in &tenants {
        let tenant = tenant.at(served.addresses());
        // The tenant's settings and token are read before, which is not the plugin's part.
        let _ = tenant.get(&format!("/Users/{id}")).await.expect(200);
        for (times, title) in [(&mut first, "one"), (&mut second, "two")] {
            let change = patch(json!([{ "op": "replace", "path": "title", "value": title }]));
            let sent = Instant::now();
            let _ = tenant.patch(&format!("/Users/{id}"), &change).await.expect(200);
            times.push(sent.elapsed());
        }
    }
    first.sort_unstable();
    second.sort_unstable();
    println!(
        "{plugins} tenants have a plugin each, no two the same. The gateway was killed and started again: it was ready after {} ms. Then each \
         tenant changed a user, which calls its plugin for the first time: p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms; the same once \
         more: p50 {:.1} ms. The plugins' compiled code is kept in the database, sealed with the root key.",
        serving.as_millis(),
        milliseconds(&first, 50),
        milliseconds(&first, 99),
        milliseconds(&first, 100),
        milliseconds(&second, 50),
    );
    served.running.kill().await;
    fresh.drop().await;
}
