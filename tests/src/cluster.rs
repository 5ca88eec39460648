//! A PostgreSQL server of a test's own, to be stopped, restarted and frozen.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A running server; it ends when dropped, with everything in it.
pub struct Cluster {
    /// Before the directory: what is mounted there must go first.
    mounted: Option<Mounted>,
    directory: TempDir,
    port: u16,
}

/// A file system in memory, until it is dropped.
struct Mounted(PathBuf);

impl Cluster {
    /// Makes a server with these settings, each `name=value`, and starts it.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        Self::new(None).make(settings)
    }

    /// The same on a disk of so many MiB; none where this process may not mount one, as in some containers.
    #[must_use]
    pub fn on_small_disk(mebibytes: u32, settings: &[&str]) -> Option<Self> {
        let cluster = Self::new(Some(mebibytes));
        cluster.mounted.is_some().then(|| cluster.make(settings))
    }

    fn new(mebibytes: Option<u32>) -> Self {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let mounted = mebibytes.and_then(|size| Mounted::at(directory.path(), size));
        own(directory.path());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { mounted, directory, port }
    }

    fn make(self, settings: &[&str]) -> Self {
        let cluster = self;
        let port = cluster.port;
        let data = cluster.data();
        let data = data.to_str().unwrap();
        let _ = run(
            "initdb",
            &["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
        );
        let mut lines = format!("port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n");
        // A killed process loses no data without it; only a power cut would.
        lines.push_str("fsync = off\n");
        for setting in settings {
            lines.push_str(setting);
            lines.push('\n');
        }
        cluster.write("postgresql.auto.conf", &lines);
        cluster.resume();
        cluster
    }

    /// Makes a standby of it, which follows, and without which it acknowledges no commit.
    #[must_use]
    pub fn standby(&self) -> Self {
        let standby = Self::new(None);
        let (data, port) = (standby.data(), self.port.to_string());
        let _ = run(
            "pg_basebackup",
            &[
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                "postgres",
                "-D",
                data.to_str().unwrap(),
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
            ],
        );
        let settings = std::fs::read_to_string(data.join("postgresql.auto.conf")).unwrap();
        standby.write("postgresql.auto.conf", &format!("{settings}\nport = {}\n", standby.port));
        standby.resume();
        let settings = std::fs::read_to_string(self.data().join("postgresql.auto.conf")).unwrap();
        self.write("postgresql.auto.conf", &format!("{settings}\nsynchronous_standby_names = '*'\n"));
        self.control(&["reload"]);
        standby
    }

    /// Makes the standby the server that is written to.
    pub fn promote(&self) {
        self.control(&["promote"]);
    }

    /// Fills the disk, until the file that it makes is removed: its path.
    #[must_use]
    pub fn fill_disk(&self) -> PathBuf {
        let path = self.directory.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        let block = vec![0; 64 << 10];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
        path
    }

    /// A database's address.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Writes a file of its directory that only the server may read.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        std::fs::write(&path, text).unwrap();
        own(&path);
        assert!(Command::new("chmod").arg("600").arg(&path).status().unwrap().success());
    }

    /// Ends it like a crash: connections are not closed, nothing is cleaned up.
    pub fn crash(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    /// Starts it again.
    pub fn resume(&self) {
        let log = self.directory.path().join("data/log");
        self.control(&["-l", log.to_str().unwrap(), "start"]);
    }

    /// Restarts it like an administrator, under load.
    pub fn restart(&self) {
        let log = self.directory.path().join("data/log");
        self.control(&["-m", "fast", "-l", log.to_str().unwrap(), "restart"]);
    }

    /// Stops all of its processes: connections stay open and get no answer.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Continues after `freeze`.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn control(&self, arguments: &[&str]) {
        let data = self.data();
        let _ = run("pg_ctl", &[&["-D", data.to_str().unwrap(), "-w", "-s"], arguments].concat());
    }

    fn signal(&self, signal: &str) {
        let Ok(file) = std::fs::read_to_string(self.data().join("postmaster.pid")) else { return };
        let postmaster = file.lines().next().unwrap().to_owned();
        // The parent first, so that it starts no more children.
        let _ = Command::new("kill").args([signal, &postmaster]).status();
        let children = Command::new("pgrep").args(["-P", &postmaster]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let _ = Command::new("kill").arg(signal).args(children.split_whitespace()).status();
    }
}

impl Mounted {
    fn at(path: &Path, mebibytes: u32) -> Option<Self> {
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.thaw();
        let data = self.data();
        // It may be stopped already.
        let _ = command("pg_ctl", &["-D", data.to_str().unwrap(), "-m", "immediate", "stop"]).output();
        drop(self.mounted.take());
    }
}

/// Runs a client program of PostgreSQL, such as `pg_dump`.
pub fn client(program: &str, arguments: &[&str]) {
    let output = Command::new(programs().join(program)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// PostgreSQL refuses to run as root; the server then runs as the user that the distribution's package creates.
#[must_use]
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Gives a file to the server's user.
pub fn own(path: &Path) {
    if is_root() {
        assert!(Command::new("chown").arg("postgres").arg(path).status().unwrap().success());
    }
}

/// The newest server's programs, where the distribution's packages install them.
fn programs() -> PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    found.sort_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or_default());
    found.pop().map(|newest| newest.path().join("bin")).unwrap_or_default()
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let program = programs().join(program);
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    } else {
        command = Command::new(program);
    }
    command.args(arguments).current_dir("/tmp");
    command
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = command(program, arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    output
}
