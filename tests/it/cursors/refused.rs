//! A cursor is good for one query of one tenant for an hour, under a key of this installation, and opens no door.

use std::time::Duration;

use scimgate::root_key::{Keys, RootKey};
use scimgate_tests::tenant::group;
use scimgate_tests::{Answer, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

use super::{NEXT, PREVIOUS, ask, by, cursor, ids, people};

on_both!(
    a_cursor_is_valid_for_its_own_query_only,
    a_cursor_expires_after_an_hour,
    a_count_with_a_cursor_must_match,
    the_directory_accepts_only_its_own_cursors,
    cursor_paging_continues_past_the_examination_limit,
);
on_postgres!(root_keys_rotate_without_an_outage);

#[track_caller]
fn refused(answer: Answer, scim_type: &str) -> String {
    let answer = answer.expect(400);
    assert_eq!(answer.body["scimType"], scim_type, "{}", answer.text);
    answer.body["detail"].as_str().unwrap().to_owned()
}

async fn a_cursor_is_valid_for_its_own_query_only(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    let query = json!({ "filter": "title pr", "sortBy": "userName", "attributes": ["userName"], "count": 5 });
    let first = ask(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
    let next = cursor(&first, NEXT).unwrap().to_owned();
    let with = |name: &str, value: Value| {
        let mut other = query.clone();
        other[name] = value;
        other
    };
    let told = refused(ask(&tenant.scim, "/Users/.search", &query, "forged").await, "invalidCursor");
    for (path, other) in [
        ("/Users/.search", with("filter", json!("title pr and active pr"))),
        ("/Users/.search", with("filter", json!(null))),
        ("/Users/.search", with("sortBy", json!("id"))),
        ("/Users/.search", with("sortBy", json!(null))),
        ("/Users/.search", with("sortOrder", json!("descending"))),
        ("/Users/.search", with("attributes", json!(["title"]))),
        ("/Users/.search", with("excludedAttributes", json!(["emails"]))),
        ("/.search", query.clone()),
    ] {
        let answer = ask(&tenant.scim, path, &other, &next).await;
        if other.get("excludedAttributes").is_some() {
            // Refused for itself: both at once are too much.
            let _ = answer.expect(400);
        } else {
            assert_eq!(refused(answer, "invalidCursor"), told, "one answer for all: {other}");
        }
    }
    let mut changed = next.clone().into_bytes();
    for place in 0..changed.len() {
        let letter = changed[place];
        changed[place] = if letter == b'A' { b'B' } else { b'A' };
        let forged = std::str::from_utf8(&changed).unwrap();
        assert_eq!(refused(ask(&tenant.scim, "/Users/.search", &query, forged).await, "invalidCursor"), told);
        changed[place] = letter;
    }
    // Another tenant's, though the query is the same; another token's of the tenant, and its other address, are as good.
    let globex = gateway.plain_tenant("globex").await;
    assert_eq!(refused(ask(&globex.scim, "/Users/.search", &query, &next).await, "invalidCursor"), told);
    let another = tenant.scim.with(&gateway.token("acme", "scim").await.1);
    let named = another.at(format!("http://{}/t/acme/scim/v2", gateway.public));
    for client in [&another, &named, &tenant.scim] {
        assert_eq!(ids(&ask(client, "/Users/.search", &query, &next).await.expect(200)).len(), 5);
    }
    for stranger in [gateway.anonymous(), tenant.directory.at(tenant.scim.base.clone())] {
        let _ = ask(&stranger, "/Users/.search", &query, &next).await.expect(401);
    }
    let both = tenant.get(&format!("/Users?startIndex=1&cursor={next}")).await;
    let _ = refused(both, "invalidValue");
    let groups = tenant.get(&format!("/Groups?count=5&cursor={next}")).await;
    let _ = refused(groups, "invalidCursor");
}

async fn a_cursor_expires_after_an_hour(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    let query = json!({ "count": 5 });
    let next = |answer: &Answer| cursor(answer, NEXT).unwrap().to_owned();
    let first = ask(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
    gateway.clock.advance(Duration::from_hours(1));
    let second = ask(&tenant.scim, "/Users/.search", &query, &next(&first)).await.expect(200);
    gateway.clock.advance(Duration::from_millis(1));
    let told = refused(ask(&tenant.scim, "/Users/.search", &query, &next(&first)).await, "expiredCursor");
    assert!(told.contains("older than 3600 seconds"), "{told}");
    // Each page's cursors begin a new hour.
    let third = ask(&tenant.scim, "/Users/.search", &query, &next(&second)).await.expect(200);
    let back = ask(&tenant.scim, "/Users/.search", &query, cursor(&third, PREVIOUS).unwrap()).await.expect(200);
    assert_eq!(ids(&back), ids(&second));
}

async fn a_count_with_a_cursor_must_match(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    for count in ["ten", "1.5", "1001", "", "99999999999999999999999"] {
        let _ = refused(tenant.get(&format!("/Users?cursor=&count={count}")).await, "invalidCount");
    }
    let none = tenant.get("/Users?cursor=&count=-1").await.expect(200);
    assert_eq!((ids(&none).len(), &none.body["totalResults"]), (0, &json!(super::PEOPLE)));
    let first = tenant.get("/Users?cursor=&count=5").await.expect(200);
    let next = cursor(&first, NEXT).unwrap();
    for count in ["4", "6", "0"] {
        let told = refused(tenant.get(&format!("/Users?cursor={next}&count={count}")).await, "invalidCount");
        assert!(told.contains("a count of 5"), "{told}");
    }
    let told = refused(tenant.get(&format!("/Users?cursor={next}")).await, "invalidCount");
    assert!(told.contains("a count of 5"), "{told}");
    let _ = tenant.get(&format!("/Users?cursor={next}&count=5")).await.expect(200);
}

async fn root_keys_rotate_without_an_outage(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    let (old, new) = (RootKey::generate(), RootKey::generate());
    let keys =
        |current: &RootKey, previous: Option<&RootKey>| Keys { current: current.clone(), previous: previous.cloned() };
    let at_first = gateway.replica_with(keys(&old, None)).await;
    let knows_both = gateway.replica_with(keys(&old, Some(&new))).await;
    let changed = gateway.replica_with(keys(&new, Some(&old))).await;
    let at_last = gateway.replica_with(keys(&new, None)).await;
    let at = |replica: &TestGateway| tenant.scim.at(format!("http://{}/scim/v2", replica.public));
    let query = by(&json!({}), 5);
    let mut page = ask(&at(&at_first), "/Users/.search", &query, "").await.expect(200);
    let mut met = ids(&page);
    // Each hands on to the next, and the two in the middle serve at once.
    for replica in [&knows_both, &changed, &knows_both, &changed] {
        page = ask(&at(replica), "/Users/.search", &query, cursor(&page, NEXT).unwrap()).await.expect(200);
        met.extend(ids(&page));
    }
    assert_eq!(met.len(), super::PEOPLE);
    let last = cursor(&page, PREVIOUS).unwrap();
    let _ = ask(&at(&at_last), "/Users/.search", &query, last).await.expect(200);
    let _ = refused(ask(&at(&at_first), "/Users/.search", &query, last).await, "invalidCursor");
    for replica in [at_first, knows_both, changed, at_last] {
        replica.end().await;
    }
}

async fn the_directory_accepts_only_its_own_cursors(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    let globex = gateway.plain_tenant("globex").await;
    let _ = tenant.post("/Groups", &group("Crew")).await.expect(201);
    let first = tenant.directory("/users?limit=5").await.expect(200);
    let next = first.body["nextCursor"].as_str().unwrap().to_owned();
    let met: Vec<_> = first.body["resources"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    let second = tenant.directory(&format!("/users?limit=20&cursor={next}")).await.expect(200);
    let others: Vec<_> = second.body["resources"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!((met.len() + others.len(), &second.body["nextCursor"]), (super::PEOPLE, &json!(null)));
    assert!(met.iter().all(|id| !others.contains(id)));
    let scim = ask(&tenant.scim, "/Users/.search", &json!({ "count": 5 }), "").await.expect(200);
    let id = uuid::Uuid::parse_str(met[4].as_str().unwrap()).unwrap().simple().to_string();
    for forged in ["", "next", &id, cursor(&scim, NEXT).unwrap(), &next[1..], &format!("{next}A")] {
        let told = tenant.directory(&format!("/users?cursor={forged}")).await.expect(400);
        assert!(told.body["detail"].as_str().unwrap().starts_with("This is no cursor for this list."), "{}", told.text);
    }
    let _ = tenant.directory(&format!("/groups?cursor={next}")).await.expect(400);
    let _ = globex.directory(&format!("/users?cursor={next}")).await.expect(400);
    gateway.clock.advance(Duration::from_hours(24));
    let _ = tenant.directory(&format!("/users?cursor={next}")).await.expect(200);
}

/// Where `startIndex` is refused a cursor goes on: its pages are short then, some of them empty.
async fn cursor_paging_continues_past_the_examination_limit(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    let row = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap();
    let list = async |cursor: Option<String>| {
        let mut few = gateway.gateway.clone();
        few.lists.examined = 4;
        let ctx = scimgate::operation::Context {
            store: few.store.tenant(row.id),
            settings: few.settings.get(row.id).await.unwrap(),
            base_url: "http://a.test".into(),
            actor: String::new(),
            request_id: String::new(),
            deadline: tokio::time::Instant::now(),
            gateway: few,
        };
        let types = vec![ctx.settings.registry.resource_type("User").unwrap().clone()];
        let search = scimgate_scim::search::Search {
            filter: Some("name.familyName eq \"byron\"".into()),
            count: Some("3".into()),
            cursor,
            ..Default::default()
        };
        scimgate::operation::list::run(ctx, types, search).await
    };
    assert!(list(None).await.is_err(), "by startIndex");
    let ids = |page: &Value| -> Vec<String> {
        page["Resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    let go = async |way: &str, from: Value| {
        let mut pages = vec![from];
        while let Some(cursor) = pages.last().unwrap().get(way) {
            let page = list(Some(cursor.as_str().unwrap().to_owned())).await.unwrap();
            pages.push(serde_json::from_str(&page).unwrap());
            assert!(ids(pages.last().unwrap()).len() <= 3 && pages.len() < 30);
        }
        pages
    };
    let all = super::everybody(&tenant.scim, &json!({ "filter": "name.familyName eq \"byron\"" })).await;
    let first = serde_json::from_str(&list(Some(String::new())).await.unwrap()).unwrap();
    let mut pages = go(NEXT, first).await;
    assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), all, "forward");
    let mut back = go(PREVIOUS, pages.pop().unwrap()).await;
    back.reverse();
    assert_eq!(back.iter().flat_map(ids).collect::<Vec<_>>(), all, "backward");
}
