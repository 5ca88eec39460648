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
    Otherwise(Meaning),
}

/// Whether a reply to a case's request has the RFC's meaning.
type Meaning = fn(&Case, &Answer) -> bool;

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
fn case(leniency: Leniency, given: &Fixture) -> Case {
    use Leniency as L;
    use Strict::{Otherwise, Refused};
    let bad = |scim_type| Refused(400, Some(scim_type));
    let (request, status, attribute, strict) = match leniency {
        L::StringBoolean
        | L::StringNumber
        | L::ScalarForString
        | L::UnknownAttributeSetAside
        | L::UnknownAttributeDropped
        | L::ReadOnlyIgnored
        | L::EmptyStringAsNull
        | L::ValuePathCreated
        | L::ExtensionUnprefixed
        | L::ManagerAsString
        | L::ManagerAsArray
        | L::BareElement
        | L::WrappedScalar
        | L::MalformedUrn
        | L::ExtraPrimary
        | L::NullAttribute
        | L::ScalarForArray
        | L::BlankPath => {
            let (path, value, attribute, scim_type) = replacement(leniency);
            (replace(given, path, &value), 200, attribute, bad(scim_type))
        }
        L::PathlessDottedKeys
        | L::MemberRemovalByValue
        | L::RemovalOfNothing
        | L::OperationCase
        | L::UnknownMemberDropped
        | L::UnknownMemberPending => {
            let (request, attribute, scim_type) = operation(leniency, given);
            (request, 200, attribute, bad(scim_type))
        }
        L::UnknownSchemaUrn | L::BaseSchemaMissing | L::ExtensionUndeclared | L::RepeatedSchemaUrn => {
            let (key, value, attribute, scim_type) = creation(leniency);
            (post(&bob(key, value)), 201, attribute, bad(scim_type))
        }
        L::JsonTextValue | L::EmptyStringClears | L::RestoreDeleted => {
            let (request, status, attribute, meaning) = other_meaning(leniency, given);
            (request, status, attribute, Otherwise(meaning))
        }
        L::UnquotedFilterValue
        | L::BareToken
        | L::AcceptIgnored
        | L::EndpointCase
        | L::RestoreDeactivated
        | L::IdempotentCreate => whole_request(leniency, given),
    };
    Case { request, status, attribute: attribute.to_owned(), strict, ada: given.ada.clone() }
}

/// A path and a value that a PATCH of a user sets there, the attribute of the warning, and the `scimType` of the refusal.
fn replacement(leniency: Leniency) -> (&'static str, Value, &'static str, &'static str) {
    use Leniency as L;
    const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    const MALFORMED: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department";
    const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    const LEVEL: &str = "urn:example:numbers:1.0:User:level";
    let two = json!([{ "value": "a@b", "primary": true }, { "value": "c@d", "primary": true }]);
    match leniency {
        L::StringBoolean => ("active", json!("False"), "active", "invalidValue"),
        L::StringNumber => (LEVEL, json!("7"), LEVEL, "invalidValue"),
        L::ScalarForString => ("title", json!(7), "title", "invalidValue"),
        L::UnknownAttributeSetAside => ("shoeSize", json!(37), "shoeSize", "invalidPath"),
        L::UnknownAttributeDropped => ("shoeSize", json!(37), "x0", "invalidValue"),
        L::ReadOnlyIgnored => ("groups", json!([]), "groups", "mutability"),
        L::EmptyStringAsNull => ("active", json!(""), "active", "invalidValue"),
        L::ValuePathCreated => ("emails[type eq \"home\"].value", json!("a@b"), "emails", "noTarget"),
        L::ExtensionUnprefixed => ("department", json!("R&D"), DEPARTMENT, "invalidPath"),
        L::ManagerAsString => (MANAGER, json!("6f1c"), MANAGER, "invalidValue"),
        L::ManagerAsArray => (MANAGER, json!([{ "value": "6f1c" }]), MANAGER, "invalidValue"),
        L::BareElement => ("emails", json!(["a@b"]), "emails", "invalidValue"),
        L::WrappedScalar => ("title", json!([{ "$ref": null, "value": "de" }]), "title", "invalidValue"),
        L::MalformedUrn => (MALFORMED, json!("R&D"), MALFORMED, "invalidPath"),
        L::ExtraPrimary => ("emails", two, "emails", "invalidValue"),
        L::NullAttribute => ("emails", json!([null, { "value": "a@b" }]), "emails", "invalidValue"),
        L::ScalarForArray => ("emails", json!({ "value": "a@b" }), "emails", "invalidValue"),
        L::BlankPath => (" title ", json!("T"), "path", "invalidPath"),
        other => panic!("{other:?} is not tolerated in a value"),
    }
}

/// Another PATCH, the attribute of the warning, and the `scimType` of the refusal.
fn operation(leniency: Leniency, given: &Fixture) -> (Request, &'static str, &'static str) {
    use Leniency as L;
    match leniency {
        L::PathlessDottedKeys => {
            let dotted = json!({ "op": "replace", "value": { "name.givenName": "A" } });
            (change(given, &dotted), "name.givenName", "invalidSyntax")
        }
        L::MemberRemovalByValue => {
            let remove = json!([{ "op": "remove", "path": "members", "value": [{ "value": given.ada }] }]);
            let request = Request::new("PATCH", &format!("/Groups/{}", given.crew)).json(&patch(remove));
            (request, "members", "invalidSyntax")
        }
        L::RemovalOfNothing => {
            (change(given, &json!({ "op": "remove", "path": "emails[type eq \"home\"]" })), "emails", "noTarget")
        }
        L::OperationCase => {
            (change(given, &json!({ "op": "Replace", "path": "title", "value": "T" })), "op", "invalidSyntax")
        }
        L::UnknownMemberDropped | L::UnknownMemberPending => (add_member(given, "nobody"), "members", "invalidValue"),
        other => panic!("{other:?} is not tolerated in an operation"),
    }
}

/// An attribute and its value in the POST of a user, the attribute of the warning, and the `scimType` of the refusal.
fn creation(leniency: Leniency) -> (&'static str, Value, &'static str, &'static str) {
    use Leniency as L;
    const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    match leniency {
        L::UnknownSchemaUrn => ("schemas", json!([USER, "urn:x:unknown"]), "urn:x:unknown", "invalidSyntax"),
        L::BaseSchemaMissing => ("schemas", json!([]), "schemas", "invalidSyntax"),
        L::ExtensionUndeclared => (ENTERPRISE, json!({ "department": "R&D" }), ENTERPRISE, "invalidSyntax"),
        L::RepeatedSchemaUrn => ("schemas", json!([USER, USER]), "schemas", "invalidValue"),
        other => panic!("{other:?} is not tolerated in the body of a POST"),
    }
}

/// A request that has another meaning by the RFC: its status and the attribute of the warning where it is tolerated, and what the reply
/// is otherwise.
fn other_meaning(leniency: Leniency, given: &Fixture) -> (Request, u16, &'static str, Meaning) {
    match leniency {
        Leniency::JsonTextValue => {
            let roles = json!([{ "value": "{\"value\":\"admin\"}" }]);
            let verbatim = |_: &Case, answer: &Answer| answer.body["roles"][0]["value"] == "{\"value\":\"admin\"}";
            (replace(given, "roles", &roles), 200, "roles", verbatim)
        }
        Leniency::EmptyStringClears => {
            let a_text = |_: &Case, answer: &Answer| answer.body["title"] == "";
            (replace(given, "title", &json!("")), 200, "title", a_text)
        }
        Leniency::RestoreDeleted => {
            let another = |case: &Case, answer: &Answer| answer.status == 201 && answer.id() != case.ada;
            (post(&user("deleted")), 201, "externalId", another)
        }
        other => panic!("{other:?} has no other meaning"),
    }
}

/// A request that is tolerated as a whole, with the parts of its case.
fn whole_request(leniency: Leniency, given: &Fixture) -> (Request, u16, &'static str, Strict) {
    use Leniency as L;
    use Strict::Refused;
    match leniency {
        L::UnquotedFilterValue => {
            let request = Request::new("GET", "/Users?filter=externalId%20eq%20abc");
            (request, 200, "externalId", Refused(400, Some("invalidFilter")))
        }
        L::BareToken => {
            let request = Request::new("GET", "/Users").header("authorization", &given.token);
            (request, 200, "Authorization", Refused(401, None))
        }
        L::AcceptIgnored => {
            (Request::new("GET", "/Users").header("accept", "text/html"), 200, "Accept", Refused(406, None))
        }
        L::EndpointCase => (Request::new("GET", "/USERS"), 200, "/Users", Refused(404, None)),
        L::RestoreDeactivated => {
            let mut off = user("off");
            off["title"] = "anew".into();
            (post(&off), 201, "userName", Refused(409, Some("uniqueness")))
        }
        L::IdempotentCreate => (post(&user("ada")), 201, "userName", Refused(409, Some("uniqueness"))),
        other => panic!("{other:?} is not tolerated in a request as a whole"),
    }
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
