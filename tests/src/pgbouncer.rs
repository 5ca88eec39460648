//! PgBouncer in front of the test server.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use reqwest::Url;
use tempfile::TempDir;

use crate::cluster::{is_root, own};
use crate::harness::poll;

/// A running PgBouncer; it ends when dropped, or with the test's process.
pub struct Pgbouncer {
    port: u16,
    process: Child,
    _directory: TempDir,
}

impl Pgbouncer {
    /// Starts one in front of this server, in this mode (`session`, `transaction`), with so many connections to each database. More clients
    /// than that share them.
    pub async fn start(server: &str, mode: &str, connections: u32) -> Self {
        let pgbouncer = Self::spawn(server, mode, connections);
        let address = format!("127.0.0.1:{}", pgbouncer.port);
        poll("PgBouncer listens", async || tokio::net::TcpStream::connect(&address).await.ok()).await;
        pgbouncer
    }

    fn spawn(server: &str, mode: &str, connections: u32) -> Self {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        own(directory.path());
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            own(&path);
            path
        };
        let users = file("users", "\"postgres\" \"\"\n");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Url::parse(server).unwrap().port().unwrap();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = {connections}\n\
             max_client_conn = 500\nserver_tls_sslmode = disable\nlogfile = /dev/null\n",
            users.display()
        );
        let settings = file("pgbouncer.ini", &settings);
        // It refuses root, as PostgreSQL does, and must not outlive a test that was killed.
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=KILL");
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command.arg("/usr/sbin/pgbouncer").arg("-q").arg(settings).stdin(Stdio::null());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { port, process, _directory: directory }
    }

    /// The address of a database of the test server through it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let mut url = Url::parse(database).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// For a run of all tests through PgBouncer in transaction mode: the address through this process's own, where the environment asks for it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the Makefile asks for it by an environment variable")]
pub fn instead_of(url: &str, server: &str) -> Option<String> {
    static PGBOUNCER: OnceLock<Pgbouncer> = OnceLock::new();
    let port = |url: &str| Url::parse(url).unwrap().port();
    if std::env::var("SCIMGATE_TEST_POOLER").is_err() || port(url) != port(server) {
        return None;
    }
    let pgbouncer = PGBOUNCER.get_or_init(|| {
        let (server, (started, port)) = (server.to_owned(), std::sync::mpsc::channel());
        // It ends with the thread that started it, and a test's thread ends with the test.
        let _ = std::thread::spawn(move || {
            started.send(Pgbouncer::spawn(&server, "transaction", 4)).unwrap();
            loop {
                std::thread::park();
            }
        });
        let started = port.recv().unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", started.port)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        started
    });
    Some(pgbouncer.url(url))
}
