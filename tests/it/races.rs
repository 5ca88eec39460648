//! Concurrent writers on one resource: the acknowledged writes are the stored ones, in every table.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use scimgate_scim::leniency::Leniency;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Database, Tenant, TestGateway, on_both, rows};
use serde_json::{Value, json};

on_both!(
    sixteen_writers_on_one_user_lose_no_write,
    sixteen_writers_on_one_group_lose_no_write,
    sixteen_creates_of_one_name_create_one_user,
    of_concurrent_renames_to_one_name_one_succeeds,
    concurrently_deleted_members_leave_no_membership,
    a_pending_member_is_resolved_during_concurrent_writes,
    settings_changed_during_a_read_are_not_cached,
    concurrent_decisions_of_operators_are_all_stored,
);

const WRITERS: usize = 16;

/// How many times each writer writes; fewer on the embedded database, which has one connection.
fn rounds(gateway: &TestGateway) -> usize {
    if gateway.database() == Database::Embedded { 2 } else { 6 }
}

/// Runs all writers concurrently, each in a task.
async fn concurrently<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    writer: impl Fn(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..WRITERS).map(|number| tokio::spawn(writer(number))).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}

/// Checks the rows. On the server alone: the embedded database takes no second connection.
async fn check_rows(gateway: &TestGateway) {
    if gateway.database() == Database::Embedded {
        return;
    }
    rows::check(&gateway.store().await).await;
}

async fn sixteen_writers_on_one_user_lose_no_write(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let rounds = rounds(gateway);
    let written = concurrently(|number| {
        let (tenant, path) = (tenant.clone(), format!("/Users/{ada}"));
        async move {
            let mut written = Vec::new();
            for round in 0..rounds {
                let text = format!("{number}-{round}");
                let body = patch(json!([
                    { "op": "replace", "path": format!("phoneNumbers[type eq \"w{number}\"].value"), "value": text },
                    { "op": "replace", "path": "title", "value": text },
                    { "op": "replace", "path": "emails[type eq \"work\"].value", "value": format!("{text}@corp.test") },
                ]));
                let answer = tenant.patch(&path, &body).await;
                // A write that lost every race gets 503.
                assert!(matches!(answer.status, 200 | 503), "{}", answer.text);
                written.extend((answer.status == 200).then_some(text));
            }
            written
        }
    })
    .await;
    let acknowledged: usize = written.iter().map(Vec::len).sum();
    assert!(acknowledged > 0);
    let read = tenant.get(&format!("/Users/{ada}")).await.expect(200);
    assert_eq!(read.version(), 1 + i64::try_from(acknowledged).unwrap(), "one version for each write");
    let phones = read.body["phoneNumbers"].as_array().unwrap();
    for (number, texts) in written.iter().enumerate() {
        let own: Vec<&Value> = phones.iter().filter(|phone| phone["type"] == format!("w{number}")).collect();
        assert_eq!(own.len(), usize::from(!texts.is_empty()));
        assert_eq!(own.first().map(|phone| phone["value"].as_str().unwrap()), texts.last().map(String::as_str));
    }
    let last = read.body["title"].as_str().unwrap();
    assert!(
        written.iter().any(|texts| texts.last().is_some_and(|text| text == last)),
        "{last} is the last write of its writer"
    );
    assert_eq!(
        read.body["emails"][0]["value"],
        format!("{last}@corp.test"),
        "a PATCH is stored completely or not at all"
    );
    let found = tenant.get(&format!("/Users?filter=emails.value eq \"{last}@corp.test\"")).await.expect(200);
    assert_eq!(found.body["totalResults"], 1);
    let events = tenant.events().await;
    assert_eq!(count(&events, "user.updated"), acknowledged, "one event for each write");
    let versions: BTreeSet<i64> = events.iter().map(|event| event["version"].as_i64().unwrap()).collect();
    assert_eq!(versions.len(), acknowledged + 1, "every version has its event");
    let mapped = tenant.directory(&format!("/users/{ada}")).await.expect(200);
    assert_eq!(
        (&mapped.body["title"], &mapped.body["phoneNumbers"]),
        (&read.body["title"], &read.body["phoneNumbers"])
    );
    check_rows(gateway).await;
}

async fn change_members(tenant: &Tenant, crew: &str, operations: Value) {
    let answer = tenant.patch(&format!("/Groups/{crew}"), &patch(operations)).await;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
}

async fn sixteen_writers_on_one_group_lose_no_write(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let crew = tenant.group("crew").await;
    let users = join_all((0..WRITERS).map(|number| {
        let tenant = tenant.clone();
        async move { tenant.user(&format!("u{number}")).await }
    }))
    .await;
    let rounds = rounds(gateway);
    // Every writer adds its own user and the shared one, removes both, and adds its own again.
    concurrently(|number| {
        let (tenant, crew, own, shared) = (tenant.clone(), crew.clone(), users[number].clone(), users[0].clone());
        async move {
            for _ in 0..rounds {
                let both = json!([{ "value": own }, { "value": shared }]);
                change_members(&tenant, &crew, json!([{ "op": "add", "path": "members", "value": both }])).await;
                change_members(&tenant, &crew, json!([{ "op": "Remove", "path": "members", "value": both }])).await;
            }
            change_members(&tenant, &crew, json!([{ "op": "add", "path": "members", "value": [{ "value": own }] }]))
                .await;
        }
    })
    .await;
    change_members(&tenant, &crew, json!([{ "op": "add", "path": "members", "value": [{ "value": users[0] }] }])).await;
    let events = tenant.events().await;
    let read = tenant.get(&format!("/Groups/{crew}")).await.expect(200);
    let members: BTreeSet<&str> =
        read.body["members"].as_array().unwrap().iter().map(|it| it["value"].as_str().unwrap()).collect();
    assert_eq!(members, users.iter().map(String::as_str).collect());
    // The events alternate between added and removed.
    for user in &users {
        let own: Vec<&str> = events
            .iter()
            .filter(|event| event["memberId"] == user.as_str())
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        let (added, removed) = (count_of(&own, "membership.added"), count_of(&own, "membership.removed"));
        assert_eq!(added, removed + 1, "{own:?}");
        if *user != users[0] {
            assert!(
                own.iter().enumerate().all(|(index, kind)| kind.ends_with(["added", "removed"][index % 2])),
                "{own:?}"
            );
        }
    }
    assert!(read.version() > i64::try_from(WRITERS).unwrap(), "each member change is a new version");
    check_rows(gateway).await;
}

fn count_of(kinds: &[&str], kind: &str) -> usize {
    kinds.iter().filter(|own| **own == kind).count()
}

async fn sixteen_creates_of_one_name_create_one_user(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    for round in 0..rounds(gateway) {
        let answers = concurrently(|number| {
            let tenant = tenant.clone();
            // The same name in another case.
            let name = if number % 2 == 0 { format!("ada{round}") } else { format!("ADA{round}") };
            async move { tenant.post("/Users", &user(&name)).await }
        })
        .await;
        let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(made.len(), 1);
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!((refused.status, &refused.body["scimType"]), (409, &"uniqueness".into()), "{}", refused.text);
        }
        let found = tenant.get(&format!("/Users?filter=userName eq \"ada{round}@corp.test\"")).await.expect(200);
        assert_eq!(found.body["Resources"][0]["id"], made[0].id());
    }
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], rounds(gateway));
    assert_eq!(count(&tenant.events().await, "user.created"), rounds(gateway));
    check_rows(gateway).await;
}

async fn of_concurrent_renames_to_one_name_one_succeeds(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let users = join_all((0..WRITERS).map(|number| {
        let tenant = tenant.clone();
        async move { tenant.user(&format!("u{number}")).await }
    }))
    .await;
    let answers = concurrently(|number| {
        let (tenant, path) = (tenant.clone(), format!("/Users/{}", users[number]));
        let rename = patch(json!([{ "op": "replace", "path": "userName", "value": "ada@corp.test" }]));
        async move {
            match number % 4 {
                0 => tenant.post("/Users", &user("ada")).await,
                1 => tenant.delete(&path).await,
                _ => tenant.patch(&path, &rename).await,
            }
        }
    })
    .await;
    let owners = answers.iter().filter(|answer| matches!(answer.status, 200 | 201)).count();
    assert_eq!(owners, 1, "one user has the name");
    let found = tenant.get("/Users?filter=userName eq \"ada@corp.test\"").await.expect(200);
    assert_eq!(found.body["totalResults"], 1);
    let _ = tenant.events().await;
    check_rows(gateway).await;
}

async fn concurrently_deleted_members_leave_no_membership(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let crew = tenant.group("crew").await;
    for round in 0..rounds(gateway) {
        let ada = tenant.user(&format!("ada{round}")).await;
        let answers = concurrently(|number| {
            let (tenant, crew, ada) = (tenant.clone(), crew.clone(), ada.clone());
            async move {
                if number == WRITERS / 2 {
                    return tenant.delete(&format!("/Users/{ada}")).await.status;
                }
                let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
                tenant.patch(&format!("/Groups/{crew}"), &add).await.status
            }
        })
        .await;
        assert!(answers.iter().all(|status| matches!(status, 200 | 204)), "{answers:?}");
        let mapped = tenant.directory(&format!("/groups/{crew}")).await.expect(200);
        assert_eq!(mapped.body["members"], json!([]), "the directory shows no deleted member");
    }
    let _ = tenant.events().await;
    check_rows(gateway).await;
}

/// A rename locks the groups with a pending member of that name, and these writes lock their members.
async fn a_pending_member_is_resolved_during_concurrent_writes(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let (ada, crew) = (tenant.user("ada").await, tenant.group("crew").await);
    for round in 0..rounds(gateway) {
        let name = format!("Later-{round}");
        let members = json!([{ "value": name }]);
        change_members(&tenant, &crew, json!([{ "op": "add", "path": "members", "value": members }])).await;
        let answers = concurrently(|number| {
            let (tenant, user, crew) = (tenant.clone(), format!("/Users/{ada}"), format!("/Groups/{crew}"));
            let op = if number % 2 == 0 { "add" } else { "replace" };
            let change = patch(json!([{ "op": op, "path": "members", "value": members }]));
            let rename = patch(json!([{ "op": "replace", "path": "externalId", "value": name }]));
            async move {
                if number == WRITERS / 2 {
                    return tenant.patch(&user, &rename).await.status;
                }
                tenant.patch(&crew, &change).await.status
            }
        })
        .await;
        assert!(answers.iter().all(|status| matches!(status, 200 | 204)), "{answers:?}");
        // Added again, in case it became pending during the rename.
        change_members(&tenant, &crew, json!([{ "op": "add", "path": "members", "value": members }])).await;
        let read = tenant.get(&format!("/Groups/{crew}")).await.expect(200);
        let listed: Vec<&Value> = read.body["members"].as_array().unwrap().iter().map(|it| &it["value"]).collect();
        assert_eq!(listed, [ada.as_str()]);
    }
    let events = tenant.events().await;
    assert_eq!(count(&events, "membership.added"), count(&events, "membership.removed") + 1);
    check_rows(gateway).await;
}

async fn settings_changed_during_a_read_are_not_cached(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let tenant = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap().id;
    let settings = &gateway.gateway.settings;
    for round in 0..if gateway.database() == Database::Embedded { 10 } else { 60 } {
        let schema = json!({ "schema": {
            "id": format!("urn:example:round{round}:2.0:User"), "name": "Round",
            "attributes": [{ "name": "round", "type": "string" }],
        }});
        // Readers at any moment of the change.
        let reads = async {
            for _ in 0..20 {
                settings.forget(tenant).await;
                let _ = settings.get(tenant).await.unwrap();
            }
        };
        let change = gateway.operator.post("/tenants/acme/schemas", &schema);
        let (answer, ()) = tokio::join!(change, reads);
        let _ = answer.expect(201);
        let row = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap();
        assert_eq!(settings.get(tenant).await.unwrap().schema_revision, row.schema_revision, "round {round}");
    }
}

async fn concurrent_decisions_of_operators_are_all_stored(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let names: Vec<&str> = Leniency::ALL.iter().map(|it| it.name()).take(WRITERS).collect();
    let answers = concurrently(|number| {
        let (operator, name) = (gateway.operator.clone(), names[number]);
        async move { operator.patch("/tenants/acme/client", &json!({ "allow": [name] })).await.status }
    })
    .await;
    assert_eq!(answers, [200; WRITERS]);
    let client = gateway.operator.get("/tenants/acme/client").await.expect(200).body;
    let all = client["leniencies"].as_array().unwrap().iter();
    let decided: BTreeSet<&str> =
        all.filter(|it| it["by"] == "operator").map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(decided, names.into_iter().collect());
}
