//! `scimgate serve` as a process, on a database at any address.

use serde_json::Value;
use tokio::process::Command;

use crate::binary::{Running, command, finish};
use crate::{Client, Tenant};

/// A database after `migrate` and `bootstrap`.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its address.
    pub url: String,
    key: String,
    settings: Vec<(&'static str, String)>,
}

/// A running server and its listeners.
pub struct Served {
    /// The process.
    pub running: Running,
    /// The address of the SCIM endpoint.
    pub public: String,
    /// The address of the admin API and the directory.
    pub internal: String,
    /// The address of the probes.
    pub probes: String,
    /// The admin API, with an operator key.
    pub operator: Client,
}

impl Prepared {
    /// Prepares an empty database.
    pub async fn new(url: &str, settings: &[(&'static str, String)]) -> Self {
        let prepared = Self { url: url.to_owned(), key: String::new(), settings: settings.to_vec() };
        let _ = stdout_of(prepared.command(&["migrate"])).await;
        let printed = stdout_of(prepared.command(&["bootstrap"])).await;
        Self { key: printed.rsplit(' ').next().unwrap().to_owned(), ..prepared }
    }

    /// The operator key that `bootstrap` printed.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The same database at another address.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// A command of the binary on this database.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.env("DATABASE_URL", &self.url).envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `serve` on free ports.
    pub async fn serve(&self, arguments: &[&str]) -> Served {
        let ports = ["--port", "0", "--internal-port", "0", "--probe-port", "0", "--bind", "127.0.0.1"];
        let mut command = self.command(&["serve", "--log-format", "json"]);
        // Without a line for each request.
        command.args(ports).args(arguments).env("SCIMGATE_LOG", "warn,scimgate::serve=info");
        let mut running = Running::start(command);
        let line: Value = serde_json::from_str(&running.logged("\"serving\"").await).unwrap();
        running.pass_log();
        let address = |name: &str| format!("http://{}", line["fields"][name].as_str().unwrap());
        let (public, internal, probes) = (address("scim"), address("internal"), address("probes"));
        let operator = Client::new(format!("{internal}/admin/v1")).with(&self.key);
        Served { running, public, internal, probes, operator }
    }
}

impl Served {
    /// The addresses of the public and the internal listener.
    #[must_use]
    pub fn addresses(&self) -> (&str, &str) {
        (&self.public, &self.internal)
    }

    /// Creates a tenant like the demo's.
    pub async fn tenant(&self, name: &str) -> Tenant {
        Tenant::demo(&self.operator, name, self.addresses()).await
    }

    /// The status of a probe.
    pub async fn probe(&self, path: &str) -> u16 {
        Client::new(self.probes.clone()).get(path).await.status
    }

    /// Host and port of the SCIM endpoint.
    #[must_use]
    pub fn address(&self) -> &str {
        self.public.trim_start_matches("http://")
    }
}

/// What a command that must succeed prints.
async fn stdout_of(command: Command) -> String {
    let output = finish(command).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
