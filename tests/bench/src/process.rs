//! The servers as processes of their own, and the processor time that they have used.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::failed::Failed;
use crate::http::Connection;

/// Linux counts processor time for programs in hundredths of a second, on every architecture we know.
const TICK: u64 = 10_000;
/// Longest wait for a server to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server and waits until it accepts connections.
    pub(crate) async fn start(mut command: Command, address: SocketAddr, log: &Path) -> Result<Self, Failed> {
        let file = std::fs::File::create(log).map_err(Failed::doing("making a log file"))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).kill_on_drop(true);
        let child = command.spawn().map_err(Failed::doing("starting a server"))?;
        let mut server = Self { child, address };
        let begun = Instant::now();
        while Connection::open(address).await.is_err() {
            let ended = server.child.try_wait().ok().flatten().is_some();
            if ended || begun.elapsed() > PATIENCE {
                return Err(Failed::because(format!("a server did not start; its log is {}", log.display())));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Microseconds of processor time so far.
    pub(crate) fn processor_time(&self) -> u64 {
        self.child.id().and_then(Times::of).map_or(0, |times| times.own * TICK)
    }

    /// Ends it and waits until it is gone.
    pub(crate) async fn stop(mut self) {
        // It may have ended by itself.
        let _ = self.child.kill().await;
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16, Failed> {
    let doing = "looking for a free port";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failed::doing(doing))?;
    Ok(listener.local_addr().map_err(Failed::doing(doing))?.port())
}

/// Microseconds of processor time of a database server so far: of its first process, of those that live, and of
/// those that ended.
pub(crate) fn family_time(parent: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ticks: u64 = ids
        .filter_map(|id| Some((id, Times::of(id)?)))
        .map(|(id, times)| match (id == parent, times.parent == parent) {
            (true, _) => times.own + times.ended_children,
            (_, true) => times.own,
            _ => 0,
        })
        .sum();
    ticks * TICK
}

/// The process that started this one.
pub(crate) fn parent(id: u32) -> Option<u32> {
    Times::of(id).map(|times| times.parent)
}

#[derive(Debug, PartialEq, Eq)]
struct Times {
    parent: u32,
    own: u64,
    ended_children: u64,
}

impl Times {
    fn of(id: u32) -> Option<Self> {
        Self::read(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    /// `proc_pid_stat(5)`: the fourth field is the parent, the 14th to the 17th are times.
    fn read(stat: &str) -> Option<Self> {
        // The name in brackets may hold anything; what is counted on comes after it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(4)?).ok()?,
            own: number(14)? + number(15)?,
            ended_children: number(16)? + number(17)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_behind_an_odd_name() {
        let stat = "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 2 0 0 50 25 4 6 20 0 1 0 1 1 1";
        assert_eq!(Times::read(stat), Some(Times { parent: 3, own: 75, ended_children: 10 }));
        assert_eq!(Times::read("nothing"), None);
    }
}
