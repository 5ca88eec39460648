//! Runs a test's body on a gateway, on one kind of database or on both, and cleans up whatever came of it.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;

use crate::{Database, TestGateway};

/// Longest wait for something that is to happen soon.
pub const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// Set for a test that has a process to itself.
const ALONE: &str = "SCIMGATE_TEST_ALONE";

/// Makes each named body, an `async fn(&TestGateway)`, two tests: `name::postgres` and `name::embedded`.
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

/// Makes each named body a test on the server alone.
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
    if database == Database::Embedded && !is_alone() {
        return run_alone();
    }
    block_on(async move {
        let gateway = TestGateway::start(database).await;
        let outcome = AssertUnwindSafe(body(&gateway)).catch_unwind().await;
        gateway.end().await;
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// Runs a body that starts an embedded database of its own in a process that has no plugin engine yet.
pub fn alone(body: impl FnOnce()) {
    if is_alone() { body() } else { run_alone() }
}

/// Runs a future on a runtime like the binary's.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let outcome = runtime.block_on(AssertUnwindSafe(future).catch_unwind());
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Asks again until there is an answer.
#[track_caller]
pub fn poll<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "{caller}: waited {PATIENCE:?} until {what}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The embedded database must be in a process before the first plugin engine: with nextest every test has a process
/// of its own; elsewhere another test may have made an engine already.
#[expect(clippy::disallowed_methods, reason = "the runner tells by the environment")]
fn is_alone() -> bool {
    std::env::var("NEXTEST").is_ok() || std::env::var(ALONE).is_ok()
}

/// Runs the test of this thread again, as the only one of a process.
fn run_alone() {
    let thread = std::thread::current();
    let name = thread.name().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name} failed in its own process:\n{said}");
}
