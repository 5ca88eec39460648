//! Each leniency from both sides: allowed alone it works and is counted; under the profile `strict` the same request is
//! refused, or has the RFC's meaning.

use scimgate_scim::leniency::Leniency;
use scimgate_scim::unknown::MAX_ENTRIES;
use scimgate_tests::tenant::{ENTERPRISE, group, patch, user};
use scimgate_tests::{Answer, Request, Tenant, TestGateway, on_postgres};
use serde_json::{Value, json};

use super::{client, set};

on_postgres!(each_leniency_is_tolerated_with_a_warning_or_refused);

const NUMBERS: &str = "urn:example:numbers:1.0:User";

/// The result where the leniency is refused.
enum Strict {
    /// An error with this status and `scimType`.
    Refused(u16, Option<&'static str>),
    /// Success, with another meaning.
    Otherwise(fn(&Case, &Answer) -> bool),
}

/// One leniency's request.
struct Case {
    request: Request,
    /// The status where it is allowed.
    status: u16,
    /// The attribute of the warning.
    attribute: String,
    strict: Strict,
    /// The id of the existing user.
    ada: String,
}

/// The existing resources, created for each side.
struct Fixture {
    ada: String,
    crew: String,
    token: String,
}

fn change(given: &Fixture, operation: &Value) -> Request {
    Request::new("PATCH", &format!("/Users/{}", given.ada)).json(&patch(json!([operation])))
}

fn replace(given: &Fixture, path: &str, value: &Value) -> Request {
    change(given, &json!({ "op": "replace", "path": path, "value": value }))
}

fn add_member(given: &Fixture, value: &str) -> Request {
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": value }] }]);
    Request::new("PATCH", &format!("/Groups/{}", given.crew)).json(&patch(add))
}

fn post(body: &Value) -> Request {
    Request::new("POST", "/Users").json(body)
}

fn bob(key: &str, value: Value) -> Value {
    let mut body = user("bob");
    body[key] = value;
    body
}

/// The `match` is exhaustive: every leniency has a case.
#[expect(clippy::too_many_lines, reason = "one row for each leniency")]
fn case(leniency: Leniency, given: &Fixture) -> Case {
    use Leniency as L;
    use Strict::{Otherwise, Refused};
    let bad = |scim_type| Refused(400, Some(scim_type));
    let malformed = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department";
    let manager = format!("{ENTERPRISE}:manager");
    let home = "emails[type eq \"home\"]";
    let two = json!([{ "value": "a@b", "primary": true }, { "value": "c@d", "primary": true }]);
    let (request, status, attribute, strict) = match leniency {
        L::StringBoolean => (replace(given, "active", &json!("False")), 200, "active", bad("invalidValue")),
        L::StringNumber => (
            replace(given, &format!("{NUMBERS}:level"), &json!("7")),
            200,
            "urn:example:numbers:1.0:User:level",
            bad("invalidValue"),
        ),
        L::ScalarForString => (replace(given, "title", &json!(7)), 200, "title", bad("invalidValue")),
        L::UnknownAttributeSetAside => (replace(given, "shoeSize", &json!(37)), 200, "shoeSize", bad("invalidPath")),
        L::UnknownAttributeDropped => (replace(given, "shoeSize", &json!(37)), 200, "x0", bad("invalidValue")),
        L::UnknownSchemaUrn => {
            let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:User", "urn:x:unknown"]);
            (post(&bob("schemas", schemas)), 201, "urn:x:unknown", bad("invalidSyntax"))
        }
        L::BaseSchemaMissing => (post(&bob("schemas", json!([]))), 201, "schemas", bad("invalidSyntax")),
        L::ReadOnlyIgnored => (replace(given, "groups", &json!([])), 200, "groups", bad("mutability")),
        L::EmptyStringAsNull => (replace(given, "active", &json!("")), 200, "active", bad("invalidValue")),
        L::ValuePathCreated => {
            (replace(given, &format!("{home}.value"), &json!("a@b")), 200, "emails", bad("noTarget"))
        }
        L::PathlessDottedKeys => {
            let dotted = json!({ "op": "replace", "value": { "name.givenName": "A" } });
            (change(given, &dotted), 200, "name.givenName", bad("invalidSyntax"))
        }
        L::ExtensionUndeclared => {
            (post(&bob(ENTERPRISE, json!({ "department": "R&D" }))), 201, ENTERPRISE, bad("invalidSyntax"))
        }
        L::ExtensionUnprefixed => {
            let full = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
            (replace(given, "department", &json!("R&D")), 200, full, bad("invalidPath"))
        }
        L::ManagerAsString => (replace(given, &manager, &json!("6f1c")), 200, manager.as_str(), bad("invalidValue")),
        L::ManagerAsArray => {
            (replace(given, &manager, &json!([{ "value": "6f1c" }])), 200, manager.as_str(), bad("invalidValue"))
        }
        L::BareElement => (replace(given, "emails", &json!(["a@b"])), 200, "emails", bad("invalidValue")),
        L::WrappedScalar => {
            let wrapped = json!([{ "$ref": null, "value": "de" }]);
            (replace(given, "title", &wrapped), 200, "title", bad("invalidValue"))
        }
        L::MemberRemovalByValue => {
            let remove = json!([{ "op": "remove", "path": "members", "value": [{ "value": given.ada }] }]);
            let request = Request::new("PATCH", &format!("/Groups/{}", given.crew)).json(&patch(remove));
            (request, 200, "members", bad("invalidSyntax"))
        }
        L::MalformedUrn => (replace(given, malformed, &json!("R&D")), 200, malformed, bad("invalidPath")),
        L::JsonTextValue => {
            let roles = json!([{ "value": "{\"value\":\"admin\"}" }]);
            let verbatim = |_: &Case, answer: &Answer| answer.body["roles"][0]["value"] == "{\"value\":\"admin\"}";
            (replace(given, "roles", &roles), 200, "roles", Otherwise(verbatim))
        }
        L::ExtraPrimary => (replace(given, "emails", &two), 200, "emails", bad("invalidValue")),
        L::NullAttribute => {
            (replace(given, "emails", &json!([null, { "value": "a@b" }])), 200, "emails", bad("invalidValue"))
        }
        L::ScalarForArray => (replace(given, "emails", &json!({ "value": "a@b" })), 200, "emails", bad("invalidValue")),
        L::UnquotedFilterValue => {
            (Request::new("GET", "/Users?filter=externalId%20eq%20abc"), 200, "externalId", bad("invalidFilter"))
        }
        L::RemovalOfNothing => {
            (change(given, &json!({ "op": "remove", "path": home })), 200, "emails", bad("noTarget"))
        }
        L::BareToken => (
            Request::new("GET", "/Users").header("authorization", &given.token),
            200,
            "Authorization",
            Refused(401, None),
        ),
        L::AcceptIgnored => {
            (Request::new("GET", "/Users").header("accept", "text/html"), 200, "Accept", Refused(406, None))
        }
        L::OperationCase => {
            (change(given, &json!({ "op": "Replace", "path": "title", "value": "T" })), 200, "op", bad("invalidSyntax"))
        }
        L::BlankPath => (replace(given, " title ", &json!("T")), 200, "path", bad("invalidPath")),
        L::RepeatedSchemaUrn => {
            let twice = json!(vec!["urn:ietf:params:scim:schemas:core:2.0:User"; 2]);
            (post(&bob("schemas", twice)), 201, "schemas", bad("invalidValue"))
        }
        L::EndpointCase => (Request::new("GET", "/USERS"), 200, "/Users", Refused(404, None)),
        L::EmptyStringClears => {
            let a_text = |_: &Case, answer: &Answer| answer.body["title"] == "";
            (replace(given, "title", &json!("")), 200, "title", Otherwise(a_text))
        }
        L::UnknownMemberDropped | L::UnknownMemberPending => {
            (add_member(given, "nobody"), 200, "members", bad("invalidValue"))
        }
        L::RestoreDeactivated => {
            let mut off = user("off");
            off["title"] = "anew".into();
            (post(&off), 201, "userName", Refused(409, Some("uniqueness")))
        }
        L::RestoreDeleted => {
            let another = |case: &Case, answer: &Answer| answer.status == 201 && answer.id() != case.ada;
            (post(&user("deleted")), 201, "externalId", Otherwise(another))
        }
        L::IdempotentCreate => (post(&user("ada")), 201, "userName", Refused(409, Some("uniqueness"))),
    };
    Case { request, status, attribute: attribute.to_owned(), strict, ada: given.ada.clone() }
}

/// What must be allowed for the request to come as far as the leniency.
fn needed(leniency: Leniency) -> Option<Leniency> {
    (leniency == Leniency::UnknownAttributeDropped).then_some(Leniency::UnknownAttributeSetAside)
}

/// The uses of a tenant's leniencies, without what is needed.
async fn used(gateway: &TestGateway, tenant: &Tenant, leniency: Leniency) -> Vec<Value> {
    let used = client(gateway, &tenant.name).await["used"].as_array().unwrap().clone();
    used.into_iter().filter(|used| needed(leniency).is_none_or(|it| used["leniency"] != it.name())).collect()
}

async fn fixture(gateway: &TestGateway, tenant: &Tenant, leniency: Leniency) -> Fixture {
    let numbers = json!({ "id": NUMBERS, "name": "Numbers", "attributes": [{ "name": "level", "type": "integer" }] });
    let path = format!("/tenants/{}/schemas", tenant.name);
    let _ = gateway.operator.post(&path, &json!({ "schema": numbers })).await.expect(201);
    let mut ada = tenant.user("ada").await;
    let mut crew = group("crew");
    crew["members"] = json!([{ "value": ada }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let off = tenant.user("off").await;
    let deactivate = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
    let _ = tenant.patch(&format!("/Users/{off}"), &deactivate).await.expect(200);
    let deleted = tenant.user("deleted").await;
    let _ = tenant.delete(&format!("/Users/{deleted}")).await.expect(204);
    if leniency == Leniency::RestoreDeleted {
        ada = deleted;
    }
    if leniency == Leniency::UnknownAttributeDropped {
        let all: Value = (0..MAX_ENTRIES).map(|number| (format!("x{number}"), json!(number))).collect();
        let fill = patch(json!([{ "op": "add", "value": all }]));
        let _ = tenant.patch(&format!("/Users/{ada}"), &fill).await.expect(200);
    }
    Fixture { ada, crew, token: gateway.token(&tenant.name, "scim").await.1 }
}

/// Sends the request, with its own Authorization header where it has one.
async fn send(tenant: &Tenant, mut request: Request) -> Answer {
    let own = request.headers.iter().position(|(name, _)| name == "authorization");
    match own.map(|place| request.headers.remove(place)) {
        Some((_, value)) => tenant.scim.authorized(value.as_bytes()).send(request).await,
        None => tenant.send(request).await,
    }
}

async fn each_leniency_is_tolerated_with_a_warning_or_refused(gateway: &TestGateway) {
    for leniency in Leniency::ALL {
        let name = leniency.name();
        let strict = gateway.plain_tenant(&format!("s-{name}")).await;
        let existing = fixture(gateway, &strict, *leniency).await;
        let needed = needed(*leniency).map(Leniency::name);
        let _ = set(gateway, &strict.name, &json!({ "profile": "strict", "allow": Vec::from_iter(needed) }))
            .await
            .expect(200);
        let own = case(*leniency, &existing);
        let answer = send(&strict, own.request.clone()).await;
        match own.strict {
            Strict::Refused(status, scim_type) => {
                assert_eq!(
                    (answer.status, answer.body["scimType"].as_str()),
                    (status, scim_type),
                    "{name}: {}",
                    answer.text
                );
            }
            Strict::Otherwise(holds) => assert!(holds(&own, &answer), "{name}: {}", answer.text),
        }
        assert!(used(gateway, &strict, *leniency).await.is_empty(), "{name} is not counted where it is refused");

        let lenient = gateway.plain_tenant(&format!("l-{name}")).await;
        let existing = fixture(gateway, &lenient, *leniency).await;
        let _ = set(
            gateway,
            &lenient.name,
            &json!({ "profile": "strict", "allow": needed.into_iter().chain([name]).collect::<Vec<_>>() }),
        )
        .await
        .expect(200);
        let own = case(*leniency, &existing);
        let answer = send(&lenient, own.request.clone()).await;
        assert_eq!(answer.status, own.status, "{name}: {}", answer.text);
        if let Strict::Otherwise(holds) = own.strict {
            assert!(!holds(&own, &answer), "{name}: {}", answer.text);
        }
        let used = used(gateway, &lenient, *leniency).await;
        assert_eq!(used[0]["leniency"], name, "{used:?}");
        assert_eq!((&used[0]["attribute"], &used[0]["uses"]), (&json!(own.attribute), &json!(1)), "{name}");
        assert_eq!(used.len(), 1, "no other leniency is used: {used:?}");
    }
}
