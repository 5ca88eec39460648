//! Lists over HTTP: filters, order, search by GET and by POST, and what is refused.

use scimgate::operation::list::Limits;
use scimgate_tests::tenant::{ENTERPRISE, group};
use scimgate_tests::{Answer, Request, Tenant, TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    filters_match_the_right_users,
    invalid_filters_are_refused_with_the_reason,
    lists_are_sorted_as_requested,
    a_search_covers_one_type_or_all,
    expensive_lists_are_refused_with_a_hint,
    a_unique_integer_attribute_is_enforced,
);

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// A tenant with Ada, Bob and Eve, created a second after one another.
async fn with_three_users(gateway: &TestGateway) -> Tenant {
    let tenant = gateway.plain_tenant("acme").await;
    let more = [
        json!({ "userName": "Ada@corp.test", "externalId": "A-1", "title": "Countess", "active": true,
            "name": { "familyName": "Byron" }, "emails": [{ "type": "home", "value": "z@x.test" },
            { "type": "work", "value": "Ada@Corp.Test", "primary": true }], ENTERPRISE: { "employeeNumber": "1815" } }),
        json!({ "userName": "bob@corp.test", "externalId": "a-1", "active": false, "name": { "familyName": "aaron" },
            "emails": [{ "type": "work", "value": "bob@corp.test" }, { "type": "home", "value": "ada@corp.test" }] }),
        json!({ "userName": "eve@other.test", "title": "" }),
    ];
    for body in more {
        let _ = tenant.post("/Users", &body).await.expect(201);
        gateway.clock.advance(std::time::Duration::from_secs(1));
    }
    tenant
}

/// The userNames up to the @.
#[track_caller]
fn names(answer: &Answer) -> String {
    let name = |it: &Value| {
        let name = it["userName"].as_str().or(it["displayName"].as_str()).unwrap().split('@').next().unwrap();
        name.to_lowercase()
    };
    answer.body["Resources"].as_array().unwrap().iter().map(name).collect::<Vec<_>>().join(" ")
}

async fn filters_match_the_right_users(gateway: &TestGateway) {
    let tenant = with_three_users(gateway).await;
    for (filter, found) in [
        ("userName eq \"ADA@CORP.TEST\"", "ada"),
        ("userName ne \"ada@corp.test\"", "bob eve"),
        ("userName sw \"A\"", "ada"),
        ("userName co \"CORP\"", "ada bob"),
        ("userName ew \"other.test\"", "eve"),
        ("userName gt \"ada@corp.test\" and userName le \"BOB@corp.test\"", "bob"),
        ("externalId eq \"a-1\"", "bob"),
        ("externalId pr", "ada bob"),
        ("externalId eq null", "eve"),
        ("title pr", "ada"),
        ("not (title pr)", "bob eve"),
        ("active eq true", "ada"),
        ("active ne true", "bob eve"),
        ("active eq \"False\"", "bob"),
        ("active pr", "ada bob"),
        ("emails.value eq \"ada@corp.test\"", "ada bob"),
        ("emails[type eq \"work\" and value eq \"ada@corp.test\"]", "ada"),
        ("emails[type eq \"work\"].value eq \"ADA@corp.test\"", "ada"),
        ("emails.type eq \"work\" and emails.value sw \"ada\"", "ada bob"),
        ("emails co \"x.test\"", "ada"),
        ("not (emails.value eq \"z@x.test\")", "bob eve"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq \"1815\"", "ada"),
        ("employeeNumber pr or title eq \"nobody\" or userName eq \"eve@other.test\"", "ada eve"),
        ("meta.created ge \"2026-05-01T11:00:01+02:00\"", "bob eve"),
        ("meta.created eq \"2026-05-01T09:00:01Z\"", "bob"),
        ("meta.lastModified lt \"2026-05-01T09:00:00.5Z\"", "ada"),
        ("meta.created sw \"2026-05-01\" and meta.resourceType eq \"User\"", "ada bob eve"),
        ("not (userName sw \"ada\" or name.familyName eq \"AARON\")", "eve"),
        ("userName eq \"nobody\"", ""),
        ("id eq \"nobody\"", ""),
    ] {
        let answer = tenant.get(&format!("/Users?filter={}", filter.replace('+', "%2B"))).await.expect(200);
        assert_eq!(names(&answer), found, "{filter}");
        assert_eq!(answer.body["totalResults"], found.split_whitespace().count(), "{filter}");
        let total = tenant.get(&format!("/Users?count=0&filter={}", filter.replace('+', "%2B"))).await.expect(200);
        assert_eq!(total.body["totalResults"], answer.body["totalResults"], "{filter}");
    }
    let second = tenant.get("/Users?filter=title pr or active pr&startIndex=2&count=1").await.expect(200);
    assert_eq!((names(&second).as_str(), &second.body["totalResults"]), ("bob", &json!(2)));
    assert_eq!((&second.body["startIndex"], &second.body["itemsPerPage"]), (&json!(2), &json!(1)));
}

async fn invalid_filters_are_refused_with_the_reason(gateway: &TestGateway) {
    let tenant = with_three_users(gateway).await;
    for (filter, reason) in [
        ("hat eq \"bowler\"", "there is no attribute hat"),
        ("emails[hat eq \"x\"]", "emails has no sub-attribute hat"),
        ("password eq \"x\"", "password is never returned"),
        ("password pr", "password is never returned"),
        ("active gt true", "gt cannot compare"),
        ("x509Certificates.value gt \"YQ==\"", "gt cannot compare"),
        ("meta.created gt \"yesterday\"", "a date and a time"),
        ("userName co null", "null cannot be compared by co"),
        ("userName eq a%00b", "U+0000"),
        ("userName eq \"a\\u0000b\"", "U+0000"),
        (&format!("userName eq \"{}\"", "x".repeat(4_000)), "at most 4000 are read"),
        (&vec!["title pr"; 201].join(" or "), "more than 200 conditions"),
        (&format!("{}title pr{}", "(".repeat(33), ")".repeat(33)), "nested deeper than 32"),
    ] {
        let answer = tenant.get(&format!("/Users?filter={filter}")).await.expect(400);
        assert_eq!(answer.body["scimType"], "invalidFilter", "{filter}");
        assert!(answer.body["detail"].as_str().unwrap().contains(reason), "{filter}: {}", answer.text);
    }
}

async fn lists_are_sorted_as_requested(gateway: &TestGateway) {
    let tenant = with_three_users(gateway).await;
    for (query, found) in [
        ("sortBy=userName", "ada bob eve"),
        ("sortBy=USERNAME&sortOrder=descending", "eve bob ada"),
        ("sortBy=id&sortOrder=descending", "eve bob ada"),
        ("sortBy=meta.created&sortOrder=descending", "eve bob ada"),
        ("sortBy=meta.lastModified", "ada bob eve"),
        // aaron, Byron, and none: case-insensitive; missing values last, or first if descending.
        ("sortBy=name.familyName", "bob ada eve"),
        ("sortBy=name.familyName&sortOrder=descending", "eve ada bob"),
        // The primary ada@corp.test, the first bob@corp.test.
        ("sortBy=emails", "ada bob eve"),
        ("sortBy=externalId", "ada bob eve"),
        ("sortBy=active", "bob ada eve"),
        ("sortBy=name.familyName&startIndex=2&count=1", "ada"),
        ("sortBy=name.familyName&filter=title co \"count\" or active eq false", "bob ada"),
        ("sortBy=userName&sortOrder=descending&filter=name.familyName pr", "bob ada"),
    ] {
        let answer = tenant.get(&format!("/Users?{query}")).await.expect(200);
        assert_eq!(names(&answer), found, "{query}");
    }
    for query in ["sortBy=hat", "sortBy=password", "sortBy=name", "sortBy=userName&sortOrder=up"] {
        assert_eq!(
            tenant.get(&format!("/Users?{query}")).await.expect(400).body["scimType"],
            "invalidValue",
            "{query}"
        );
    }
    let config = tenant.get("/ServiceProviderConfig").await.expect(200);
    assert_eq!(config.body["sort"]["supported"], true);
}

async fn a_search_covers_one_type_or_all(gateway: &TestGateway) {
    let tenant = with_three_users(gateway).await;
    let _ = tenant.post("/Groups", &group("Adas")).await.expect(201);
    let body =
        |filter: &str| json!({ "schemas": [SEARCH], "filter": filter, "attributes": ["userName", "displayName"] });
    let ada = body("userName sw \"ada\" or displayName sw \"ada\"");
    assert_eq!(names(&tenant.post("/Users/.search", &ada).await.expect(200)), "ada");
    assert_eq!(names(&tenant.post("/.search", &ada).await.expect(200)), "ada adas");
    let query = "/?filter=userName sw \"ada\" or displayName sw \"ada\"&attributes=name.familyName";
    let all = tenant.get(query).await.expect(200);
    assert_eq!(all.body["Resources"][0]["name"], json!({ "familyName": "Byron" }));
    assert_eq!(all.body["Resources"][1]["name"], Value::Null);
    let everything = tenant.get("/").await.expect(200);
    assert_eq!(everything.body["totalResults"], 4);
    let sorted =
        json!({ "schemas": [SEARCH], "sortBy": "userName", "sortOrder": "descending", "startIndex": 2, "count": 1 });
    assert_eq!(names(&tenant.post("/Users/.search", &sorted).await.expect(200)), "bob");
    let _ = tenant.post("/Users/.search", &json!({ "filter": "title pr" })).await.expect(400);
    let _ = tenant.send(Request::new("GET", "/Users/.search")).await.expect(405);
}

async fn expensive_lists_are_refused_with_a_hint(gateway: &TestGateway) {
    let _ = with_three_users(gateway).await;
    let list = async |query: &str, limits: Limits| {
        let mut limited = gateway.gateway.clone();
        limited.lists = limits;
        let ctx = scimgate::operation::Context { gateway: limited, ..gateway.context("acme").await };
        let get = |name: &str| query.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        let types = [if query.starts_with("groups") { "Group" } else { "User" }];
        let types = types.iter().map(|it| ctx.settings.registry.resource_type(it).unwrap().clone()).collect();
        scimgate::operation::list::run(ctx, types, scimgate_scim::search::Search::from_query(get)).await
    };
    let limit = |examined| Limits { examined, members: 3 };
    for query in ["filter=title pr", "sortBy=title", "filter=userName co \"test\""] {
        assert!(list(query, limit(3)).await.is_ok(), "{query}");
        let refused = list(query, limit(2)).await.unwrap_err();
        let scimgate::operation::Error::Scim(error) = &refused else { panic!("{refused:?}") };
        assert_eq!(error.scim_type.map(scimgate_scim::error::ScimType::keyword), Some("tooMany"), "{query}");
        for text in ["more than 2 resources", "userName", "emails.value", "externalId"] {
            assert!(error.detail.contains(text), "{}", error.detail);
        }
    }
    // No document is read where the database decides alone.
    assert!(list("filter=userName pr and active pr&sortBy=userName", limit(0)).await.is_ok());
    let tenant =
        Tenant::new("acme", gateway.anonymous().with(&gateway.token("acme", "scim").await.1), gateway.directory("x"));
    for name in ["one", "two"] {
        let members: Vec<Value> = (0..2).map(|n| json!({ "value": format!("{name}{n}") })).collect();
        let _ = tenant.post("/Groups", &json!({ "displayName": name, "members": members })).await.expect(201);
    }
    assert!(list("groups", limit(9)).await.is_err(), "four members on one page");
    assert!(list("groups&count=1", limit(9)).await.is_ok());
    assert!(list("groups&excludedAttributes=members", limit(9)).await.is_ok());
}

async fn a_unique_integer_attribute_is_enforced(gateway: &TestGateway) {
    const BADGE: &str = "urn:example:badge:2.0:User";
    let tenant = gateway.plain_tenant("acme").await;
    let attribute = json!({ "name": "number", "type": "integer", "uniqueness": "server" });
    let schema = json!({ "id": BADGE, "name": "Badge", "attributes": [attribute] });
    let body = json!({ "schema": schema, "resourceType": "User" });
    let _ = gateway.operator.post("/tenants/acme/schemas", &body).await.expect(201);
    let with = |name: &str, number: Value| json!({ "userName": name, BADGE: { "number": number } });
    let ada = tenant.post("/Users", &with("ada", json!(7))).await.expect(201).id();
    for number in [json!(7), json!(7.0)] {
        let refused = tenant.post("/Users", &with("bob", number)).await.expect(409);
        assert_eq!(refused.body["scimType"], "uniqueness");
    }
    let _ = tenant.post("/Users", &with("bob", json!(70))).await.expect(201);
    let _ = tenant.post("/Users", &with("eve", json!(-7))).await.expect(201);
    let found = tenant.get(&format!("/Users?filter={BADGE}:number%20eq%207")).await.expect(200);
    assert_eq!(names(&found), "ada");
    let _ = tenant.scim.delete(&format!("/Users/{ada}")).await.expect(204);
    let _ = tenant.post("/Users", &with("zoe", json!(7))).await.expect(201);
}
