//! Runs a test's body on a gateway, on one kind of database or on both, and cleans up afterwards.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;

use crate::{Database, TestGateway};

/// Longest wait for an expected event.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Set for a test that runs in a process of its own.
const OWN_PROCESS: &str = "SCIMGATE_TEST_ALONE";

/// Makes two tests of each body, an `async fn(&TestGateway)`: `name::postgres` and `name::embedded`.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[test]
            fn postgres() {
                $crate::run($crate::Database::Postgres, super::$name);
            }

            #[test]
            fn embedded() {
                $crate::run($crate::Database::Embedded, super::$name);
            }
        }
    )+ };
}

/// Makes a test of each body on the server alone.
#[macro_export]
macro_rules! on_postgres {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[test]
            fn postgres() {
                $crate::run($crate::Database::Postgres, super::$name);
            }
        }
    )+ };
}

/// Runs a body on a fresh gateway.
pub fn run(database: Database, body: impl AsyncFnOnce(&TestGateway)) {
    if database == Database::Embedded && !is_own_process() {
        return run_in_own_process();
    }
    block_on(async move {
        let gateway = TestGateway::start(database).await;
        let outcome = AssertUnwindSafe(body(&gateway)).catch_unwind().await;
        gateway.end().await;
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// Runs a body that starts an embedded database, in a process without a plugin engine.
pub fn in_own_process(body: impl FnOnce()) {
    if is_own_process() { body() } else { run_in_own_process() }
}

/// Runs a future on a runtime like the binary's.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let outcome = runtime.block_on(AssertUnwindSafe(future).catch_unwind());
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Calls `ask` until it returns a value.
#[track_caller]
pub fn poll<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(begun.elapsed() < WAIT_TIMEOUT, "{caller}: waited {WAIT_TIMEOUT:?} until {what}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// The embedded database must start before the process's first plugin engine. With nextest every test has a process of
/// its own; with another runner another test may have created an engine already.
#[expect(clippy::disallowed_methods, reason = "the runner sets an environment variable")]
fn is_own_process() -> bool {
    std::env::var("NEXTEST").is_ok() || std::env::var(OWN_PROCESS).is_ok()
}

/// Runs the test of this thread again in a new process.
fn run_in_own_process() {
    let thread = std::thread::current();
    let name = thread.name().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(OWN_PROCESS, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name} failed in its own process:\n{text}");
}
