//! The commands that call a running server, from creating a tenant to deleting it.

use std::io::Write as _;

use scimgate_tests::binary::{Running, command, refusal};
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::plugins::Plain;
use scimgate_tests::tenant::{PRODUCT, WS1B, group, tutorial_config, user};
use scimgate_tests::{Client, root};
use serde_json::{Value, json};
use tokio::process::Command;

use super::serve::{Home, said};

/// Somebody at a terminal with keys in the environment.
pub(super) struct Shell {
    admin_url: String,
    operator_key: String,
    pub(super) directory_key: String,
    /// Files that commands send.
    files: tempfile::TempDir,
}

impl Shell {
    pub(super) fn new(internal: &str, operator_key: String) -> Self {
        let files = tempfile::tempdir().unwrap();
        Self { admin_url: internal.to_owned(), operator_key, directory_key: String::new(), files }
    }

    /// The admin API.
    pub(super) fn operator(&self) -> Client {
        Client::new(format!("{}/admin/v1", self.admin_url)).with(&self.operator_key)
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        self.with_keys(command(arguments))
    }

    /// Gives a command the keys.
    pub(super) fn with_keys(&self, mut command: Command) -> Command {
        command
            .env("SCIMGATE_ADMIN_URL", &self.admin_url)
            .env("SCIMGATE_OPERATOR_KEY", &self.operator_key)
            .env("SCIMGATE_DIRECTORY_KEY", &self.directory_key);
        command
    }

    /// What a command prints for people.
    pub(super) async fn says(&self, arguments: &[&str]) -> String {
        said(self.command(arguments)).await
    }

    /// What a command prints for programs.
    pub(super) async fn json(&self, arguments: &[&str]) -> Value {
        let text = said(self.command(&[arguments, &["-o", "json"]].concat())).await;
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{arguments:?}: {why}: {text}"))
    }

    pub(super) async fn refused(&self, arguments: &[&str]) -> String {
        refusal(self.command(arguments)).await
    }

    /// Writes a file and gives its path.
    pub(super) fn file(&self, name: &str, content: &Value) -> String {
        let path = self.files.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(content.to_string().as_bytes()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[test]
fn a_tenant_is_led_through_its_life_by_commands() {
    block_on(async {
        let home = Home::new().await;
        let operator_key = home.furnish().await;
        let served = home.serve().await;
        let mut shell = Shell::new(&served.internal, operator_key);

        tenants(&shell).await;
        settings(&shell).await;
        scim_client(&shell).await;
        let scim = tokens(&mut shell, &served.public).await;
        what_the_product_reads(&shell, &scim).await;
        held_changes(&shell, &scim).await;
        the_end(&shell, &scim).await;

        served.running.kill().await;
        home.drop().await;
    });
}

async fn tenants(shell: &Shell) {
    assert_eq!(shell.says(&["tenant", "list"]).await, "There are none.");
    assert_eq!(shell.json(&["tenant", "create", "acme"]).await["name"], "acme");
    assert!(shell.says(&["tenant", "create", "globex"]).await.contains("globex"));
    let listed = shell.json(&["tenant", "list"]).await;
    assert_eq!(listed["tenants"].as_array().unwrap().len(), 2);
    assert!(shell.says(&["tenant", "list"]).await.starts_with("NAME"));
    let again = shell.refused(&["tenant", "create", "acme"]).await;
    assert!(again.contains("acme"), "{again}");
    let wrong = shell.refused(&["tenant", "create", "Acme Inc."]).await;
    assert!(wrong.contains("lower-case") || wrong.contains("lower case"), "{wrong}");
}

async fn scim_client(shell: &Shell) {
    assert_eq!(shell.json(&["client", "show", "globex"]).await["profile"], "auto");
    let change =
        ["client", "set", "globex", "--profile", "okta", "--allow", "restore-deleted", "--refuse", "bare-token"];
    let set = shell.json(&change).await;
    let leniency = |name: &str| {
        let row = set["leniencies"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
        (row["allowed"].clone(), row["by"].clone())
    };
    assert_eq!(leniency("restore-deleted"), (json!(true), json!("operator")));
    assert_eq!(leniency("bare-token"), (json!(false), json!("operator")));
    assert_eq!(leniency("restore-deactivated"), (json!(true), json!("profile")));
    let shown = shell.says(&["client", "show", "globex"]).await;
    for words in ["profile     okta", "LENIENCY", "restore-deleted", "CHOICE", "path-required", "There are none."] {
        assert!(shown.contains(words), "{words} is missing: {shown}");
    }
    let reset = ["client", "set", "globex", "--profile", "auto", "--reset", "restore-deleted", "--reset", "bare-token"];
    assert_eq!(shell.json(&reset).await["profile"], "auto");
    assert!(
        shell.refused(&["client", "set", "globex", "--profile", "Okta"]).await.contains("There is no profile called")
    );
}

async fn settings(shell: &Shell) {
    assert_eq!(shell.json(&["schema", "add", "acme", "--pack", "ws1b"]).await["id"], WS1B);
    let product = json!({ "id": PRODUCT, "name": "Product", "attributes": [
        { "name": "badgeNumber", "type": "string" }, { "name": "building", "type": "string" },
    ]});
    let product = shell.file("product.json", &product);
    let added = shell.json(&["schema", "add", "acme", &product, "--directory-only"]).await;
    assert_eq!((&added["id"], &added["directoryOnly"]), (&json!(PRODUCT), &json!(true)));
    assert_eq!(shell.json(&["schema", "list", "acme"]).await["schemas"].as_array().unwrap().len(), 2);
    let missing = shell.refused(&["schema", "add", "acme", "missing.json"]).await;
    assert!(missing.starts_with("cannot read missing.json"), "{missing}");

    let wasm = root().join("target/wasm32-unknown-unknown/plugin/tutorial.wasm");
    let digest = shell.json(&["plugin", "push", wasm.to_str().unwrap()]).await["digest"].clone();
    assert!(shell.says(&["plugin", "list"]).await.contains(digest.as_str().unwrap()));
    let none = shell.refused(&["plugin", "push", &product]).await;
    assert!(none.contains("these are not such a file's"), "{none}");

    let mapping = json!({ "onFailure": "keep", "steps": [{ "plugin": "tutorial", "config": tutorial_config() }] });
    let set = shell.json(&["mapping", "set", "acme", &shell.file("mapping.json", &mapping)]).await;
    assert_eq!(set["steps"][0]["plugin"], digest);
    let shown = shell.json(&["mapping", "show", "acme"]).await;
    assert_eq!(shown, set);
    let again = shell.json(&["mapping", "set", "acme", &shell.file("again.json", &shown)]).await;
    assert_eq!(again["revision"], 2, "what is shown can be set");
    assert!(shell.says(&["mapping", "show", "acme"]).await.contains("tutorial"));
    let unknown = json!({ "steps": [{ "plugin": "tutorail" }] });
    let unknown = shell.refused(&["mapping", "set", "acme", &shell.file("unknown.json", &unknown)]).await;
    assert!(unknown.contains("unknown.json: Step 1 (tutorail): there is no such plugin."), "{unknown}");
    let list = shell.refused(&["mapping", "set", "acme", &shell.file("list.json", &json!([]))]).await;
    assert!(list.ends_with("list.json has a list, where an object in braces is expected"), "{list}");
    let wrong = shell.file("wrong.json", &json!({ "steps": [{ "plugin": 1 }] }));
    let wrong = shell.refused(&["mapping", "set", "acme", &wrong, "-o", "json"]).await;
    assert!(wrong.contains("wrong.json: The body is not what") && wrong.contains("`steps[0]"), "{wrong}");
    assert!(shell.says(&["mapping", "show", "globex"]).await.starts_with("No mapping is active"));
    revisions(shell, mapping).await;
    plugins(shell, wasm.to_str().unwrap()).await;
}

/// The registry, with the tutorial's plugin in it.
async fn plugins(shell: &Shell, wasm: &str) {
    let again = shell.says(&["plugin", "push", wasm]).await;
    assert!(again.contains("name            tutorial") && again.ends_with("with the same bytes."), "{again}");
    let house = Plain::new("house", "1.0.0", "one");
    let file = |name: &str, plugin: &Plain<'_>| {
        let path = shell.files.path().join(name);
        std::fs::write(&path, plugin.wasm()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, other) = (file("one.wasm", &house), file("other.wasm", &Plain { salt: "other", ..house }));
    let own = shell.json(&["plugin", "push", &one, "--tenant", "acme"]).await;
    assert_eq!((&own["tenant"], &own["added"]), (&json!("acme"), &json!(true)));
    let refused = shell.refused(&["plugin", "push", &other, "--tenant", "acme"]).await;
    assert!(refused.contains("house@1.0.0 is released already") && refused.contains("another version"), "{refused}");
    let dev = shell.json(&["plugin", "push", &other, "--tenant", "acme", "--dev"]).await;
    let dev = format!("house@{}", dev["version"].as_str().unwrap());
    let signature = shell.file("house.wasm.minisig", &json!({}));
    let refused = shell.refused(&["plugin", "push", &other, "--dev", "--signature", &signature]).await;
    assert!(refused.contains("--plugin-key"), "{refused}");

    let names =
        |list: &Value| list["plugins"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&shell.json(&["plugin", "list"]).await), ["tutorial"]);
    assert_eq!(names(&shell.json(&["plugin", "list", "--tenant", "acme"]).await), ["house", "house", "tutorial"]);
    assert_eq!(
        names(&shell.json(&["plugin", "list", "--tenant", "acme", "--name", "house"]).await),
        ["house", "house"]
    );
    let shown = shell.says(&["plugin", "show", &dev, "--tenant", "acme"]).await;
    assert!(shown.contains("dev push        true") && shown.contains("tenant          acme"), "{shown}");
    let unknown = shell.refused(&["plugin", "show", "house@1.0.0"]).await;
    assert_eq!(unknown, "There is no plugin house@1.0.0 for all tenants.");
    let unnamed = shell.refused(&["plugin", "show", "house"]).await;
    assert!(unnamed.starts_with("house is not a release: name one as NAME@VERSION"), "{unnamed}");

    let draft = shell.file("house.json", &json!({ "steps": [{ "plugin": "house@1.0.0" }] }));
    let first = shell.json(&["mapping", "draft", "acme", &draft]).await;
    assert_eq!(first["steps"][0]["plugin"], own["digest"]);
    let uses = shell.json(&["plugin", "used-by", "house@1.0.0", "--tenant", "acme"]).await;
    assert_eq!(uses["uses"], json!([{ "tenant": "acme", "revision": first["revision"], "state": "draft" }]));
    let refused = shell.refused(&["plugin", "remove", "house@1.0.0", "--tenant", "acme"]).await;
    assert!(refused.contains("house@1.0.0 is in use: revision") && refused.contains("of acme (draft)"), "{refused}");
    let yanked = shell.says(&["plugin", "yank", "house@1.0.0", "--tenant", "acme"]).await;
    assert!(!yanked.contains("yanked          -"), "{yanked}");
    let refused = shell.refused(&["mapping", "draft", "acme", &draft]).await;
    assert!(
        refused.contains("the plugin is yanked")
            && refused.contains("scimgate plugin unyank house@1.0.0 --tenant acme"),
        "{refused}"
    );
    assert_eq!(shell.json(&["plugin", "unyank", "house@1.0.0", "--tenant", "acme"]).await["yankedAt"], Value::Null);
    assert_eq!(shell.says(&["plugin", "remove", &dev, "--tenant", "acme"]).await, format!("{dev} is removed."));
    let uses = shell.says(&["plugin", "used-by", "tutorial@0.1.0"]).await;
    assert!(uses.starts_with("TENANT  REVISION  STATE") && uses.contains("active"), "{uses}");
    let refused = shell.refused(&["plugin", "pull", "ghcr.io/acme/house:1.0.0"]).await;
    assert!(refused.contains("--plugin-registry"), "{refused}");
}

/// Revisions from a draft on, and what they make of a document.
async fn revisions(shell: &Shell, mut mapping: Value) {
    mapping["steps"][0]["config"]["rejectWhere"] = json!({ "path": "userName", "equals": "ada@example.com" });
    let file = shell.file("draft.json", &mapping);
    let said = shell.says(&["mapping", "draft", "acme", &file, "--note", "no examples"]).await;
    for words in
        ["state       draft", "note        no examples", "Warning: Step 1 (tutorial@0.1.0) rejects every example User"]
    {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
    assert!(said.ends_with("until `scimgate mapping activate acme 3`."), "{said}");
    let listed = shell.json(&["mapping", "list", "acme"]).await["revisions"].clone();
    let states: Vec<&Value> = listed.as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["draft", "active", "retired"]);
    assert!(shell.says(&["mapping", "list", "acme"]).await.contains("no examples"));
    let diff = shell.says(&["mapping", "diff", "acme"]).await;
    assert!(diff.starts_with("revision 2 → 3\n\n  step 1  tutorial@0.1.0\n+   /config/rejectWhere  {"), "{diff}");
    assert_eq!(shell.says(&["mapping", "diff", "acme", "1", "2"]).await, "revision 1 → 2\n\nThey are the same.");
    assert_eq!(shell.json(&["mapping", "show", "acme", "3"]).await["state"], "draft");

    let body = shell.file("ada.json", &user("Ada"));
    let said = shell.says(&["mapping", "preview", "acme", "--file", &body, "--draft"]).await;
    assert!(said.starts_with("User Ada@corp.test by revision 3, draft\n\nstep 1  tutorial@0.1.0  mapped  "), "{said}");
    let change = "- emails[type eq \"work\"].value  \"Ada@Corp.Test\"\n+ emails[type eq \"work\"].value  \"ada@corp.test\"\n\
                  + displayName  \"Ada Byron\"\n";
    assert!(said.contains(change) && said.contains("The product reads:\n{"), "{said}");
    let shown = shell.json(&["mapping", "preview", "acme", "--file", &body, "--revision", "1"]).await;
    assert_eq!((&shown["outcome"], &shown["state"]), (&json!("mapped"), &json!("retired")));
    let unknown = shell.refused(&["mapping", "preview", "acme", "--user", "bob"]).await;
    assert_eq!(unknown, "There is no User with the userName bob.");
    let unknown = shell.refused(&["mapping", "preview", "acme", "--group", "Crew"]).await;
    assert_eq!(unknown, "There is no Group with the displayName Crew.");

    assert!(shell.says(&["mapping", "activate", "acme", "3"]).await.contains("state       active"));
    assert_eq!(shell.json(&["mapping", "rollback", "acme", "1"]).await["state"], "active");
    assert!(shell.refused(&["mapping", "activate", "acme", "3", "-o", "json"]).await.contains("roll back to it"));
    assert!(shell.refused(&["mapping", "rollback", "acme"]).await.contains("No revision before 1"));
    mapping["steps"][0]["config"] = json!({ "lift": { "userName": "nickName" } });
    let file = shell.file("wrong.json", &mapping);
    assert!(shell.refused(&["mapping", "draft", "acme", &file]).await.contains("fails on every example User"));
    let kept = shell.json(&["mapping", "draft", "acme", &file, "--no-dry-run"]).await;
    assert_eq!((&kept["revision"], &kept["warnings"]), (&json!(4), &json!([])));
    assert!(
        shell
            .refused(&["mapping", "activate", "acme", "4", "-o", "json"])
            .await
            .contains("fails on every example User")
    );
}

async fn tokens(shell: &mut Shell, public: &str) -> Client {
    let secret = |issued: &Value| issued["secret"].as_str().unwrap().to_owned();
    let issued = shell.json(&["token", "issue", "acme", "--label", "Entra", "--expires-in-days", "30"]).await;
    let scim = Client::new(format!("{public}/scim/v2")).with(&secret(&issued));
    let _ = scim.get("/Users").await.expect(200);
    shell.directory_key = secret(&shell.json(&["token", "issue", "acme", "--scope", "directory"]).await);
    let output = shell.says(&["token", "issue", "acme"]).await;
    assert!(output.ends_with("The secret is shown only once."), "{output}");
    let listed = shell.json(&["token", "list", "acme"]).await;
    assert_eq!(listed["tokens"].as_array().unwrap().len(), 3);
    assert!(!listed.to_string().contains(&shell.directory_key), "a secret is shown once");
    assert!(shell.says(&["token", "list", "acme"]).await.contains("Entra"));
    scim
}

async fn what_the_product_reads(shell: &Shell, scim: &Client) {
    let mut ada = user("Ada");
    ada[WS1B] = json!({ "customAttribute1": "B-1815" });
    let ada = scim.post("/Users", &ada).await.expect(201).id();
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }]);
    let crew = scim.post("/Groups", &crew).await.expect(201).id();

    assert!(shell.says(&["directory", "users"]).await.contains("Ada Byron"));
    let shown = shell.json(&["directory", "user", &ada]).await;
    assert_eq!(shown[PRODUCT]["badgeNumber"], "B-1815");
    assert!(shell.says(&["directory", "groups"]).await.contains("Crew"));
    let shown = shell.json(&["directory", "group", &crew]).await;
    assert_eq!(shown["members"][0]["value"], ada.as_str());
    let unknown = shell.refused(&["directory", "user", &crew]).await;
    assert!(unknown.contains(&crew), "{unknown}");

    // A page, and where the next one starts.
    let _ = scim.post("/Users", &user("Bob")).await.expect(201);
    let page = shell.json(&["directory", "users", "--limit", "1"]).await;
    let next =
        shell.json(&["directory", "users", "--limit", "1", "--cursor", page["nextCursor"].as_str().unwrap()]).await;
    assert_eq!(next["resources"][0]["displayName"], "Bob Byron");
    assert_eq!(next["nextCursor"], Value::Null);

    let mut following = Running::start(shell.command(&["directory", "events", "--follow", "-o", "json"]));
    let mut types = Vec::new();
    for _ in 0..4 {
        let event: Value = serde_json::from_str(&following.line().await).unwrap();
        types.push(event["type"].as_str().unwrap().to_owned());
    }
    types.sort();
    assert_eq!(types, ["group.created", "membership.added", "user.created", "user.created"]);
    let _ = scim.delete(&format!("/Users/{ada}")).await.expect(204);
    let event: Value = serde_json::from_str(&following.line().await).unwrap();
    assert_eq!((&event["type"], &event["seq"]), (&json!("user.deleted"), &json!(5)));
    following.kill().await;
    assert!(shell.says(&["directory", "events", "--after", "4"]).await.contains("user.deleted"));
}

/// A user who is missing, and removals that are too many.
async fn held_changes(shell: &Shell, scim: &Client) {
    let guard = shell.says(&["tenant", "guard", "acme"]).await;
    assert!(guard.starts_with("users an hour                 20\n"), "{guard}");
    let guard = ["tenant", "guard", "acme", "--users", "0", "--percent", "0", "--protect", "title eq \"Director\""];
    assert_eq!(
        shell.json(&guard).await,
        json!({ "users": 0, "members": 200, "percent": 0, "protected": "title eq \"Director\"", "confirmFrom": 1 })
    );
    let refused = shell.refused(&["held", "show", "acme"]).await;
    assert!(refused.contains("nothing of the tenant acme is held"), "{refused}");

    let held = scim.post("/Users", &user("held")).await.expect(201).id();
    let _ = scim.delete(&format!("/Users/{held}")).await.expect(204);
    let explained = shell.says(&["explain", "acme", "held"]).await;
    assert!(explained.contains("The product still sees it: its deletion is held since "), "{explained}");
    let shown = shell.says(&["held", "show", "acme"]).await;
    assert!(shown.contains("held@corp.test") && shown.contains("deleted"), "{shown}");
    let rejected = shell.says(&["held", "reject", "acme"]).await;
    assert!(rejected.contains("rejected"), "{rejected}");
    let _ = scim.get(&format!("/Users/{held}")).await.expect(200);
    let _ = scim.delete(&format!("/Users/{held}")).await.expect(204);
    assert_eq!(shell.json(&["held", "release", "acme"]).await["state"], "released");
    assert_eq!(shell.json(&["held", "list", "acme"]).await["batches"].as_array().unwrap().len(), 2);
    let explained = shell.says(&["explain", "acme", &held]).await;
    assert!(explained.contains("user.deleted"), "{explained}");
    assert_eq!(shell.json(&["explain", "acme", "--state", "excluded"]).await["resources"], json!([]));
    let off = shell.json(&["tenant", "guard", "acme", "--off"]).await;
    assert_eq!(off["users"], Value::Null);
}

async fn the_end(shell: &Shell, scim: &Client) {
    assert!(shell.says(&["mapping", "off", "acme"]).await.contains("Mapping is off"));
    let becomes = async |status: u16| {
        poll("the tenant's state holds", async || (scim.get("/Users").await.status == status).then_some(())).await;
    };
    assert_eq!(shell.json(&["tenant", "suspend", "acme"]).await["state"], "suspended");
    becomes(403).await;
    assert_eq!(shell.json(&["tenant", "resume", "acme"]).await["state"], "active");
    becomes(200).await;

    let listed = shell.json(&["token", "list", "acme"]).await;
    let entra = listed["tokens"].as_array().unwrap().iter().find(|token| token["label"] == "Entra").unwrap();
    assert!(shell.says(&["token", "revoke", "acme", entra["id"].as_str().unwrap()]).await.ends_with("is revoked."));
    becomes(401).await;

    let unsure = shell.refused(&["tenant", "delete", "acme"]).await;
    assert!(unsure.contains("confirm with `scimgate tenant delete acme --yes`"), "{unsure}");
    let deleted = shell.says(&["tenant", "delete", "acme", "--yes"]).await;
    assert_eq!(deleted, "The tenant acme is deleted. Its rows are kept until `scimgate tenant erase acme`.");
    let gone = shell.refused(&["token", "list", "acme"]).await;
    assert!(gone.contains("acme"), "{gone}");

    wrong_keys_and_addresses(shell).await;
}

async fn wrong_keys_and_addresses(shell: &Shell) {
    let list = ["tenant", "list"];
    let said = refusal(command(&list)).await;
    assert!(said.starts_with("this needs an operator key"), "{said}");
    let said = shell.refused(&["tenant", "list", "--operator-key", "sgo_wrong"]).await;
    assert!(said.contains("does not accept the key"), "{said}");
    let said = shell.refused(&["directory", "users", "--directory-key", &shell.operator_key]).await;
    assert!(said.contains("does not accept the key; this needs a tenant's directory key"), "{said}");
    let said = shell.refused(&["tenant", "list", "--admin-url", "http://127.0.0.1:1"]).await;
    assert!(said.starts_with("cannot connect to http://127.0.0.1:1; is the gateway running"), "{said}");
    let said = shell.refused(&["tenant", "list", "--admin-url", "nowhere"]).await;
    assert!(said.starts_with("nowhere is not the URL of a gateway"), "{said}");
}
