//! Every address, as nobody and as the wrong tenant; and that no address of the sources is missing here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scimgate_tests::tenant::{Tenant, group, user};
use scimgate_tests::{Answer, Client, Request, TestGateway, on_both, root};
use serde_json::{Value, json};

on_both!(nobody_and_the_wrong_tenant_get_nothing_anywhere);

/// Who may use an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Scim,
    Directory,
    Admin,
    Probe,
}

/// Every address with its methods. `{endpoint}` stands for each resource type's.
const ROUTES: &[(Door, &str, &[&str])] = &[
    (Door::Scim, "/ServiceProviderConfig", &["GET"]),
    (Door::Scim, "/ResourceTypes", &["GET"]),
    (Door::Scim, "/ResourceTypes/{name}", &["GET"]),
    (Door::Scim, "/Schemas", &["GET"]),
    (Door::Scim, "/Schemas/{urn}", &["GET"]),
    (Door::Scim, "/Me", &["GET", "POST", "PUT", "PATCH", "DELETE"]),
    (Door::Scim, "/", &["GET"]),
    (Door::Scim, "/.search", &["POST"]),
    (Door::Scim, "/Bulk", &["POST"]),
    (Door::Scim, "/{endpoint}/.search", &["POST"]),
    (Door::Scim, "/{endpoint}", &["GET", "POST"]),
    (Door::Scim, "/{endpoint}/{id}", &["GET", "PUT", "PATCH", "DELETE"]),
    (Door::Directory, "/directory/v1/{endpoint}", &["GET"]),
    (Door::Directory, "/directory/v1/{endpoint}/{id}", &["GET"]),
    (Door::Directory, "/directory/v1/events", &["GET"]),
    (Door::Admin, "/admin/v1/tenants", &["GET", "POST"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}", &["GET", "PATCH", "DELETE"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/client", &["GET", "PATCH"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/tokens", &["GET", "POST"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/tokens/{token}", &["DELETE"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/schemas", &["GET", "POST"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/mapping", &["GET", "PUT", "DELETE"]),
];
const MORE: &[(Door, &str, &[&str])] = &[
    (Door::Admin, "/admin/v1/tenants/{tenant}/schemas/{urn}", &["GET", "DELETE"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/resource-types", &["GET", "POST"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/resource-types/{name}", &["GET", "DELETE"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/schema-packs", &["POST"]),
    (Door::Admin, "/admin/v1/schema-packs", &["GET"]),
    (Door::Admin, "/admin/v1/tenants/{tenant}/fold-in", &["GET"]),
    (Door::Admin, "/admin/v1/plugins", &["GET", "POST"]),
    (Door::Probe, "/livez", &["GET"]),
    (Door::Probe, "/readyz", &["GET"]),
];

fn routes() -> impl Iterator<Item = (Door, &'static str, &'static str)> {
    let all = ROUTES.iter().chain(MORE).copied();
    all.flat_map(|(door, path, methods)| methods.iter().map(move |method| (door, path, *method)))
}

/// The addresses and methods of every `.route(` below a folder.
fn written(folder: &Path) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(written(&path));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for call in text.split(".route(").skip(1) {
            let mut depth = 1;
            let end = call.find(|letter| {
                depth += i32::from(letter == '(') - i32::from(letter == ')');
                depth == 0
            });
            let call = &call[..end.unwrap()];
            let route = call.split('"').nth(1).unwrap().to_owned();
            let handlers = &call[call.rfind('"').unwrap()..];
            for (word, method) in [
                ("get(", "GET"),
                ("post(", "POST"),
                ("put(", "PUT"),
                ("patch(", "PATCH"),
                ("delete(", "DELETE"),
                ("any(", "ANY"),
            ] {
                let is_word = |at: usize| !handlers[..at].ends_with(char::is_alphanumeric);
                if handlers.match_indices(word).any(|(at, _)| is_word(at)) {
                    found.insert((route.clone(), method.to_owned()));
                }
            }
        }
    }
    found
}

#[test]
fn every_route_of_the_sources_has_a_row_here() {
    let sources = written(&root().join("gateway/src/http"));
    let rows: BTreeSet<_> = routes().map(|(_, path, method)| (path.to_owned(), method.to_owned())).collect();
    assert_eq!(sources, rows, "left: the sources, right: this file");
}

/// What there is of a tenant, to be named in addresses.
struct Target {
    user: String,
    group: String,
    token: String,
}

/// The address with something of the target in place of each name; one for users and one for groups.
fn paths(path: &str, target: &Target) -> BTreeSet<String> {
    let fill = |endpoint: &str, id: &str| {
        let path = path.replace("{endpoint}", endpoint).replace("{id}", id).replace("{tenant}", "acme");
        let path = path.replace("{token}", &target.token).replace("{name}", "User");
        path.replace("{urn}", "urn:ietf:params:scim:schemas:core:2.0:User")
    };
    BTreeSet::from([fill("Users", &target.user), fill("Groups", &target.group)])
}

/// A body that would do something if it were let in.
fn body(method: &str, path: &str) -> Value {
    match (method, path) {
        ("PATCH", path) if path.ends_with("/client") => json!({ "profile": "okta" }),
        ("PATCH", path) if path.starts_with("/admin") => json!({ "state": "suspended" }),
        ("PATCH", _) => {
            scimgate_tests::tenant::patch(json!([{ "op": "replace", "path": "displayName", "value": "Mallory" }]))
        }
        ("POST", "/admin/v1/tenants") => json!({ "name": "mallory" }),
        (_, path) if path.ends_with("/tokens") => json!({ "scope": "scim" }),
        (_, path) if path.ends_with("/schemas") => json!({ "pack": "ws1b" }),
        (_, path) if path.ends_with("/schema-packs") => json!({ "pack": "okta" }),
        (_, path) if path.ends_with("/resource-types") => scimgate_tests::tenant::device(),
        (_, path) if path.ends_with("/mapping") => json!({ "steps": [] }),
        (_, path) if path.contains("Groups") => group("mallory"),
        _ => user("mallory"),
    }
}

async fn nobody_and_the_wrong_tenant_get_nothing_anywhere(gateway: &TestGateway) {
    let acme = gateway.tenant("acme").await;
    let globex = gateway.plain_tenant("globex").await;
    let target = Target {
        user: acme.user("ada").await,
        group: acme.group("crew").await,
        token: gateway.operator.get("/tenants/acme/tokens").await.body["tokens"][0]["id"].as_str().unwrap().to_owned(),
    };
    let events = acme.events().await;
    let before = (acme.everything().await, gateway.row_counts().await);
    for (door, route, method) in routes() {
        for path in paths(route, &target) {
            let request = Request::new(method, &path).json(&body(method, &path));
            check_neighbour(gateway, &globex, (door, route), &request).await;
            for stranger in strangers(gateway, (&acme, &globex), door) {
                let answer = stranger.send(request.clone()).await;
                assert_eq!(answer.status, 401, "{} was answered {}", answer.asked, answer.text);
                assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"scimgate\"", "{}", answer.asked);
                assert!(answer.header("content-type").ends_with("+json"), "{}", answer.asked);
            }
        }
    }
    assert_eq!(acme.everything().await, before.0, "nothing of the tenant is changed");
    assert_eq!(gateway.row_counts().await, before.1, "nothing is stored");
    assert_eq!(acme.events().await, events, "nothing is told to the product");
}

fn inside(gateway: &TestGateway) -> Client {
    Client::new(format!("http://{}", gateway.internal))
}

/// Who is not let in at a door: nobody, and everybody with a key for something else.
fn strangers(gateway: &TestGateway, (acme, globex): (&Tenant, &Tenant), door: Door) -> Vec<Client> {
    let internal = inside(gateway);
    let within = |client: &Client| client.at(internal.base.clone());
    match door {
        Door::Probe => Vec::new(),
        Door::Scim => {
            let named = format!("http://{}/t/acme/scim/v2", gateway.public);
            let nobody = gateway.anonymous();
            let own = |client: &Client| client.at(nobody.base.clone());
            let others = [globex.scim.at(named.clone()), own(&acme.directory), own(&gateway.operator)];
            [nobody.clone(), nobody.at(named)].into_iter().chain(others).collect()
        }
        Door::Directory => vec![internal.clone(), within(&acme.scim), within(&gateway.operator)],
        Door::Admin => vec![internal.clone(), within(&acme.scim), within(&acme.directory)],
    }
}

/// Who is let in, but as another tenant, finds nothing; and a probe, which asks nobody, tells nothing.
async fn check_neighbour(gateway: &TestGateway, globex: &Tenant, (door, route): (Door, &str), request: &Request) {
    let names_one = route.ends_with("/{id}");
    match door {
        Door::Probe => {
            let probes = Client::new(format!("http://{}", gateway.probes));
            let answer = probes.send(request.clone()).await.expect(200);
            assert!(!answer.text.contains("acme"), "a probe tells nothing of a tenant");
        }
        Door::Scim if names_one => check_not_there(&globex.scim.send(request.clone()).await),
        Door::Directory => {
            let answer = globex.directory.at(inside(gateway).base).send(request.clone()).await;
            if names_one { check_not_there(&answer) } else { check_empty(&answer) }
        }
        Door::Scim | Door::Admin => {}
    }
}

/// Another tenant's is not there; it is not forbidden, which would tell that it is.
#[track_caller]
fn check_not_there(answer: &Answer) {
    assert_eq!(answer.status, 404, "{} was answered {}", answer.asked, answer.text);
}

#[track_caller]
fn check_empty(answer: &Answer) {
    assert_eq!(answer.status, 200, "{} was answered {}", answer.asked, answer.text);
    let list = answer.body.get("resources").or_else(|| answer.body.get("events"));
    assert_eq!(list, Some(&json!([])), "{} was answered {}", answer.asked, answer.text);
}
