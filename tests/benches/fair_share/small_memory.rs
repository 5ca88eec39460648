//! All attacks at once for a minute on a gateway that may use 512 MiB.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use scimgate_tests::attacks::{attacks, fill};
use scimgate_tests::database::{self, Fresh};
use scimgate_tests::served::Prepared;
use scimgate_tests::{Client, Tenant};
use tokio::time::{sleep, timeout};

use super::{Count, Flag, LARGE_USERS, PATIENCE, measure, milliseconds, send_all};

const MINUTE: Duration = Duration::from_mins(1);
const BYTES: u64 = 512 << 20;

/// A group of processes with a limit, by either version of the kernel's interface.
struct MemoryLimit(PathBuf);

impl MemoryLimit {
    /// Puts a process under the limit; none where this process may not.
    fn on(pid: u32) -> Option<Self> {
        for (root, limit) in [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")] {
            let group = PathBuf::from(root).join(format!("scimgate-bench-{pid}"));
            let write = |name: &str, text: String| {
                OpenOptions::new().write(true).open(group.join(name))?.write_all(text.as_bytes())
            };
            // In a directory of another kind there are no such files.
            let set = || {
                fs::create_dir(&group)?;
                write(limit, BYTES.to_string())?;
                write("cgroup.procs", pid.to_string())
            };
            if set().is_ok() {
                return Some(Self(group));
            }
            let _ = fs::remove_dir(&group);
        }
        None
    }

    /// The most that was used, in MiB.
    fn peak(&self) -> u64 {
        let read = |name: &str| fs::read_to_string(self.0.join(name)).ok()?.trim().parse::<u64>().ok();
        read("memory.peak").or_else(|| read("memory.max_usage_in_bytes")).unwrap_or_default() >> 20
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

pub(super) async fn run() {
    println!("\n## All at once in 512 MiB\n");
    let fresh = Fresh::empty().await;
    let served = Prepared::new(&fresh.url, &[]).await.serve(&[]).await;
    let Some(limit) = MemoryLimit::on(served.running.id()) else {
        println!("Not measured: this process may not limit the memory of others.");
        return;
    };
    let evil = Tenant::plain(&served.operator, "evil", served.addresses()).await;
    let good = Tenant::plain(&served.operator, "good", served.addresses()).await;
    fill(&database::owner(&fresh.url).await, &evil, LARGE_USERS).await;
    let path = format!("/Users/{}", good.user("ada").await);
    let (stop, answered) = (Flag::default(), Count::default());
    let sending: Vec<_> = attacks()
        .iter()
        .flat_map(|attack| send_all(attack.clients, &evil.scim, &attack.request, (&stop, &answered)))
        .collect();
    let gets = measure(good.scim.clone(), path, stop.clone());
    let probes = measure(Client::new(served.probes.clone()), "/livez".to_owned(), stop.clone());
    sleep(MINUTE).await;
    stop.store(true, Ordering::Relaxed);
    let clients = sending.len();
    for task in sending {
        let _ = timeout(PATIENCE, task).await;
    }
    // Each must have been answered with 200.
    let (gets, probes) = (gets.await.unwrap(), probes.await.unwrap());
    assert_eq!(served.probe("/livez").await, 200, "the gateway is still there");
    println!(
        "All {clients} clients of the table's attacks sent at once for a minute, to a gateway that the kernel allows 512 MiB: it used {} \
         MiB at most, and answered {} of their requests. Of the other tenant's {} GETs each was answered: p50 {:.1} ms, p99 {:.1} ms, \
         worst {:.0} ms; `/livez` took {:.0} ms at worst.",
        limit.peak(),
        answered.load(Ordering::Relaxed),
        gets.len(),
        milliseconds(&gets, 50),
        milliseconds(&gets, 99),
        milliseconds(&gets, 100),
        milliseconds(&probes, 100),
    );
    served.running.kill().await;
    drop(limit);
    fresh.drop().await;
}
