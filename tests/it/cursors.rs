//! Paging by cursor (RFC 9865): forward and backward, through every kind of list, during concurrent writes; and cursors
//! that are refused.

mod refused;

use std::collections::BTreeSet;

use scimgate_tests::tenant::group;
use scimgate_tests::{Answer, Client, Request, Tenant, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

on_both!(cursor_paging_covers_several_types, a_cursor_page_reports_known_totals);
on_postgres!(
    cursor_pages_equal_the_list_in_both_directions,
    cursor_paging_returns_stable_users_once_during_writes,
    cursor_paging_works_across_replicas,
);

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const USERS: usize = 23;

/// Each way to read a list: without a filter, by one that the database decides, narrows, or cannot evaluate; sorted by a
/// column, by values that several users share, that some have several of, and that some lack.
fn queries() -> Vec<Value> {
    vec![
        json!({}),
        json!({ "attributes": ["userName"] }),
        json!({ "sortBy": "id", "sortOrder": "descending" }),
        json!({ "sortBy": "meta.created" }),
        json!({ "filter": "active eq true" }),
        json!({ "filter": "active eq true", "sortBy": "userName", "sortOrder": "descending" }),
        json!({ "filter": "userName co \"P-\" and title pr" }),
        json!({ "filter": "title pr", "sortBy": "userName" }),
        json!({ "filter": "title pr", "sortBy": "meta.lastModified", "sortOrder": "descending" }),
        json!({ "sortBy": "name.familyName", "excludedAttributes": ["emails"] }),
        json!({ "sortBy": "name.familyName", "sortOrder": "descending" }),
        json!({ "sortBy": "emails", "filter": "emails pr" }),
        json!({ "sortBy": "active", "filter": "title eq \"countess\" or active eq false" }),
    ]
}

async fn with_users(gateway: &TestGateway) -> Tenant {
    let tenant = gateway.plain_tenant("acme").await;
    for number in 0..USERS {
        let _ = create_user(&tenant, "p", number).await;
    }
    tenant
}

async fn create_user(tenant: &Tenant, name: &str, number: usize) -> String {
    // Names in another order than that of creation.
    let shuffled = number * 7 % USERS;
    let mut body = json!({ "userName": format!("{name}-{shuffled}"), "active": number % 4 != 3, "title": "Countess" });
    if !number.is_multiple_of(3) {
        body["name"] = json!({ "familyName": if number % 3 == 1 { "Byron" } else { "aaron" } });
    }
    let mail = |primary: bool, at: usize| json!({ "value": format!("m{at}@corp.test"), "primary": primary });
    body["emails"] = (0..number % 4).map(|place| mail(place == 1, number % 5 + place)).collect();
    tenant.post("/Users", &body).await.expect(201).id()
}

async fn fetch(client: &Client, path: &str, query: &Value, cursor: &str) -> Answer {
    let mut body = query.clone();
    body["schemas"] = json!([SEARCH]);
    body["cursor"] = cursor.into();
    client.send(Request::new("POST", path).json(&body)).await
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.body["Resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn cursor<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.body.get(name).map(|cursor| cursor.as_str().unwrap())
}

const NEXT: &str = "nextCursor";
const PREVIOUS: &str = "previousCursor";

/// All pages from the first one on in one direction, with a callback after each page.
async fn fetch_all(
    clients: &[&Client],
    (path, query): (&str, &Value),
    (direction, first): (&str, Answer),
    mut after_page: impl AsyncFnMut(&Answer),
) -> Vec<Answer> {
    let mut pages = vec![first];
    let mut turns = clients.iter().cycle();
    while let Some(cursor) = cursor(pages.last().unwrap(), direction) {
        after_page(pages.last().unwrap()).await;
        let page = fetch(turns.next().unwrap(), path, query, cursor).await.expect(200);
        pages.push(page);
        assert!(pages.len() < 100, "paging must end");
    }
    pages
}

/// The query with a page size.
fn with_count(query: &Value, count: usize) -> Value {
    let mut query = query.clone();
    query["count"] = count.into();
    query
}

async fn cursor_pages_equal_the_list_in_both_directions(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    for query in queries() {
        let mut whole = with_count(&query, 1000);
        whole["schemas"] = json!([SEARCH]);
        let whole = ids(&tenant.post("/Users/.search", &whole).await.expect(200));
        assert!(whole.len() > 10, "{query}");
        for count in [1, 5, whole.len() - 1, whole.len(), whole.len() + 1] {
            let query = with_count(&query, count);
            let first = fetch(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
            assert_eq!(cursor(&first, PREVIOUS), None, "{query}");
            let forward = fetch_all(&[&tenant.scim], ("/Users/.search", &query), (NEXT, first), async |_| ()).await;
            let pages: Vec<Vec<String>> = forward.iter().map(ids).collect();
            assert_eq!(pages.concat(), whole, "{query}");
            assert_eq!(pages.len(), whole.len().div_ceil(count), "every page but the last is full: {query}");
            let last = forward.last().unwrap().clone();
            let back = fetch_all(&[&tenant.scim], ("/Users/.search", &query), (PREVIOUS, last), async |_| ()).await;
            let back: Vec<Vec<String>> = back.iter().rev().map(ids).collect();
            assert_eq!(back, pages, "{query}");
        }
    }
}

/// The ids of all resources that match.
async fn all_ids(client: &Client, query: &Value) -> Vec<String> {
    let mut query = with_count(query, 1000);
    query["schemas"] = json!([SEARCH]);
    ids(&client.send(Request::new("POST", "/Users/.search").json(&query)).await.expect(200))
}

#[track_caller]
fn check(query: &Value, pages: &[Answer], stable: &[String]) {
    let returned: Vec<String> = pages.iter().flat_map(ids).collect();
    let distinct: BTreeSet<&String> = returned.iter().collect();
    assert_eq!(distinct.len(), returned.len(), "a resource was returned twice: {query}");
    let missed: Vec<_> = stable.iter().filter(|id| !distinct.contains(id)).collect();
    assert!(missed.is_empty(), "not returned: {missed:?} {query}");
    let in_order: Vec<_> = returned.iter().filter(|id| stable.contains(id)).collect();
    assert_eq!(in_order, stable.iter().collect::<Vec<_>>(), "in another order: {query}");
}

/// Pages forward and backward; after each page deletes its last user and one that comes later, and creates one.
async fn check_both_directions(tenant: &Tenant, clients: &[&Client], query: &Value, round: usize) {
    for (direction, name) in [(NEXT, "forward"), (PREVIOUS, "backward")] {
        let mut stable = all_ids(&tenant.scim, query).await;
        let query = with_count(query, 4);
        let mut first = fetch(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
        if direction == PREVIOUS {
            first = fetch_all(clients, ("/Users/.search", &query), (NEXT, first), async |_| ()).await.pop().unwrap();
            stable.reverse();
        }
        let mut rounds = 0;
        let change = async |page: &Answer| {
            let mut returned = ids(page);
            if direction == PREVIOUS {
                returned.reverse();
            }
            let Some(last) = returned.last().and_then(|last| stable.iter().position(|id| id == last)) else { return };
            for index in [last + 2, last] {
                if index < stable.len() && rounds < 3 {
                    let deleted = stable.remove(index);
                    let _ = tenant.scim.delete(&format!("/Users/{deleted}")).await.expect(204);
                }
            }
            if rounds < 3 {
                let _ = create_user(tenant, &format!("p-{name}-{round}"), rounds).await;
            }
            rounds += 1;
        };
        let mut pages = fetch_all(clients, ("/Users/.search", &query), (direction, first), change).await;
        assert!(rounds > 2, "{query}");
        if direction == PREVIOUS {
            // Backward the last page comes first, each in the order of the list.
            pages.reverse();
            stable.reverse();
        }
        check(&query, &pages, &stable);
        create_more_users(tenant, &format!("p-{name}-{round}-more")).await;
    }
}

async fn create_more_users(tenant: &Tenant, name: &str) {
    for number in 0..6 {
        let _ = create_user(tenant, name, number).await;
    }
}

async fn cursor_paging_returns_stable_users_once_during_writes(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    for (round, query) in queries().iter().enumerate() {
        check_both_directions(&tenant, &[&tenant.scim], query, round).await;
    }
}

async fn cursor_paging_works_across_replicas(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    let replica = gateway.replica().await;
    let other = tenant.scim.at(format!("http://{}/scim/v2", replica.public));
    for (round, query) in queries().iter().enumerate() {
        check_both_directions(&tenant, &[&other, &tenant.scim], query, round).await;
    }
    replica.end().await;
}

async fn cursor_paging_covers_several_types(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    for name in ["Crew", "Staff", "Zoo"] {
        let _ = tenant.post("/Groups", &group(name)).await.expect(201);
    }
    let returned = |pages: &[Answer]| pages.iter().flat_map(ids).collect::<Vec<_>>();
    for (query, number) in [
        (json!({}), USERS + 3),
        (json!({ "filter": "title pr or displayName pr", "sortBy": "displayName" }), USERS + 3),
        (json!({ "filter": "displayName sw \"c\" or userName sw \"p-1\"" }), 12),
    ] {
        let query = with_count(&query, 3);
        let first = fetch(&tenant.scim, "/.search", &query, "").await.expect(200);
        let forward = fetch_all(&[&tenant.scim], ("/.search", &query), (NEXT, first), async |_| ()).await;
        let forward_ids = returned(&forward);
        assert_eq!(forward_ids.iter().collect::<BTreeSet<_>>().len(), number, "{query}");
        assert_eq!(forward_ids.len(), number, "{query}");
        let last = forward.last().unwrap().clone();
        let mut back = fetch_all(&[&tenant.scim], ("/.search", &query), (PREVIOUS, last), async |_| ()).await;
        back.reverse();
        assert_eq!(returned(&back), forward_ids, "{query}");
    }
    // By GET, with an empty cursor for the first page, as in the RFC.
    let mut listed = Vec::new();
    let mut path = "/?filter=userName sw \"p-1\" or displayName pr&cursor&count=7".to_owned();
    loop {
        let page = tenant.get(&path).await.expect(200);
        listed.extend(ids(&page));
        let Some(next) = cursor(&page, NEXT) else { break };
        assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "URL-safe: {next}");
        path = format!("/?filter=USERNAME sw \"p-1\" or displayname pr&cursor={next}&count=7");
    }
    assert_eq!(listed.len(), 14);
}

async fn a_cursor_page_reports_known_totals(gateway: &TestGateway) {
    let tenant = with_users(gateway).await;
    let total = async |query: Value| {
        let page = fetch(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
        assert_eq!(page.body.get("startIndex"), None, "{query}");
        assert_eq!(page.body["itemsPerPage"], ids(&page).len(), "{query}");
        page.body.get("totalResults").cloned()
    };
    assert_eq!(total(json!({ "count": 5 })).await, Some(json!(USERS)), "by the counter");
    assert_eq!(
        total(json!({ "count": 5, "filter": "active eq true" })).await,
        Some(json!(18)),
        "counted by the database"
    );
    assert_eq!(total(json!({ "count": 5, "sortBy": "title" })).await, Some(json!(USERS)), "all were sorted");
    assert_eq!(total(json!({ "count": 5, "filter": "title pr" })).await, None, "the other users were not read");
    assert_eq!(total(json!({ "filter": "title pr" })).await, Some(json!(USERS)), "all users were read");
    assert_eq!(total(json!({ "count": 0, "filter": "title pr" })).await, Some(json!(USERS)), "the total alone");
    let none =
        fetch(&tenant.scim, "/Users/.search", &json!({ "filter": "userName eq \"nobody\"" }), "").await.expect(200);
    assert_eq!((&none.body["Resources"], &none.body["totalResults"]), (&json!([]), &json!(0)));
    assert_eq!((cursor(&none, NEXT), cursor(&none, PREVIOUS)), (None, None));
    // Without a cursor the page is by index.
    let index = tenant.get("/Users?count=5").await.expect(200);
    assert_eq!((&index.body["startIndex"], cursor(&index, NEXT)), (&json!(1), None));
    let projected = tenant.get("/Users?cursor=&count=1&attributes=userName").await.expect(200);
    let resource = projected.body["Resources"][0].as_object().unwrap();
    assert!(resource.contains_key("userName") && !resource.contains_key("title"), "{}", projected.text);
    let pagination = json!({
        "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100, "maxPageSize": 1000,
        "cursorTimeout": 3600
    });
    assert_eq!(tenant.get("/ServiceProviderConfig").await.expect(200).body["pagination"], pagination);
}
