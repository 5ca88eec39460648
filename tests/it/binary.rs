//! The built binary as an operator uses it: its commands, its error messages, its start, end and restart.

mod apply;
mod commands;
mod configuration;
mod credentials;
mod dev;
mod directory;
mod doctor;
mod moving;
mod oauth;
mod plan;
mod plugins;
mod provisioning_log;
pub(crate) mod serve;
mod setup_links;
mod simulate;
mod sso_subject;
mod tenants;
mod tour;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scimgate_tests::binary::{Running, command, dev, refusal};
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::user;
use scimgate_tests::{Client, Request};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Most time that a server without open requests needs to end.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A client of one of the addresses that `scimgate dev` prints.
fn client(ready: &Value, url: &str, key: &str) -> Client {
    let base = ready[url].as_str().unwrap().trim_end_matches('/');
    Client::new(base.to_owned()).with(ready[key].as_str().unwrap())
}

fn scim(ready: &Value) -> Client {
    client(ready, "tenant_url", "token")
}

/// The host and port that the identity provider is given.
fn address(ready: &Value) -> &str {
    ready["tenant_url"].as_str().unwrap().trim_start_matches("http://").split('/').next().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn dev_tells_a_program_what_it_needs_in_one_line() {
    block_on(async {
        let (mut running, ready) = Running::dev(&["--ephemeral"]).await;
        let keys: Vec<&str> = ready.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["tenant_url", "token", "admin_url", "operator_key", "directory_url", "directory_key"]);
        assert!(ready["tenant_url"].as_str().unwrap().ends_with("/scim/v2/"), "{ready}");

        let mut ada = user("Ada");
        ada["active"] = "True".into();
        let created = scim(&ready).post("/Users", &ada).await.expect(201);
        let location = created.header("location").to_owned();
        assert_eq!(scim(&ready).at(location).get("").await.expect(200).id(), created.id());
        let tenants = client(&ready, "admin_url", "operator_key").get("/tenants").await.expect(200);
        assert_eq!(tenants.body["tenants"][0]["name"], "demo");
        let users = client(&ready, "directory_url", "directory_key").get("/users").await.expect(200);
        assert_eq!(users.body["resources"][0]["emails"][0]["value"], "ada@corp.test");

        let line = running.logged("request answered").await;
        assert!(!line.contains('\u{1b}'), "colours in a file: {line:?}");
        let (status, rest) = running.terminate().await;
        assert!(status.success(), "{status}");
        assert_eq!(rest, "", "one line and nothing after it");
    });
}

#[test]
fn devs_database_is_reached_by_nobody_else_and_leaves_nothing_behind() {
    block_on(async {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = dev(&["--ephemeral"]);
        command.env("TMPDIR", temporary.path());
        let mut running = Running::start(command);
        let _ = running.line().await;
        let entries = || std::fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path());
        let socket = entries().find(|path| path.join(".s.PGSQL.5432").exists()).expect("a directory with the socket");
        let mode = std::fs::metadata(socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "only its owner may enter");
        assert!(running.terminate().await.0.success());
        assert_eq!(entries().collect::<Vec<_>>(), Vec::<PathBuf>::new());

        let mut command = dev(&["--ephemeral"]);
        command.env("TMPDIR", temporary.path().join("missing"));
        let said = refusal(command).await;
        assert!(said.contains("missing") && said.contains("TMPDIR"), "{said}");
    });
}

/// The tutorial's plugin with a section that makes it another one.
fn rebuilt() -> Vec<u8> {
    let mut wasm = scimgate_tests::plugin("tutorial");
    wasm.extend(b"\0\x08\x07rebuilt");
    wasm
}

#[test]
fn dev_brings_plugins_that_were_built_anew_up_to_date() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let (data, plugins) = (directory.path().join("data"), directory.path().join("plugins"));
        std::fs::create_dir(&plugins).unwrap();
        let start = async |wasm: &[u8]| {
            std::fs::write(plugins.join("tutorial.wasm"), wasm).unwrap();
            let mut command = command(&["dev", "--json", "--port", "0", "--internal-port", "0", "--probe-port", "0"]);
            command.arg("--data-dir").arg(&data).arg("--plugins").arg(&plugins);
            let mut running = Running::start(command);
            let ready: Value = serde_json::from_str(&running.line().await).unwrap();
            (running, ready)
        };
        let digest = async |ready: &Value| {
            let mapping =
                client(ready, "admin_url", "operator_key").get("/tenants/demo/mapping").await.expect(200).body;
            (mapping["steps"][0]["plugin"].clone(), mapping["revision"].clone(), mapping["steps"][0]["version"].clone())
        };
        let (running, ready) = start(&scimgate_tests::plugin("tutorial")).await;
        let first = digest(&ready).await;
        assert_eq!((&first.1, &first.2), (&Value::from(1), &Value::from("0.1.0")));
        assert!(running.terminate().await.0.success());

        let (mut running, ready) = start(&rebuilt()).await;
        let second = digest(&ready).await;
        assert_ne!(first.0, second.0);
        assert_eq!(second.1, 2);
        assert!(second.2.as_str().unwrap().starts_with("0.1.0+sha256-"), "{second:?}");
        let said = running.logged("another one than before").await;
        assert!(said.contains("tutorial@0.1.0+sha256-") && said.contains(second.0.as_str().unwrap()), "{said}");
        let said = running.logged("is mapped by it since revision 2").await;
        assert!(said.contains("demo"), "{said}");
        let ada = scim(&ready).post("/Users", &user("Ada")).await.expect(201).id();
        let directory = client(&ready, "directory_url", "directory_key");
        assert_eq!(directory.get(&format!("/users/{ada}")).await.expect(200).body["displayName"], "Ada Byron");
        assert!(running.terminate().await.0.success());

        // Nothing to do, and then what it was before.
        let (running, ready) = start(&rebuilt()).await;
        assert_eq!(digest(&ready).await, second);
        assert!(running.terminate().await.0.success());
        let (running, ready) = start(&scimgate_tests::plugin("tutorial")).await;
        assert_eq!(digest(&ready).await, (first.0, Value::from(3), first.2));
        assert!(running.terminate().await.0.success());
    });
}

#[test]
fn dev_keeps_its_data_and_its_tokens_from_start_to_start() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        // Made where it is missing.
        let data = directory.path().join("deep/data");
        let start = async || Running::dev(&["--data-dir", text(&data)]).await;

        let (running, first) = start().await;
        let ada = scim(&first).post("/Users", &user("ada")).await.expect(201).id();
        let _ = scim(&first).post("/Users", &user("eve")).await.expect(201);
        let page = scim(&first).get("/Users?cursor&count=1").await.expect(200);
        let next = page.body["nextCursor"].as_str().unwrap();
        assert!(running.terminate().await.0.success());

        let (running, second) = start().await;
        assert_ne!(first["token"], second["token"]);
        // The port differs, and the token still works.
        let old = scim(&second).with(first["token"].as_str().unwrap());
        assert_eq!(old.get(&format!("/Users/{ada}")).await.expect(200).body["userName"], "ada@corp.test");
        // The key that signed it is kept with the data.
        let page = old.get(&format!("/Users?cursor={next}&count=1")).await.expect(200);
        assert_eq!(page.body["Resources"][0]["userName"], "eve@corp.test");
        let bob = scim(&second).post("/Users", &user("bob")).await.expect(201).id();
        running.kill().await;

        let (running, third) = start().await;
        for token in [&first, &second, &third].map(|ready| ready["token"].as_str().unwrap()) {
            let scim = scim(&third).with(token);
            for id in [&ada, &bob] {
                let _ = scim.get(&format!("/Users/{id}")).await.expect(200);
            }
        }
        let old = client(&third, "directory_url", "directory_key").with(first["directory_key"].as_str().unwrap());
        assert_eq!(old.get("/users").await.expect(200).body["resources"].as_array().unwrap().len(), 3);
        let old = client(&third, "admin_url", "operator_key").with(first["operator_key"].as_str().unwrap());
        assert_eq!(old.get("/tenants").await.expect(200).body["tenants"].as_array().unwrap().len(), 1);
        assert!(running.terminate().await.0.success());
    });
}

#[test]
fn a_taken_port_is_one_sentence_with_the_option_that_helps() {
    block_on(async {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        for option in ["--port", "--internal-port", "--probe-port"] {
            let said = refusal(dev(&["--ephemeral", option, &port.to_string()])).await;
            let start = format!("cannot listen on 127.0.0.1:{port}");
            assert!(said.starts_with(&start), "{said}");
            assert!(said.ends_with(&format!("give another address with {option}")), "{said}");
        }
    });
}

#[test]
fn a_second_dev_on_the_same_data_is_refused_and_the_first_goes_on() {
    block_on(async {
        let data = tempfile::tempdir().unwrap();
        let (running, ready) = Running::dev(&["--data-dir", text(data.path())]).await;
        let said = refusal(dev(&["--data-dir", text(data.path())])).await;
        assert!(said.contains("is in use by another process"), "{said}");
        assert!(said.contains("--data-dir"), "{said}");
        let _ = scim(&ready).post("/Users", &user("ada")).await.expect(201);
        assert!(running.terminate().await.0.success());
    });
}

/// The file below a folder whose path ends so.
fn find(folder: &Path, ending: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find_map(|path| if path.is_dir() { find(&path, ending) } else { path.ends_with(ending).then_some(path) })
}

#[test]
fn damaged_data_is_one_sentence() {
    block_on(async {
        let data = tempfile::tempdir().unwrap();
        let (running, _) = Running::dev(&["--data-dir", text(data.path())]).await;
        assert!(running.terminate().await.0.success());
        let control = find(data.path(), "global/pg_control").unwrap();
        std::fs::write(&control, vec![0x2a; 8192]).unwrap();
        let said = refusal(dev(&["--data-dir", text(data.path())])).await;
        assert!(said.starts_with("the embedded database in "), "{said}");
        assert!(said.contains("does not start"), "{said}");
        assert!(said.ends_with("move the directory away to begin anew, or use --ephemeral"), "{said}");
    });
}

#[test]
fn what_dev_cannot_use_is_one_sentence() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let said = refusal(dev(&["--data-dir", text(&file)])).await;
        assert!(said.contains("give another --data-dir"), "{said}");
        let said = refusal(command(&["dev", "--ephemeral", "--plugins", text(directory.path())])).await;
        assert!(said.contains("--plugins names the directory"), "{said}");
    });
}

/// Ends the server with a connection open, and gives how long that took.
async fn end_with(bytes: impl AsyncFnOnce(&mut TcpStream, &Value)) -> Duration {
    let (running, ready) = Running::dev(&["--ephemeral"]).await;
    let mut connection = TcpStream::connect(address(&ready)).await.unwrap();
    bytes(&mut connection, &ready).await;
    // A whole request on another connection is answered after what was sent has arrived.
    let _ = scim(&ready).send(Request::new("GET", "/Users")).await.expect(200);
    let begun = Instant::now();
    let (status, _) = running.terminate().await;
    assert!(status.success(), "{status}");
    begun.elapsed()
}

#[test]
fn an_idle_connection_does_not_hold_the_end_up() {
    block_on(async {
        let took = end_with(async |connection, ready| {
            let host = address(ready);
            let request = format!("GET /scim/v2/Users HTTP/1.1\r\nHost: {host}\r\n\r\n");
            connection.write_all(request.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            connection.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 401");
        });
        let took = took.await;
        assert!(took < AT_ONCE, "{took:?}");
    });
}

#[test]
fn half_a_header_does_not_hold_the_end_up() {
    block_on(async {
        let took = end_with(async |connection, _| {
            connection.write_all(b"POST /scim/v2/Users HTTP/1.1\r\nHost: sci").await.unwrap();
        });
        let took = took.await;
        assert!(took < AT_ONCE, "{took:?}");
    });
}

#[test]
fn half_a_body_does_not_hold_the_end_up() {
    block_on(async {
        let took = end_with(async |connection, ready| {
            let (host, token) = (address(ready), ready["token"].as_str().unwrap());
            let head = format!("POST /scim/v2/Users HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n");
            let body = "Content-Type: application/scim+json\r\nContent-Length: 1000\r\n\r\n{\"userName\":";
            connection.write_all((head + body).as_bytes()).await.unwrap();
        });
        let took = took.await;
        assert!(took < AT_ONCE, "{took:?}");
    });
}
