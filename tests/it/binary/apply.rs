//! `scimgate apply`: tenants as a file describes them, from nothing; again; each kind changed; and files that are wrong.

use std::path::PathBuf;

use scimgate_tests::binary::{finish, refusal};
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::{device, user};
use scimgate_tests::{Tenant, root};
use serde_json::{Value, json};

use super::commands::Shell;
use super::serve::{Home, Served};

/// One gateway and a folder of files.
struct Desk {
    home: Home,
    served: Served,
    shell: Shell,
    files: tempfile::TempDir,
}

impl Desk {
    async fn start() -> Self {
        let home = Home::new().await;
        let key = home.furnish().await;
        let served = home.serve().await;
        let shell = Shell::new(&served.internal, key);
        let wasm = root().join("target/wasm32-unknown-unknown/plugin/tutorial.wasm");
        let _ = shell.says(&["plugin", "push", wasm.to_str().unwrap()]).await;
        Self { home, served, shell, files: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// What a dry run of a file would do: kinds with their differences as lines.
    async fn dry(&self, file: &str) -> Vec<String> {
        let said = self.shell.says(&["apply", "-f", file, "--dry-run"]).await;
        said.lines().map(str::to_owned).collect()
    }

    async fn apply(&self, file: &str) -> String {
        self.shell.says(&["apply", "-f", file]).await
    }

    /// The number of recorded changes.
    async fn audit(&self) -> usize {
        let audit = self.shell.operator().get("/audit?limit=500").await.expect(200).body;
        audit["changes"].as_array().unwrap().len()
    }

    async fn end(self) {
        self.served.running.kill().await;
        self.home.drop().await;
    }
}

/// A file with every kind.
const ALL: &str = r#"
tenants:
  - name: acme
    suspended: false
    packs: [ws1b]
    resourceTypes:
      - file: device.json
    schemas:
      - definition: { id: "urn:acme:badge:1.0:User", name: Badge, attributes: [{ name: number, type: string }] }
        directoryOnly: true
    searchAttributes: [emails.value, title]
    directorySchema:
      - { path: userType, allowed: [Employee, Contractor] }
    ssoSubject: externalId
    groupRules:
      - { group: { displayName: App admins }, role: { value: admin, display: Administrator } }
      - { group: { externalId: g-7 }, entitlement: { value: seat, primary: true } }
    client:
      profile: entra
      refuse: [bare-token]
    limits: { requests: 20, rate: 50/200 }
    retention: { tombstoneDays: 90, eventDays: 7 }
    guard: { users: 7, percent: 3, protected: 'title eq "CEO"', confirmFrom: 2 }
    mapping:
      onFailure: keep
      steps:
        - plugin: tutorial@0.1.0
          config: { lowerCaseMail: true }
          resourceTypes: [User]
    tokens:
      - { label: entra, expiresInDays: 30 }
      - { label: product, scope: directory }
  - name: globex
    suspended: true
"#;

#[test]
fn a_file_makes_tenants_of_nothing_and_then_nothing_is_to_be_done() {
    block_on(async {
        let desk = Desk::start().await;
        let _ = desk.write("device.json", &device().to_string());
        let file = desk.write("tenants.yaml", ALL);
        let before = desk.audit().await;
        let dry = desk.dry(&file).await;
        assert_eq!(desk.audit().await, before, "a dry run changes nothing");
        assert_eq!(desk.shell.says(&["tenant", "list"]).await, "There are none.");
        let text = dry.join("\n");
        let kinds = [
            "packs",
            "resourceTypes",
            "schemas",
            "searchAttributes",
            "directorySchema",
            "ssoSubject",
            "groupRules",
            "client",
            "limits",
            "retention",
            "guard",
            "mapping",
        ];
        for kind in kinds {
            assert!(text.contains(&format!("~ acme: {kind}\n")), "{kind}: {text}");
        }
        for line in [
            "+ acme: new tenant",
            "+ globex: new tenant",
            "~ globex: suspended",
            "    ~ profile: auto → entra",
            "    + entra: scope scim, 30 days",
            "17 changes.",
        ] {
            assert!(dry.iter().any(|shown| shown == line), "{line}: {text}");
        }
        let status = finish(desk.shell.command(&["apply", "-f", &file, "--dry-run", "--exit-code"])).await;
        assert_eq!(status.status.code(), Some(3), "{status:?}");

        let secrets = desk.path("secrets.jsonl");
        let said = desk.shell.says(&["apply", "-f", &file, "--tokens-to", secrets.to_str().unwrap()]).await;
        assert!(
            said.contains("The secrets are in the file.") && !said.contains("sgt_") && said.contains("product"),
            "{said}"
        );
        check_all(&desk, &std::fs::read_to_string(&secrets).unwrap()).await;
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&secrets).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);

        let before = desk.audit().await;
        assert_eq!(desk.apply(&file).await, "Nothing to do.");
        assert_eq!(desk.audit().await, before);
        let status = finish(desk.shell.command(&["apply", "-f", &file, "--dry-run", "--exit-code"])).await;
        assert_eq!(status.status.code(), Some(0), "{status:?}");
        let report = desk.shell.json(&["apply", "-f", &file]).await;
        assert_eq!(report["tenants"][0]["changes"], json!([]));
        desk.end().await;
    });
}

/// Everything of the file is there, and the tokens work.
async fn check_all(desk: &Desk, secrets: &str) {
    let operator = desk.shell.operator();
    let get = async |path: &str| operator.get(path).await.expect(200).body;
    let acme = get("/tenants/acme").await;
    assert_eq!((&acme["state"], &acme["limits"]), (&json!("active"), &json!({ "requests": 20, "rate": "50/200" })));
    assert_eq!(get("/tenants/globex").await["state"], "suspended");
    assert_eq!(get("/tenants/acme/client").await["profile"], "entra");
    assert_eq!(get("/tenants/acme/schemas").await["schemas"].as_array().unwrap().len(), 2);
    assert_eq!(get("/tenants/acme/resource-types").await["resourceTypes"][0]["name"], "Device");
    assert_eq!(get("/tenants/acme/search-attributes").await["attributes"], json!(["emails.value", "title"]));
    assert_eq!(get("/tenants/acme/directory-schema").await["rules"][0]["path"], "userType");
    assert_eq!(get("/tenants/acme/sso-subject").await["path"], "externalId");
    assert_eq!(get("/tenants/acme/group-rules").await["rules"][1]["entitlement"]["value"], "seat");
    assert_eq!(get("/tenants/acme/guard").await["confirmFrom"], 2);
    assert_eq!(get("/tenants/acme/mapping").await["steps"][0]["config"], json!({ "lowerCaseMail": true }));
    let issued: Vec<Value> = secrets.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(issued.len(), 2, "{secrets}");
    let scim = scimgate_tests::Client::new(format!("{}/scim/v2", desk.served.public))
        .with(issued[0]["secret"].as_str().unwrap());
    let _ = scim.post("/Users", &user("Ada")).await.expect(201);
    let directory = scimgate_tests::Client::new(format!("{}/directory/v1", desk.served.internal));
    let users = directory.with(issued[1]["secret"].as_str().unwrap()).get("/users").await.expect(200).body;
    assert_eq!(users["resources"][0]["emails"][0]["value"], "ada@corp.test");
}

/// A part of the file, what takes its place, and exactly the lines that a dry run then shows.
const CHANGES: &[(&str, &str, &[&str])] = &[
    (
        "name: globex\n    suspended: true",
        "name: globex\n    suspended: false",
        &["~ globex: suspended", "    ~ true → false"],
    ),
    ("packs: [ws1b]", "packs: [agents]", &["~ acme: packs", "    ~ [\"ws1b\"] → [\"ws1b\",\"agents\"]"]),
    (
        "directoryOnly: true",
        "required: false",
        &["~ acme: schemas", "    ~ [urn:acme:badge:1.0:User].directoryOnly: true → false"],
    ),
    (
        "[emails.value, title]",
        "[Title]",
        &["~ acme: searchAttributes", "    ~ [\"emails.value\",\"title\"] → [\"Title\"]"],
    ),
    (
        "[Employee, Contractor]",
        "[Employee]",
        &["~ acme: directorySchema", "    ~ [0].allowed: [\"Employee\",\"Contractor\"] → [\"Employee\"]"],
    ),
    ("ssoSubject: externalId", "ssoSubject: null", &["~ acme: ssoSubject", "    - externalId"]),
    (
        "value: admin, display: Administrator",
        "value: admin, primary: false",
        &["~ acme: groupRules", "    - [0].role.display: Administrator"],
    ),
    ("profile: entra", "profile: okta", &["~ acme: client", "    ~ profile: entra → okta"]),
    ("refuse: [bare-token]", "refuse: []", &["~ acme: client", "    ~ refuse: [\"bare-token\"] → []"]),
    ("requests: 20", "requests: null", &["~ acme: limits", "    - requests: 20"]),
    ("eventDays: 7", "eventDays: null", &["~ acme: retention", "    - eventDays: 7"]),
    ("users: 7", "users: 8", &["~ acme: guard", "    ~ users: 7 → 8"]),
    (
        "lowerCaseMail: true",
        "lowerCaseMail: false",
        &["~ acme: mapping", "    ~ steps[0].config.lowerCaseMail: true → false"],
    ),
    ("onFailure: keep", "onFailure: refuse", &["~ acme: mapping", "    ~ onFailure: keep → refuse"]),
    ("label: product,", "label: shop,", &["+ acme: tokens", "    + shop: scope directory, 365 days"]),
    ("{ label: entra, expiresInDays: 30 }", "{ label: entra, expiresInDays: 31, readOnly: true }", &[]),
    ("requests: 20, ", "", &[]),
    ("plugin: tutorial@0.1.0", "plugin: tutorial", &[]),
    ("[emails.value, title]", "[TITLE, emails.value]", &[]),
];

#[test]
fn each_kind_that_is_changed_in_the_file_is_what_differs_and_nothing_else() {
    block_on(async {
        let desk = Desk::start().await;
        let _ = desk.write("device.json", &device().to_string());
        let file = desk.write("tenants.yaml", ALL);
        let _ = desk.apply(&file).await;
        for (part, other, lines) in CHANGES {
            assert_eq!(ALL.matches(part).count(), 1, "{part}");
            let changed = desk.write("changed.yaml", &ALL.replace(part, other));
            let mut expected: Vec<&str> = lines.to_vec();
            expected.push(if lines.is_empty() { "Nothing to do." } else { "1 change." });
            assert_eq!(desk.dry(&changed).await, expected, "{part} → {other}");
            let _ = desk.apply(&changed).await;
            assert_eq!(desk.dry(&changed).await, ["Nothing to do."], "{part} → {other}");
            let _ = desk.apply(&file).await;
        }
        let machine = device().to_string().replace("A machine.", "A device.");
        let _ = desk.write("device.json", &machine);
        assert_eq!(
            desk.dry(&file).await,
            ["~ acme: resourceTypes", "    ~ Device.description: A machine. → A device.", "1 change."]
        );
        desk.end().await;
    });
}

#[test]
fn what_no_file_names_is_left_alone_and_said() {
    block_on(async {
        let desk = Desk::start().await;
        let _ = desk.write("device.json", &device().to_string());
        let file = desk.write("tenants.yaml", ALL);
        let _ = desk.apply(&file).await;
        let few = "tenants:\n- name: acme\n  schemas: []\n  resourceTypes: []\n";
        let said = desk.apply(&desk.write("few.yaml", few)).await;
        for line in [
            "left alone: schemas urn:acme:badge:1.0:User",
            "left alone: resourceTypes Device",
            "Left alone: the tenants globex",
            "Nothing to do.",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        // From several files and documents, and from standard input.
        let more = desk.write("more.yaml", "tenants: [{ name: initech }]\n---\ntenants: [{ name: umbrella }]\n");
        assert!(desk.shell.says(&["apply", "-f", &more, "-f", &file]).await.contains("2 changes."));
        let mut piped = desk.shell.command(&["apply", "-f", "-"]);
        piped.stdin(std::fs::File::open(desk.path("more.yaml")).unwrap());
        let piped = finish(piped).await;
        assert!(String::from_utf8_lossy(&piped.stdout).contains("Nothing to do."), "{piped:?}");
        let twice = desk.shell.refused(&["apply", "-f", &more, "-f", &more]).await;
        assert!(twice.contains("initech is there twice"), "{twice}");
        desk.end().await;
    });
}

#[test]
fn a_mapping_by_which_users_would_vanish_is_activated_only_if_that_is_accepted() {
    block_on(async {
        let desk = Desk::start().await;
        let _ = desk.write("device.json", &device().to_string());
        let _ = desk.apply(&desk.write("tenants.yaml", ALL)).await;
        let (_, secret) = scimgate_tests::tenant::token(&desk.shell.operator(), "acme", "scim").await;
        let addresses = (desk.served.public.as_str(), desk.served.internal.as_str());
        let client = scimgate_tests::Client::new(String::new());
        let tenant = Tenant::new("acme", client.with(&secret), client).at(addresses);
        for name in ["bob", "eve"] {
            let mut contractor = user(name);
            contractor["userType"] = "Contractor".into();
            let _ = tenant.post("/Users", &contractor).await.expect(201);
        }
        let excluding = ALL.replace("lowerCaseMail: true", "excludeWhere: { path: userType, equals: Contractor }");
        let file = desk.write("excluding.yaml", &excluding);
        let said = desk.shell.command(&["apply", "-f", &file]);
        let said = refusal(said).await;
        assert!(said.contains("acme: mapping: 2 users would vanish") && said.contains("--accept-vanishing"), "{said}");
        assert!(desk.shell.says(&["apply", "-f", &file, "--accept-vanishing"]).await.contains("1 change."));
        assert_eq!(desk.dry(&file).await, ["Nothing to do."]);
        // Switched off.
        let (before, after) = (excluding.find("    mapping:").unwrap(), excluding.find("    tokens:").unwrap());
        let off = format!("{}    mapping: null\n{}", &excluding[..before], &excluding[after..]);
        let _ = desk.apply(&desk.write("off.yaml", &off)).await;
        assert_eq!(desk.shell.operator().get("/tenants/acme/mapping").await.expect(200).body["revision"], 0);
        desk.end().await;
    });
}

/// Files that are wrong, each with parts of what is said.
const WRONG: &[(&str, &[&str])] = &[
    ("tenants:\n  - nmae: acme\n", &[":2:", "unknown key nmae; did you mean name?"]),
    ("tenant: []\n", &[":1:", "did you mean tenants?"]),
    ("tenants:\n  - name: acme\n    colour: blue\n", &[":3:", "unknown key colour; the keys are name, suspended"]),
    ("tenants:\n  - name: acme\n    guard: { user: 7 }\n", &[":3:", "did you mean users?"]),
    ("tenants:\n  - name: acme\n    guard: { users: many }\n", &[":3:"]),
    ("tenants:\n  - suspended: true\n", &[":2:", "name"]),
    ("tenants:\n  - name: acme\n  - name: acme\n", &["the tenant acme is there twice"]),
    (
        "tenants:\n  - name: acme\n    tokens: [{ label: x }, { label: x }]\n",
        &["acme: tokens: the label \"x\" is there twice"],
    ),
    ("tenants: [\n", &["wrong.yaml:"]),
    ("tenants:\n\t- name: acme\n", &["wrong.yaml:2:"]),
    ("", &["no file names a tenant"]),
    ("tenants: []\n", &["no file names a tenant"]),
    ("tenants:\n  - name: Acme Inc\n", &["lower-case"]),
    (
        "tenants:\n  - name: acme\n    schemas: [{ resourceType: User }]\n",
        &["acme: schemas: each needs either file or definition"],
    ),
    (
        "tenants:\n  - name: acme\n    schemas: [{ file: missing.json }]\n",
        &["acme: schemas: cannot read", "missing.json"],
    ),
    ("tenants:\n  - name: acme\n    packs: [oktaa]\n", &["acme: packs: There is no schema pack called oktaa"]),
    ("tenants:\n  - name: acme\n    client: { profile: Okta }\n", &["acme: client: There is no profile called"]),
    (
        "tenants:\n  - name: acme\n    mapping: { steps: [{ plugin: none@1.0.0 }] }\n",
        &["acme: mapping: ", "none@1.0.0"],
    ),
    ("tenants:\n  - name: acme\n    mapping: { onFailure: ignore, steps: [] }\n", &[":3:", "ignore"]),
    ("tenants:\n  - name: acme\n    tokens: [{ label: x, scope: admin }]\n", &[":3:", "admin"]),
    ("tenants:\n  - name: acme\n    tokens: [{ label: x, secret: y }]\n", &[":3:", "unknown key secret"]),
];

#[test]
fn a_wrong_file_is_refused_with_its_place_and_what_to_do() {
    block_on(async {
        let desk = Desk::start().await;
        for (content, parts) in WRONG {
            let file = desk.write("wrong.yaml", content);
            let said = desk.shell.refused(&["apply", "-f", &file]).await;
            for part in *parts {
                assert!(said.contains(part), "{content}: {part}: {said}");
            }
        }
        let missing = desk.shell.refused(&["apply", "-f", "missing.yaml"]).await;
        assert!(missing.contains("cannot read missing.yaml"), "{missing}");
        // A file for secrets that is there already is not overwritten, and nothing is done.
        let file = desk.write("good.yaml", "tenants: [{ name: late, tokens: [{ label: x }] }]\n");
        let taken = desk.write("secrets", "precious");
        let said = desk.shell.refused(&["apply", "-f", &file, "--tokens-to", &taken]).await;
        assert!(said.contains("cannot create"), "{said}");
        assert!(!desk.shell.says(&["tenant", "list"]).await.contains("late"));
        desk.end().await;
    });
}
