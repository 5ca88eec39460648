//! `migrate`, `bootstrap` and `serve` on a PostgreSQL server, as a role that is not a superuser but may create roles.

use std::net::TcpListener;
use std::time::Instant;

use scimgate::store::postgres::migrate::{KNOWN, MIGRATIONS};
use scimgate_tests::binary::{Running, command, finish, refusal};
use scimgate_tests::database::{Fresh, owner, server_url};
use scimgate_tests::harness::block_on;
use scimgate_tests::{Client, Tenant};
use serde_json::Value;
use tokio::process::Command;

use super::AT_ONCE;

/// `serve` on free ports, so that a server on the default ones does not matter.
pub(super) const SERVE_ON_FREE_PORTS: [&str; 9] =
    ["serve", "--bind", "127.0.0.1", "--port", "0", "--internal-port", "0", "--probe-port", "0"];

/// A database with nothing in it, and the role that owns it.
pub(super) struct Home {
    fresh: Fresh,
    role: String,
    /// Its address for that role.
    pub(super) url: String,
}

impl Home {
    pub(super) async fn new() -> Self {
        // The roles of the gateway belong to the server and are there already, made by another: what their maker would have
        // is given to this role. That it can make them itself is shown where there is a server to itself.
        Fresh::migrated().await.drop().await;
        let fresh = Fresh::empty().await;
        let database = fresh.url.rsplit('/').next().unwrap().split('?').next().unwrap();
        let role = format!("gate_{}", uuid::Uuid::new_v4().simple());
        let sql = format!(
            "CREATE ROLE {role} LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD 'secret';
             GRANT scimgate_tenant, scimgate_control TO {role} WITH ADMIN OPTION;
             ALTER DATABASE {database} OWNER TO {role}"
        );
        owner(&server_url()).await.batch_execute(&sql).await.unwrap();
        let mut url = reqwest::Url::parse(&fresh.url).unwrap();
        url.set_username(&role).unwrap();
        url.set_password(Some("secret")).unwrap();
        Self { url: url.to_string(), role, fresh }
    }

    /// A command with the database's URL in its environment.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.env("DATABASE_URL", &self.url);
        command
    }

    /// `migrate` and `bootstrap`; gives the operator key.
    pub(super) async fn furnish(&self) -> String {
        assert!(finish(self.command(&["migrate"])).await.status.success());
        said(self.command(&["bootstrap"])).await.rsplit(' ').next().unwrap().to_owned()
    }

    /// A connection for which no row-level security applies.
    pub(super) async fn owner(&self) -> tokio_postgres::Client {
        self.fresh.owner().await
    }

    /// `serve` on free ports.
    pub(super) async fn serve(&self) -> Served {
        self.serve_with(&[]).await
    }

    /// The same with settings of its own.
    pub(super) async fn serve_with(&self, settings: &[(&str, &str)]) -> Served {
        self.serve_at("0", settings).await
    }

    /// The same with the internal listener at a port.
    pub(super) async fn serve_at(&self, internal_port: &str, settings: &[(&str, &str)]) -> Served {
        let mut arguments = SERVE_ON_FREE_PORTS;
        let at = arguments.iter().position(|argument| *argument == "--internal-port").unwrap();
        arguments[at + 1] = internal_port;
        let mut command = self.command(&[&arguments[..], &["--log-format", "json"]].concat());
        command.envs(settings.iter().copied());
        let mut running = Running::start(command);
        let line: Value = serde_json::from_str(&running.logged("\"serving\"").await).unwrap();
        let address = |name: &str| format!("http://{}", line["fields"][name].as_str().unwrap());
        Served { public: address("scim"), internal: address("internal"), probes: address("probes"), running }
    }

    pub(super) async fn drop(self) {
        self.fresh.drop().await;
        owner(&server_url()).await.batch_execute(&format!("DROP ROLE {}", self.role)).await.unwrap();
    }
}

/// A running server and the addresses of its listeners.
pub(super) struct Served {
    pub(super) running: Running,
    pub(super) public: String,
    pub(super) internal: String,
    probes: String,
}

/// What a command that succeeds prints.
pub(crate) async fn said(command: Command) -> String {
    let output = finish(command).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn a_server_is_migrated_bootstrapped_and_serves() {
    block_on(async {
        let home = Home::new().await;
        let sentence = refusal(home.command(&SERVE_ON_FREE_PORTS)).await;
        assert_eq!(sentence, "the database has no schema yet; run `scimgate migrate` first");
        assert_eq!(refusal(home.command(&["bootstrap"])).await, sentence);

        let all = MIGRATIONS.iter().map(|(version, ..)| version.to_string()).collect::<Vec<_>>().join(", ");
        let sentence = format!("Applied {all}. The schema is at version {KNOWN}.");
        assert_eq!(said(home.command(&["migrate"])).await, sentence);
        assert_eq!(said(home.command(&["migrate"])).await, format!("The schema is already at version {KNOWN}."));
        let key = said(home.command(&["bootstrap"])).await;
        let key = key.strip_prefix("Operator key (shown only once): ").unwrap();
        let sentence = refusal(home.command(&["bootstrap"])).await;
        assert!(sentence.starts_with("the first operator key exists already"), "{sentence}");

        let served = home.serve().await;
        let operator = Client::new(format!("{}/admin/v1", served.internal)).with(key);
        assert_eq!(operator.get("/tenants").await.expect(200).body["tenants"], serde_json::json!([]));
        for probe in ["/livez", "/readyz"] {
            let _ = Client::new(served.probes.clone()).get(probe).await.expect(200);
        }
        let begun = Instant::now();
        let (status, printed) = served.running.terminate().await;
        assert!(status.success(), "{status}");
        assert_eq!(printed, "", "a server prints nothing: its log is on standard error");
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());

        // With the same key after a restart.
        let served = home.serve().await;
        let _ = Client::new(format!("{}/admin/v1", served.internal)).with(key).get("/tenants").await.expect(200);
        served.running.kill().await;
        home.drop().await;
    });
}

#[test]
fn two_migrations_at_once_both_succeed() {
    block_on(async {
        let home = Home::new().await;
        let (one, two) = tokio::join!(said(home.command(&["migrate"])), said(home.command(&["migrate"])));
        // Each version was applied by one of them; they may have taken turns.
        let mut applied = Vec::new();
        for sentence in [&one, &two] {
            assert!(sentence.ends_with(&format!("at version {KNOWN}.")), "{sentence}");
            let listed = sentence.strip_prefix("Applied ").map_or("", |rest| rest.split('.').next().unwrap());
            applied.extend(listed.split(", ").filter_map(|version| version.parse::<i32>().ok()));
        }
        applied.sort_unstable();
        assert_eq!(applied, MIGRATIONS.iter().map(|(version, ..)| *version).collect::<Vec<_>>());
        home.drop().await;
    });
}

#[test]
fn unusable_settings_of_serve_are_one_sentence() {
    block_on(async {
        let said = refusal(command(&["serve", "--database-url", "mysql://db/scimgate"])).await;
        assert!(said.starts_with("DATABASE_URL is not a PostgreSQL address"), "{said}");

        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("postgres://gate:secret@127.0.0.1:{nobody}/gate?sslmode=disable");
        for name in ["serve", "migrate", "bootstrap"] {
            let said = refusal(command(&[name, "--database-url", &url])).await;
            assert!(said.contains("refused"), "{name}: {said}");
            assert!(!said.contains("secret"), "{name}: {said}");
        }

        let home = Home::new().await;
        let _ = home.furnish().await;
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let ports = ["--port", &port, "--internal-port", "0", "--probe-port", "0"];
        let said = refusal(home.command(&[&["serve", "--bind", "127.0.0.1"], &ports[..]].concat())).await;
        assert!(said.ends_with("give another address with --port"), "{said}");

        let refused =
            async |arguments: &[&str]| refusal(home.command(&[&SERVE_ON_FREE_PORTS[..], arguments].concat())).await;
        let key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
        let said = refused(&["--root-key", key]).await;
        assert!(said.starts_with("--root-key is not a root key: it must be 32 random bytes"), "{said}");
        assert!(!said.contains(key), "{said}");
        let said = refused(&["--root-key-file", "/nowhere/key"]).await;
        assert!(said.starts_with("the file of --root-key-file, /nowhere/key, cannot be read"), "{said}");
        let said = refused(&["--previous-root-key", &format!("{key}f")]).await;
        assert!(said.starts_with("--previous-root-key needs --root-key"), "{said}");
        home.drop().await;
    });
}

/// Two servers without a configured key share the database's. Three others have one key: in the environment, in a file, and
/// as the previous key. Servers with the same key accept each other's cursors.
#[test]
fn servers_with_one_root_key_go_on_with_each_others_cursors() {
    block_on(async {
        let home = Home::new().await;
        let key = home.furnish().await;
        let root = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("root-key");
        std::fs::write(&file, format!("{root}\n")).unwrap();
        let another = "f".repeat(64);
        let path = file.to_str().unwrap();
        let settings: [&[(&str, &str)]; 5] = [
            &[],
            &[],
            &[("SCIMGATE_ROOT_KEY", root)],
            &[("SCIMGATE_ROOT_KEY_FILE", path)],
            &[("SCIMGATE_ROOT_KEY", &another), ("SCIMGATE_PREVIOUS_ROOT_KEY_FILE", path)],
        ];
        let mut served = Vec::new();
        for settings in settings {
            served.push(home.serve_with(settings).await);
        }
        let operator = Client::new(format!("{}/admin/v1", served[0].internal)).with(&key);
        let addresses = (served[0].public.as_str(), served[0].internal.as_str());
        let acme = Tenant::plain(&operator, "acme", addresses).await;
        for name in ["ada", "bob", "eve"] {
            let _ = acme.user(name).await;
        }
        let at = |nth: usize| acme.scim.at(format!("{}/scim/v2", served[nth].public));
        let issued = async |nth: usize| {
            let page = at(nth).get("/Users?cursor&count=1").await.expect(200);
            page.body["nextCursor"].as_str().unwrap().to_owned()
        };
        let (kept, given) = (issued(0).await, issued(2).await);
        for (nth, cursor, status) in
            [(1, &kept, 200), (2, &kept, 400), (0, &given, 400), (3, &given, 200), (4, &given, 200)]
        {
            let answer = at(nth).get(&format!("/Users?count=1&cursor={cursor}")).await;
            assert_eq!(answer.status, status, "{nth}: {}", answer.text);
        }
        for server in served {
            assert!(server.running.terminate().await.0.success());
        }
        home.drop().await;
    });
}
