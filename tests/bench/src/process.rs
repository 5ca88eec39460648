//! The servers' processes and their CPU time.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use procfs::process::{Process, Stat, all_processes};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A process's memory, in MiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// The resident set.
    pub(crate) resident: f64,
    /// The part of it that is not a file's, such as the program.
    pub(crate) anonymous: f64,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server and returns once it accepts connections.
    pub(crate) async fn start(mut command: Command, address: SocketAddr, log: &Path) -> Result<Self> {
        let file = std::fs::File::create(log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).kill_on_drop(true);
        let mut child = command.spawn().context("starting a server")?;
        let start = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            let runs = child.try_wait()?.is_none() && start.elapsed() < START_TIMEOUT;
            ensure!(runs, "a server did not start; its log is {}", log.display());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(Self { child, address })
    }

    /// CPU time in microseconds.
    pub(crate) fn cpu_micros(&self) -> Result<u64> {
        Ok(own_micros(&self.process()?.stat()?))
    }

    /// The memory in use.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = self.process()?.status()?;
        #[expect(clippy::cast_precision_loss, reason = "a size of memory")]
        let mebibytes = |kibibytes: Option<u64>| kibibytes.unwrap_or_default() as f64 / 1024.0;
        Ok(Memory { resident: mebibytes(status.vmrss), anonymous: mebibytes(status.rssanon) })
    }

    fn process(&self) -> Result<Process> {
        let id = self.child.id().context("a server has ended")?;
        Ok(Process::new(i32::try_from(id)?)?)
    }

    /// Kills the server.
    pub(crate) async fn stop(mut self) {
        // An error means that it has already ended.
        let _ = self.child.kill().await;
    }
}

/// A free port.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

/// The process id of a process's parent.
pub(crate) fn parent(id: i32) -> Result<i32> {
    Ok(Process::new(id)?.stat()?.ppid)
}

/// CPU time in microseconds of a database server: its first process, the other running ones, and those that have ended.
pub(crate) fn database_cpu_micros(postmaster: i32) -> Result<u64> {
    let mut micros = 0;
    for process in all_processes()? {
        // A process may end meanwhile; its time is then part of its parent's.
        let Ok(stat) = process.and_then(|process| process.stat()) else { continue };
        if stat.pid == postmaster {
            micros += own_micros(&stat) + ticks_to_micros(stat.cutime.unsigned_abs() + stat.cstime.unsigned_abs());
        } else if stat.ppid == postmaster {
            micros += own_micros(&stat);
        }
    }
    Ok(micros)
}

fn own_micros(stat: &Stat) -> u64 {
    ticks_to_micros(stat.utime + stat.stime)
}

fn ticks_to_micros(ticks: u64) -> u64 {
    ticks * 1_000_000 / procfs::ticks_per_second()
}
