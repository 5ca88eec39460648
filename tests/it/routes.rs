//! Every route, without a credential, with a wrong one, and with one that was revoked or has expired; that no route of the sources
//! is missing here; and the OpenAPI documents.

mod ended;
mod openapi;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scimgate_tests::tenant::{Tenant, group, user};
use scimgate_tests::{Answer, Client, Request, TestGateway, on_both, root};
use serde_json::{Value, json};

on_both!(a_missing_or_foreign_credential_is_refused_on_every_route);

/// What a route belongs to, and so which credential it requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surface {
    Scim,
    Directory,
    Admin,
    /// None is required.
    Probe,
    /// The documents: none is required, and they say nothing of an installation.
    Docs,
    /// The pages of setup links, whose address has the credential.
    Page,
    /// The token endpoint, whose requests bring credentials of their own, and what is public of it.
    Oauth,
}

/// Every route with its methods. `{endpoint}` stands for each resource type's.
const ROUTES: &[(Surface, &str, &[&str])] = &[
    (Surface::Scim, "/ServiceProviderConfig", &["GET"]),
    (Surface::Scim, "/ResourceTypes", &["GET"]),
    (Surface::Scim, "/ResourceTypes/{name}", &["GET"]),
    (Surface::Scim, "/Schemas", &["GET"]),
    (Surface::Scim, "/Schemas/{urn}", &["GET"]),
    (Surface::Scim, "/Me", &["GET", "POST", "PUT", "PATCH", "DELETE"]),
    (Surface::Scim, "/", &["GET"]),
    (Surface::Scim, "/.search", &["POST"]),
    (Surface::Scim, "/Bulk", &["POST"]),
    (Surface::Scim, "/{endpoint}/.search", &["POST"]),
    (Surface::Scim, "/{endpoint}", &["GET", "POST"]),
    (Surface::Scim, "/{endpoint}/{id}", &["GET", "PUT", "PATCH", "DELETE"]),
    (Surface::Directory, "/directory/v1/{endpoint}", &["GET"]),
    (Surface::Directory, "/directory/v1/{endpoint}/{id}", &["GET"]),
    (Surface::Directory, "/directory/v1/events", &["GET"]),
    (Surface::Directory, "/directory/v1/openapi.json", &["GET"]),
    (Surface::Admin, "/admin/v1/openapi.json", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}", &["GET", "PATCH", "DELETE"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/former-names/{former}", &["DELETE"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/erasure", &["POST"]),
    (Surface::Admin, "/admin/v1/erasures", &["GET"]),
    (Surface::Admin, "/admin/v1/erasures/{erased}", &["GET"]),
    (Surface::Admin, "/admin/v1/deleted-tenants", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/client", &["GET", "PATCH"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/tokens", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/tokens/{token}", &["DELETE"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/tokens/{token}/rotation", &["POST", "PATCH"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/schemas", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping", &["GET", "PUT", "DELETE"]),
];
const MORE: &[(Surface, &str, &[&str])] = &[
    (Surface::Admin, "/admin/v1/tenants/{tenant}/schemas/{urn}", &["GET", "DELETE"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/resource-types", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/resource-types/{name}", &["GET", "DELETE"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/search-attributes", &["GET", "PUT"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/schema-packs", &["POST"]),
    (Surface::Admin, "/admin/v1/schema-packs", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/revisions", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/revisions/{revision}", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/revisions/{revision}/activate", &["POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/rollback", &["POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/diff", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/preview", &["POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/jobs/{kind}", &["GET", "PATCH"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/export", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/import", &["POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/explanation", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/provisioning-log", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/health", &["GET"]),
    (Surface::Admin, "/admin/v1/health", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/unmapped", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/guard", &["GET", "PUT"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/directory-schema", &["GET", "PUT"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/group-rules", &["GET", "PUT", "DELETE"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/directory-schema/check", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/sso-subject", &["GET", "PUT"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/held", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/held/{batch}", &["GET", "PATCH"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/documents", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/revisions/{revision}/plan", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/mapping/shadow", &["GET", "PUT", "DELETE"]),
    (Surface::Admin, "/admin/v1/plugins", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/plugins/pull", &["POST"]),
    (Surface::Admin, "/admin/v1/plugins/{plugin}/{version}", &["GET", "PATCH", "DELETE"]),
    (Surface::Admin, "/admin/v1/plugins/{plugin}/{version}/uses", &["GET"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/oauth-clients", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/oauth-clients/{client}", &["DELETE"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/oauth-clients/{client}/secrets", &["POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/oauth-clients/{client}/secrets/{secret}/revoke", &["POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/setup-links", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/tenants/{tenant}/setup-links/{link}", &["DELETE"]),
    (Surface::Page, "/setup/{secret}", &["GET", "POST"]),
    (Surface::Page, "/setup/{secret}/status", &["GET"]),
    (Surface::Admin, "/admin/v1/signing-keys", &["GET", "POST"]),
    (Surface::Oauth, "/oauth2/token", &["POST"]),
    (Surface::Oauth, "/t/{tenant}/oauth2/token", &["POST"]),
    (Surface::Oauth, "/oauth2/jwks", &["GET"]),
    (Surface::Oauth, "/.well-known/oauth-authorization-server", &["GET"]),
    (Surface::Oauth, "/.well-known/oauth-authorization-server/t/{tenant}", &["GET"]),
    (Surface::Admin, "/admin/v1/operator-keys", &["GET", "POST"]),
    (Surface::Admin, "/admin/v1/operator-keys/{key}", &["DELETE"]),
    (Surface::Admin, "/admin/v1/audit", &["GET"]),
    (Surface::Docs, "/docs", &["GET"]),
    (Surface::Docs, "/docs/{*path}", &["GET"]),
    (Surface::Probe, "/livez", &["GET"]),
    (Surface::Probe, "/metrics", &["GET"]),
    (Surface::Probe, "/readyz", &["GET"]),
];

fn routes() -> impl Iterator<Item = (Surface, &'static str, &'static str)> {
    let all = ROUTES.iter().chain(MORE).copied();
    all.flat_map(|(surface, path, methods)| methods.iter().map(move |method| (surface, path, *method)))
}

/// The paths and methods of every `.route(` and `#[utoipa::path(` below a folder.
fn routes_in_sources(folder: &Path) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(routes_in_sources(&path));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for call in text.split(".route(").skip(1).map(arguments) {
            let handlers = &call[call.rfind('"').unwrap()..];
            let is_word = |at: usize| !handlers[..at].ends_with(char::is_alphanumeric);
            for method in ["get", "post", "put", "patch", "delete", "any"] {
                if handlers.match_indices(&format!("{method}(")).any(|(at, _)| is_word(at)) {
                    found.insert((first_string(call), method.to_uppercase()));
                }
            }
        }
        for attribute in text.split("#[utoipa::path(").skip(1).map(arguments) {
            let method = attribute.trim_start().split(',').next().unwrap();
            found.insert((first_string(attribute), method.to_uppercase()));
        }
    }
    found
}

/// The text up to the parenthesis that closes a call.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|letter| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        depth == 0
    });
    &text[..end.unwrap()]
}

fn first_string(text: &str) -> String {
    text.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn every_route_of_the_sources_has_a_row_here() {
    let sources = routes_in_sources(&root().join("gateway/src/http"));
    let rows: BTreeSet<_> = routes().map(|(_, path, method)| (path.to_owned(), method.to_owned())).collect();
    assert_eq!(sources, rows, "left: the sources, right: this file");
}

/// The parts of a tenant that paths name.
struct Target {
    user: String,
    group: String,
    token: String,
}

/// The path with a part of the target in place of each parameter; one for users and one for groups.
fn paths(path: &str, target: &Target) -> BTreeSet<String> {
    let fill = |endpoint: &str, id: &str| {
        let path = path.replace("{endpoint}", endpoint).replace("{id}", id).replace("{tenant}", "acme");
        let path = path.replace("{token}", &target.token).replace("{name}", "User").replace("{batch}", &target.user);
        path.replace("{urn}", "urn:ietf:params:scim:schemas:core:2.0:User")
    };
    BTreeSet::from([fill("Users", &target.user), fill("Groups", &target.group)])
}

/// A body that would change something if the request were let in.
fn body(method: &str, path: &str) -> Value {
    match (method, path) {
        ("PATCH", path) if path.ends_with("/client") => json!({ "profile": "okta" }),
        ("PATCH", path) if path.starts_with("/admin") => json!({ "state": "suspended" }),
        ("PATCH", _) => {
            scimgate_tests::tenant::patch(json!([{ "op": "replace", "path": "displayName", "value": "Mallory" }]))
        }
        ("POST", "/admin/v1/tenants") => json!({ "name": "mallory" }),
        (_, path) if path.ends_with("/erasure") => json!({ "confirm": "acme" }),
        (_, path) if path.ends_with("/setup-links") => json!({ "label": "mallory" }),
        (_, path) if path.ends_with("/oauth-clients") => json!({ "label": "mallory" }),
        (_, path) if path.contains("/secrets") || path.ends_with("/signing-keys") => json!({}),
        (_, path) if path.ends_with("/tokens") => json!({ "scope": "scim" }),
        (_, path) if path.ends_with("/schemas") => json!({ "pack": "ws1b" }),
        (_, path) if path.ends_with("/schema-packs") => json!({ "pack": "okta" }),
        (_, path) if path.ends_with("/search-attributes") => json!({ "attributes": ["emails.value"] }),
        (_, path) if path.ends_with("/resource-types") => scimgate_tests::tenant::device(),
        (_, path) if path.ends_with("/mapping") => json!({ "steps": [] }),
        (_, path) if path.ends_with("/directory-schema") || path.ends_with("/group-rules") => json!({ "rules": [] }),
        (_, path) if path.ends_with("/sso-subject") => json!({ "path": "userName" }),
        (_, path) if path.ends_with("/guard") => json!({ "users": 1 }),
        (_, path) if path.contains("Groups") => group("mallory"),
        _ => user("mallory"),
    }
}

async fn a_missing_or_foreign_credential_is_refused_on_every_route(gateway: &TestGateway) {
    let acme = gateway.tenant("acme").await;
    let globex = gateway.plain_tenant("globex").await;
    let target = Target {
        user: acme.user("ada").await,
        group: acme.group("crew").await,
        token: gateway.operator.get("/tenants/acme/tokens").await.body["tokens"][0]["id"].as_str().unwrap().to_owned(),
    };
    let ended = ended::ended(gateway).await;
    let events = acme.events().await;
    let before = (acme.everything().await, gateway.row_counts().await);
    for (surface, route, method) in routes() {
        for path in paths(route, &target) {
            let request = Request::new(method, &path).json(&body(method, &path));
            check_other_tenant(gateway, &globex, (surface, route), &request).await;
            let of_surface = ended.iter().filter(|(of, _)| *of == surface).map(|(_, client)| client.clone());
            for client in wrong_credentials(gateway, (&acme, &globex), surface).into_iter().chain(of_surface) {
                let answer = client.send(request.clone()).await;
                assert_eq!(answer.status, 401, "{} was answered {}", answer.asked, answer.text);
                assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"scimgate\"", "{}", answer.asked);
                assert!(answer.header("content-type").ends_with("+json"), "{}", answer.asked);
            }
        }
    }
    assert_eq!(acme.everything().await, before.0, "nothing of the tenant is changed");
    assert_eq!(gateway.row_counts().await, before.1, "nothing is stored");
    assert_eq!(acme.events().await, events, "there are no new events");
}

fn internal(gateway: &TestGateway) -> Client {
    Client::new(format!("http://{}", gateway.internal))
}

/// Clients that a surface refuses: without a credential, and with one for something else.
fn wrong_credentials(gateway: &TestGateway, (acme, globex): (&Tenant, &Tenant), surface: Surface) -> Vec<Client> {
    let internal = internal(gateway);
    let within = |client: &Client| client.at(internal.base.clone());
    match surface {
        Surface::Probe | Surface::Docs | Surface::Oauth | Surface::Page => Vec::new(),
        Surface::Scim => {
            let named = format!("http://{}/t/acme/scim/v2", gateway.public);
            let nobody = gateway.anonymous();
            let own = |client: &Client| client.at(nobody.base.clone());
            let others = [globex.scim.at(named.clone()), own(&acme.directory), own(&gateway.operator)];
            [nobody.clone(), nobody.at(named)].into_iter().chain(others).collect()
        }
        Surface::Directory => vec![internal.clone(), within(&acme.scim), within(&gateway.operator)],
        Surface::Admin => vec![internal.clone(), within(&acme.scim), within(&acme.directory)],
    }
}

/// With another tenant's own credential nothing is found; and a probe, which requires none, shows nothing of a tenant.
async fn check_other_tenant(
    gateway: &TestGateway,
    globex: &Tenant,
    (surface, route): (Surface, &str),
    request: &Request,
) {
    let names_one = route.ends_with("/{id}");
    match surface {
        Surface::Probe => {
            let probes = Client::new(format!("http://{}", gateway.probes));
            let answer = probes.send(request.clone()).await.expect(200);
            assert!(!answer.text.contains("acme"), "a probe shows nothing of a tenant");
        }
        Surface::Docs => {
            let answer = internal(gateway).send(request.clone()).await;
            assert!(matches!(answer.status, 308 | 404) && !answer.text.contains("acme"), "{}", answer.text);
        }
        // Nor does another credential open a page.
        Surface::Page => {
            let answer = globex.scim.at(format!("http://{}", gateway.public)).send(request.clone()).await.expect(404);
            assert!(!answer.text.contains("acme"), "{}", answer.text);
        }
        // No token without credentials, whoever's bearer token comes along.
        Surface::Oauth if request.method == "POST" => {
            let answer = globex.scim.at(format!("http://{}", gateway.public)).send(request.clone()).await;
            assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")), "{}", answer.text);
        }
        Surface::Oauth => {
            let answer = Client::new(format!("http://{}", gateway.public)).send(request.clone()).await.expect(200);
            assert!(!answer.text.contains("\"d\""), "no private key");
        }
        Surface::Scim if names_one => check_not_found(&globex.scim.send(request.clone()).await),
        Surface::Directory => {
            let answer = globex.directory.at(internal(gateway).base).send(request.clone()).await;
            match route {
                "/directory/v1/openapi.json" => assert_eq!(answer.status, 200, "{}", answer.text),
                _ if names_one => check_not_found(&answer),
                _ => check_empty(&answer),
            }
        }
        Surface::Scim | Surface::Admin => {}
    }
}

/// Another tenant's resource is 404: 403 would show that it exists.
#[track_caller]
fn check_not_found(answer: &Answer) {
    assert_eq!(answer.status, 404, "{} was answered {}", answer.asked, answer.text);
}

#[track_caller]
fn check_empty(answer: &Answer) {
    assert_eq!(answer.status, 200, "{} was answered {}", answer.asked, answer.text);
    let list = answer.body.get("resources").or_else(|| answer.body.get("events"));
    assert_eq!(list, Some(&json!([])), "{} was answered {}", answer.asked, answer.text);
}
