//! A cursor is valid for one query of one tenant for an hour, under a key of this installation, and is not a credential.

use std::time::Duration;

use insta::assert_snapshot;
use scimgate::root_key::{Keys, RootKey};
use scimgate_tests::tenant::group;
use scimgate_tests::{Answer, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

use super::{NEXT, PREVIOUS, cursor, fetch, ids, with_count, with_users};

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
    let tenant = with_users(gateway).await;
    let query = json!({ "filter": "title pr", "sortBy": "userName", "attributes": ["userName"], "count": 5 });
    let first = fetch(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
    let next = cursor(&first, NEXT).unwrap().to_owned();
    let with = |name: &str, value: Value| {
        let mut other = query.clone();
        other[name] = value;
        other
    };
    let detail = refused(fetch(&tenant.scim, "/Users/.search", &query, "forged").await, "invalidCursor");
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
        let answer = fetch(&tenant.scim, path, &other, &next).await;
        if other.get("excludedAttributes").is_some() {
            // The two attribute lists exclude each other.
            let _ = answer.expect(400);
        } else {
            assert_eq!(refused(answer, "invalidCursor"), detail, "one message for all: {other}");
        }
    }
    let mut changed = next.clone().into_bytes();
    for index in 0..changed.len() {
        let letter = changed[index];
        changed[index] = if letter == b'A' { b'B' } else { b'A' };
        let forged = std::str::from_utf8(&changed).unwrap();
        assert_eq!(refused(fetch(&tenant.scim, "/Users/.search", &query, forged).await, "invalidCursor"), detail);
        changed[index] = letter;
    }
    // Another tenant's cursor is refused; another token and the tenant's other address accept it.
    let globex = gateway.plain_tenant("globex").await;
    assert_eq!(refused(fetch(&globex.scim, "/Users/.search", &query, &next).await, "invalidCursor"), detail);
    let another = tenant.scim.with(&gateway.token("acme", "scim").await.1);
    let named = another.at(format!("http://{}/t/acme/scim/v2", gateway.public));
    for client in [&another, &named, &tenant.scim] {
        assert_eq!(ids(&fetch(client, "/Users/.search", &query, &next).await.expect(200)).len(), 5);
    }
    for stranger in [gateway.anonymous(), tenant.directory.at(tenant.scim.base.clone())] {
        let _ = fetch(&stranger, "/Users/.search", &query, &next).await.expect(401);
    }
    let both = tenant.get(&format!("/Users?startIndex=1&cursor={next}")).await;
    let _ = refused(both, "invalidValue");
    let groups = tenant.get(&format!("/Groups?count=5&cursor={next}")).await;
    let _ = refused(groups, "invalidCursor");
}

async fn a_cursor_expires_after_an_hour(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    let query = json!({ "count": 5 });
    let next = |answer: &Answer| cursor(answer, NEXT).unwrap().to_owned();
    let first = fetch(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
    gateway.clock.advance(Duration::from_hours(1));
    let second = fetch(&tenant.scim, "/Users/.search", &query, &next(&first)).await.expect(200);
    gateway.clock.advance(Duration::from_millis(1));
    let expired = fetch(&tenant.scim, "/Users/.search", &query, &next(&first)).await.expect(400);
    assert_snapshot!(expired.redacted(), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "400",
      "scimType": "expiredCursor",
      "detail": "The cursor is older than 3600 seconds. Begin anew with an empty cursor, and ask for the next page sooner."
    }
    "#);
    // The cursors of each page are valid for another hour.
    let third = fetch(&tenant.scim, "/Users/.search", &query, &next(&second)).await.expect(200);
    let back = fetch(&tenant.scim, "/Users/.search", &query, cursor(&third, PREVIOUS).unwrap()).await.expect(200);
    assert_eq!(ids(&back), ids(&second));
}

async fn a_count_with_a_cursor_must_match(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    for count in ["ten", "1.5", "1001", "", "99999999999999999999999"] {
        let _ = refused(tenant.get(&format!("/Users?cursor=&count={count}")).await, "invalidCount");
    }
    let none = tenant.get("/Users?cursor=&count=-1").await.expect(200);
    assert_eq!((ids(&none).len(), &none.body["totalResults"]), (0, &json!(super::USERS)));
    let first = tenant.get("/Users?cursor=&count=5").await.expect(200);
    let next = cursor(&first, NEXT).unwrap();
    for count in ["4", "6", "0"] {
        let detail = refused(tenant.get(&format!("/Users?cursor={next}&count={count}")).await, "invalidCount");
        assert!(detail.contains("a count of 5"), "{detail}");
    }
    let detail = refused(tenant.get(&format!("/Users?cursor={next}")).await, "invalidCount");
    assert!(detail.contains("a count of 5"), "{detail}");
    let _ = tenant.get(&format!("/Users?cursor={next}&count=5")).await.expect(200);
}

async fn root_keys_rotate_without_an_outage(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    let (old, new) = (RootKey::generate(), RootKey::generate());
    let keys = |current: &RootKey, previous: Option<&RootKey>| Keys {
        current: current.clone(),
        previous: previous.cloned(),
        in_database: false,
    };
    let old_only = gateway.replica_with(keys(&old, None)).await;
    let accepts_new = gateway.replica_with(keys(&old, Some(&new))).await;
    let rotated = gateway.replica_with(keys(&new, Some(&old))).await;
    let new_only = gateway.replica_with(keys(&new, None)).await;
    let at = |replica: &TestGateway| tenant.scim.at(format!("http://{}/scim/v2", replica.public));
    let query = with_count(&json!({}), 5);
    let mut current = fetch(&at(&old_only), "/Users/.search", &query, "").await.expect(200);
    let mut returned = ids(&current);
    // The two in the middle serve at the same time during a rotation.
    for replica in [&accepts_new, &rotated, &accepts_new, &rotated] {
        current = fetch(&at(replica), "/Users/.search", &query, cursor(&current, NEXT).unwrap()).await.expect(200);
        returned.extend(ids(&current));
    }
    assert_eq!(returned.len(), super::USERS);
    let last = cursor(&current, PREVIOUS).unwrap();
    let _ = fetch(&at(&new_only), "/Users/.search", &query, last).await.expect(200);
    let _ = refused(fetch(&at(&old_only), "/Users/.search", &query, last).await, "invalidCursor");
    for replica in [old_only, accepts_new, rotated, new_only] {
        replica.end().await;
    }
}

async fn the_directory_accepts_only_its_own_cursors(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    let globex = gateway.plain_tenant("globex").await;
    let _ = tenant.post("/Groups", &group("Crew")).await.expect(201);
    let first = tenant.directory("/users?limit=5").await.expect(200);
    let next = first.body["nextCursor"].as_str().unwrap().to_owned();
    let on_first: Vec<_> = first.body["resources"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    let second = tenant.directory(&format!("/users?limit=20&cursor={next}")).await.expect(200);
    let on_second: Vec<_> = second.body["resources"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!((on_first.len() + on_second.len(), &second.body["nextCursor"]), (super::USERS, &json!(null)));
    assert!(on_first.iter().all(|id| !on_second.contains(id)));
    let scim = fetch(&tenant.scim, "/Users/.search", &json!({ "count": 5 }), "").await.expect(200);
    let id = uuid::Uuid::parse_str(on_first[4].as_str().unwrap()).unwrap().simple().to_string();
    for forged in ["", "next", &id, cursor(&scim, NEXT).unwrap(), &next[1..], &format!("{next}A")] {
        let refused = tenant.directory(&format!("/users?cursor={forged}")).await.expect(400);
        assert!(
            refused.body["detail"].as_str().unwrap().starts_with("This is not a cursor for this list."),
            "{}",
            refused.text
        );
    }
    let _ = tenant.directory(&format!("/groups?cursor={next}")).await.expect(400);
    let _ = globex.directory(&format!("/users?cursor={next}")).await.expect(400);
    gateway.clock.advance(Duration::from_hours(24));
    let _ = tenant.directory(&format!("/users?cursor={next}")).await.expect(200);
}

/// Where paging by `startIndex` is refused, paging by cursor continues: pages may be short or empty.
async fn cursor_paging_continues_past_the_examination_limit(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    let list = async |cursor: Option<String>| {
        let mut limited = gateway.gateway.clone();
        limited.lists.examined = 4;
        let ctx = scimgate::operation::Context { gateway: limited, ..gateway.context("acme").await };
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
    let pages_from = async |direction: &str, from: Value| {
        let mut pages = vec![from];
        while let Some(cursor) = pages.last().unwrap().get(direction) {
            let page = list(Some(cursor.as_str().unwrap().to_owned())).await.unwrap();
            pages.push(serde_json::from_str(&page).unwrap());
            assert!(ids(pages.last().unwrap()).len() <= 3 && pages.len() < 30);
        }
        pages
    };
    let all = super::all_ids(&tenant.scim, &json!({ "filter": "name.familyName eq \"byron\"" })).await;
    let first = serde_json::from_str(&list(Some(String::new())).await.unwrap()).unwrap();
    let mut pages = pages_from(NEXT, first).await;
    assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), all, "forward");
    let mut back = pages_from(PREVIOUS, pages.pop().unwrap()).await;
    back.reverse();
    assert_eq!(back.iter().flat_map(ids).collect::<Vec<_>>(), all, "backward");
}
