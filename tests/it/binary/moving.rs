//! `tenant export`, `tenant import` and `tenant send`: a tenant moves with its settings, truncated and foreign files are refused, a killed
//! import is repeated, and bulk requests arrive at another server.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use scimgate_tests::binary::{finish, refusal};
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::tenant::{ENTERPRISE, patch, user};
use scimgate_tests::{Tenant, many_users};
use serde_json::{Value, json};

use super::commands::Shell;
use super::serve::{Home, Served};

/// Two gateways, each with a database of its own.
struct Two {
    homes: [Home; 2],
    served: [Served; 2],
    shells: [Shell; 2],
    files: tempfile::TempDir,
}

impl Two {
    async fn start() -> Self {
        let homes = [Home::new().await, Home::new().await];
        let keys = [homes[0].furnish().await, homes[1].furnish().await];
        let served = [homes[0].serve().await, homes[1].serve().await];
        let [one, two] = keys;
        let shells = [Shell::new(&served[0].internal, one), Shell::new(&served[1].internal, two)];
        Self { homes, served, shells, files: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    async fn end(self) {
        for served in self.served {
            served.running.kill().await;
        }
        for home in self.homes {
            home.drop().await;
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Everything with settings of every kind.
async fn furnished(two: &Two) -> Tenant {
    let (shell, served) = (&two.shells[0], &two.served[0]);
    let tenant = Tenant::demo(&shell.operator(), "acme", (&served.public, &served.internal)).await;
    let operator = shell.operator();
    let _ = operator
        .patch("/tenants/acme/client", &json!({ "profile": "entra", "refuse": ["bare-token"] }))
        .await
        .expect(200);
    let _ = operator
        .put("/tenants/acme/search-attributes", &json!({ "attributes": ["emails.value", "title"] }))
        .await
        .expect(200);
    let rules = json!({ "rules": [{ "path": "userType", "allowed": ["Employee", "Guest"] }] });
    let _ = operator.put("/tenants/acme/directory-schema", &rules).await.expect(200);
    let _ = operator.put("/tenants/acme/sso-subject", &json!({ "path": "externalId" })).await.expect(200);
    let rules = json!({ "rules": [{ "group": { "displayName": "crew" }, "role": { "value": "sailor" } }] });
    let _ = operator.put("/tenants/acme/group-rules", &rules).await.expect(200);
    let _ =
        operator.put("/tenants/acme/guard", &json!({ "users": 7, "percent": 3, "confirmFrom": 2 })).await.expect(200);
    let _ = operator.patch("/tenants/acme", &json!({ "limits": { "requests": 20 } })).await.expect(200);
    tenant
}

fn without(settings: &Value, pointers: &[&str]) -> Value {
    let mut settings = settings.clone();
    for pointer in pointers {
        *settings.pointer_mut(pointer).unwrap() = Value::Null;
    }
    settings
}

#[test]
fn a_tenant_moves_with_its_settings_and_its_mapping() {
    block_on(async {
        let two = Two::start().await;
        let tenant = furnished(&two).await;
        let ada = tenant.user("Ada").await;
        let mut bob = user("bob");
        bob[ENTERPRISE] = json!({ "manager": { "value": ada } });
        let bob = tenant.post("/Users", &bob).await.expect(201).id();
        let crew = tenant.group("crew").await;
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }, { "value": bob }, { "value": "eve" }] }]);
        assert!(tenant.patch(&format!("/Groups/{crew}"), &patch(add)).await.status < 300);

        let file = two.path("acme.jsonl");
        let output = finish(two.shells[0].command(&["tenant", "export", "acme", "--file", text(&file)])).await;
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "3 resources and 3 memberships of acme are exported.\n");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "it has the tenant's identities");
        assert!(!two.path("acme.jsonl.partial").exists());

        // The other gateway lacks the plugin.
        let shell = &two.shells[1];
        let missing = refusals(shell, &["tenant", "import", "acme", text(&file), "--create"]).await;
        assert!(missing.contains("mapping") && missing.contains("plugin"), "{missing}");
        let wasm = scimgate_tests::root().join("target/wasm32-unknown-unknown/plugin/tutorial.wasm");
        let _ = shell.says(&["plugin", "push", text(&wasm)]).await;
        // The tenant is there by now, so settings are no longer set silently.
        let differs = shell.refused(&["tenant", "import", "acme", text(&file)]).await;
        assert!(
            differs.contains("are not those of the export: mapping") && differs.contains("--settings keep"),
            "{differs}"
        );
        let dry = finish(shell.command(&["tenant", "import", "acme", text(&file), "--dry-run"])).await;
        assert!(String::from_utf8_lossy(&dry.stderr).contains("settings differ: mapping"), "{dry:?}");
        let report = shell.json(&["tenant", "import", "acme", text(&file), "--settings", "set"]).await;
        assert_eq!(
            (&report["created"], &report["members"], &report["problemCount"]),
            (&json!(3), &json!(3), &json!(0)),
            "{report:#}"
        );
        let again = shell.json(&["tenant", "import", "acme", text(&file)]).await;
        assert_eq!((&again["created"], &again["unchanged"]), (&json!(0), &json!(3)));

        let second = two.path("again.jsonl");
        let _ = finish(shell.command(&["tenant", "export", "acme", "--file", text(&second)])).await;
        compare(&file, &second);
        // The mapping ran: the product sees the lower-case address.
        let read = shell.operator().get(&format!("/tenants/acme/explanation?resource={ada}")).await.expect(200);
        assert_eq!(read.body["state"], "mapped", "{}", read.text);
        two.end().await;
    });
}

/// Two exports are the same but for places, times of settings and versions of groups.
fn compare(first: &Path, second: &Path) {
    let read = |path: &Path| -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (first, second) = (read(first), read(second));
    assert_eq!(first.len(), second.len());
    let differing = [
        "/mapping/revision",
        "/mapping/author",
        "/mapping/note",
        "/mapping/createdAt",
        "/mapping/activatedAt",
        "/mapping/activatedBy",
        "/mapping/retiredAt",
    ];
    let settings = |line: &Value| without(&line["header"]["settings"], &differing);
    assert_eq!(settings(&first[0]), settings(&second[0]));
    for (one, other) in first[1..].iter().zip(&second[1..]) {
        let plain = |line: &Value| {
            let mut line = line.clone();
            if let Some(meta) = line.pointer_mut("/resource/meta").and_then(Value::as_object_mut) {
                meta.shift_remove("location");
                if meta["resourceType"] == "Group" {
                    meta.shift_remove("version");
                }
            }
            line
        };
        assert_eq!(plain(one), plain(other));
    }
}

/// What a failing command says on standard error, which may be several lines.
async fn refusals(shell: &Shell, arguments: &[&str]) -> String {
    let output = finish(shell.command(arguments)).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_refused_before_anything_is_sent() {
    block_on(async {
        let two = Two::start().await;
        let tenant =
            Tenant::plain(&two.shells[0].operator(), "acme", (&two.served[0].public, &two.served[0].internal)).await;
        let (shell, ada) = (&two.shells[0], tenant.user("ada").await);
        let whole = two.path("acme.jsonl");
        let _ = finish(shell.command(&["tenant", "export", "acme", "--file", text(&whole)])).await;
        let good = std::fs::read_to_string(&whole).unwrap();
        let lines: Vec<&str> = good.lines().collect();
        let cases = [
            ("truncated", lines[..lines.len() - 1].join("\n"), "its last line is missing"),
            ("cut", good[..good.len() - 9].to_owned(), "its last line is missing"),
            (
                "shorter",
                [lines[0], lines[lines.len() - 1]].join("\n"),
                "1 resources and 0 members, and there are 0 and 0",
            ),
            ("newer", good.replacen("\"version\":1", "\"version\":2", 1), "version 2 of the format"),
            ("csv", "id,userName\n1,ada\n".to_owned(), "not an export of a tenant"),
            ("empty", String::new(), "not an export of a tenant"),
            ("bulk", "{\"schemas\":[],\"Operations\":[]}\n".to_owned(), "not an export of a tenant"),
        ];
        for (name, content, part) in cases {
            let path = two.path(name);
            std::fs::write(&path, content).unwrap();
            let said = refusal(two.shells[1].command(&["tenant", "import", "acme", text(&path), "--create"])).await;
            assert!(said.contains(part), "{name}: {said}");
        }
        assert_eq!(two.shells[1].says(&["tenant", "list"]).await, "There are none.");
        let other = refusal(two.shells[1].command(&["tenant", "import", "globex", text(&whole), "--create"])).await;
        assert!(other.contains("export of the tenant acme") && other.contains("--from acme"), "{other}");
        let none = two.shells[1].refused(&["tenant", "import", "acme", text(&whole)]).await;
        assert!(none.contains("no tenant called acme") && none.contains("--create"), "{none}");
        let missing = two.shells[1].refused(&["tenant", "import", "acme", "missing.jsonl"]).await;
        assert!(missing.contains("cannot read missing.jsonl"), "{missing}");
        let unknown = two.shells[0].refused(&["tenant", "export", "nobody"]).await;
        assert!(unknown.contains("no tenant called nobody"), "{unknown}");
        let copied = ["tenant", "import", "globex", text(&whole), "--create", "--from", "acme"];
        assert_eq!(two.shells[1].json(&copied).await["created"], 1);
        // A resource of that tenant with the same name and another id: the one line is a problem, and the status says so.
        let taken = two.path("taken.jsonl");
        std::fs::write(&taken, good.replace(&ada, "0198c0de-0000-7000-8000-000000000007")).unwrap();
        let said = refusals(&two.shells[1], &["tenant", "import", "globex", text(&taken), "--from", "acme"]).await;
        assert!(
            said.contains("line 2 (0198c0de-0000-7000-8000-000000000007): Another User")
                && said.contains("one line could not"),
            "{said}"
        );
        two.end().await;
    });
}

#[test]
fn an_import_that_was_killed_is_completed_by_the_next() {
    block_on(async {
        let two = Two::start().await;
        let _ =
            Tenant::plain(&two.shells[0].operator(), "acme", (&two.served[0].public, &two.served[0].internal)).await;
        let owner = two.homes[0].owner().await;
        many_users::fill(&owner, "acme", 6_000).await;
        let file = two.path("acme.jsonl");
        assert!(
            finish(two.shells[0].command(&["tenant", "export", "acme", "--file", text(&file)])).await.status.success()
        );
        let import = ["tenant", "import", "acme", text(&file), "--create"];
        let mut killed = two.shells[1].command(&import).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let target = two.homes[1].owner().await;
        let count = async || -> i64 { target.query_one("SELECT count(*) FROM resource", &[]).await.unwrap().get(0) };
        poll("some resources are imported", async || (count().await > 300).then_some(())).await;
        killed.kill().await.unwrap();
        let there = count().await;
        assert!(there < 6_200, "{there}: it was killed too late");
        let report = two.shells[1].json(&import[..4]).await;
        assert_eq!(report["problemCount"], 0, "{report:#}");
        assert!(report["unchanged"].as_i64().unwrap() > 300);
        assert_eq!(count().await, 6_200);
        let memberships: i64 = target.query_one("SELECT count(*) FROM membership", &[]).await.unwrap().get(0);
        assert_eq!(memberships, 6_000);
        two.end().await;
    });
}

#[test]
fn bulk_requests_of_an_export_arrive_at_another_server() {
    block_on(async {
        let two = Two::start().await;
        let tenant =
            Tenant::plain(&two.shells[0].operator(), "acme", (&two.served[0].public, &two.served[0].internal)).await;
        let mut ids = Vec::new();
        for name in ["ada", "bob", "eve"] {
            let mut person = user(name);
            if let Some(manager) = ids.last() {
                person[ENTERPRISE] = json!({ "manager": { "value": manager }, "employeeNumber": name });
            }
            ids.push(tenant.post("/Users", &person).await.expect(201).id());
        }
        for (name, members) in [("crew", ids.clone()), ("inner", vec![ids[0].clone()])] {
            let group = tenant.group(name).await;
            let values: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
            let add = json!([{ "op": "add", "path": "members", "value": values }]);
            assert!(tenant.patch(&format!("/Groups/{group}"), &patch(add)).await.status < 300);
        }
        let file = two.path("acme.bulk");
        let export = ["tenant", "export", "acme", "--format", "bulk", "--max-operations", "2", "--file", text(&file)];
        let output = finish(two.shells[0].command(&export)).await;
        assert!(String::from_utf8_lossy(&output.stderr).contains("They are 5 bulk requests."), "{output:?}");

        let other =
            Tenant::plain(&two.shells[1].operator(), "globex", (&two.served[1].public, &two.served[1].internal)).await;
        let (_, token) = scimgate_tests::tenant::token(&two.shells[1].operator(), "globex", "scim").await;
        let to = format!("{}/scim/v2", two.served[1].public);
        let mut send = two.shells[1].command(&["tenant", "send", text(&file), "--to", &to]);
        send.env("SCIMGATE_SCIM_TOKEN", &token);
        let sent = finish(send).await;
        assert!(sent.status.success(), "{sent:?}");
        assert!(String::from_utf8_lossy(&sent.stderr).contains("9 operations are done, 0 were refused."), "{sent:?}");

        let users = other.get("/Users").await.expect(200).body;
        let named = |name: &str| {
            let all = users["Resources"].as_array().unwrap();
            all.iter().find(|it| it["userName"] == format!("{name}@corp.test")).unwrap().clone()
        };
        assert_eq!(named("bob")[ENTERPRISE]["manager"]["value"], named("ada")["id"]);
        assert_ne!(named("ada")["id"], json!(ids[0]), "the server gives ids of its own");
        assert_eq!(named("ada")["groups"].as_array().unwrap().len(), 2);
        // Sent again, every name is taken.
        let mut again = two.shells[1].command(&["tenant", "send", text(&file), "--to", &to]);
        again.env("SCIMGATE_SCIM_TOKEN", &token);
        let again = finish(again).await;
        assert_eq!(again.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&again.stderr).contains("409"), "{again:?}");
        two.end().await;
    });
}
