//! Walks through a list by cursor (RFC 9865): forward and backward, through every kind of list, while others come and go;
//! and what a cursor is refused for.

mod refused;

use std::collections::BTreeSet;

use scimgate_tests::tenant::group;
use scimgate_tests::{Answer, Client, Request, Tenant, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

on_both!(
    cursor_pages_equal_the_list_in_both_directions,
    cursor_paging_returns_stable_users_once_during_writes,
    cursor_paging_covers_several_types,
    a_cursor_page_reports_known_totals,
);
on_postgres!(cursor_paging_works_across_replicas);

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const PEOPLE: usize = 23;

/// One of each way to read a list: by a key that the database has, by a filter that it decides, that it narrows, and that it
/// knows nothing of; sorted by a column, by values that several share, that some have several of, and that some have not.
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

async fn people(gateway: &TestGateway) -> Tenant {
    let tenant = gateway.plain_tenant("acme").await;
    for number in 0..PEOPLE {
        let _ = person(&tenant, "p", number).await;
    }
    tenant
}

async fn person(tenant: &Tenant, name: &str, number: usize) -> String {
    // By names that are not in the order of their making.
    let turned = number * 7 % PEOPLE;
    let mut body = json!({ "userName": format!("{name}-{turned}"), "active": number % 4 != 3, "title": "Countess" });
    if !number.is_multiple_of(3) {
        body["name"] = json!({ "familyName": if number % 3 == 1 { "Byron" } else { "aaron" } });
    }
    let mail = |primary: bool, at: usize| json!({ "value": format!("m{at}@corp.test"), "primary": primary });
    body["emails"] = (0..number % 4).map(|place| mail(place == 1, number % 5 + place)).collect();
    tenant.post("/Users", &body).await.expect(201).id()
}

async fn ask(client: &Client, path: &str, query: &Value, cursor: &str) -> Answer {
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

/// From a page on as far as there are more, with something done after each; the pages in the order they came.
async fn walk(
    clients: &[&Client],
    (path, query): (&str, &Value),
    (way, first): (&str, Answer),
    mut meanwhile: impl AsyncFnMut(&Answer),
) -> Vec<Answer> {
    let mut pages = vec![first];
    let mut turns = clients.iter().cycle();
    while let Some(cursor) = cursor(pages.last().unwrap(), way) {
        meanwhile(pages.last().unwrap()).await;
        let page = ask(turns.next().unwrap(), path, query, cursor).await.expect(200);
        pages.push(page);
        assert!(pages.len() < 100, "a walk comes to an end");
    }
    pages
}

/// How many of everybody are asked for at once.
fn by(query: &Value, count: usize) -> Value {
    let mut query = query.clone();
    query["count"] = count.into();
    query
}

async fn cursor_pages_equal_the_list_in_both_directions(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    for query in queries() {
        let mut whole = by(&query, 1000);
        whole["schemas"] = json!([SEARCH]);
        let whole = ids(&tenant.post("/Users/.search", &whole).await.expect(200));
        assert!(whole.len() > 10, "{query}");
        for count in [1, 5, whole.len() - 1, whole.len(), whole.len() + 1] {
            let query = by(&query, count);
            let first = ask(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
            assert_eq!(cursor(&first, PREVIOUS), None, "{query}");
            let there = walk(&[&tenant.scim], ("/Users/.search", &query), (NEXT, first), async |_| ()).await;
            let pages: Vec<Vec<String>> = there.iter().map(ids).collect();
            assert_eq!(pages.concat(), whole, "{query}");
            assert_eq!(pages.len(), whole.len().div_ceil(count), "no page is empty or too short: {query}");
            let last = there.last().unwrap().clone();
            let back = walk(&[&tenant.scim], ("/Users/.search", &query), (PREVIOUS, last), async |_| ()).await;
            let back: Vec<Vec<String>> = back.iter().rev().map(ids).collect();
            assert_eq!(back, pages, "{query}");
        }
    }
}

/// Everybody who is there.
async fn everybody(client: &Client, query: &Value) -> Vec<String> {
    let mut query = by(query, 1000);
    query["schemas"] = json!([SEARCH]);
    ids(&client.send(Request::new("POST", "/Users/.search").json(&query)).await.expect(200))
}

#[track_caller]
fn check(query: &Value, pages: &[Answer], stayed: &[String]) {
    let met: Vec<String> = pages.iter().flat_map(ids).collect();
    let once: BTreeSet<&String> = met.iter().collect();
    assert_eq!(once.len(), met.len(), "somebody was met twice: {query}");
    let missed: Vec<_> = stayed.iter().filter(|id| !once.contains(id)).collect();
    assert!(missed.is_empty(), "these were not met: {missed:?} {query}");
    let in_order: Vec<_> = met.iter().filter(|id| stayed.contains(id)).collect();
    assert_eq!(in_order, stayed.iter().collect::<Vec<_>>(), "in another order: {query}");
}

/// Walks there and back; after each page one who was met goes, who stood at its end, and one who was not, and one comes.
async fn there_and_back(tenant: &Tenant, clients: &[&Client], query: &Value, round: usize) {
    for (way, name) in [(NEXT, "there"), (PREVIOUS, "back")] {
        let mut stayed = everybody(&tenant.scim, query).await;
        let query = by(query, 4);
        let mut page = ask(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
        if way == PREVIOUS {
            page = walk(clients, ("/Users/.search", &query), (NEXT, page), async |_| ()).await.pop().unwrap();
            stayed.reverse();
        }
        let mut made = 0;
        let churn = async |page: &Answer| {
            let mut met = ids(page);
            if way == PREVIOUS {
                met.reverse();
            }
            let Some(place) = met.last().and_then(|last| stayed.iter().position(|id| id == last)) else { return };
            for place in [place + 2, place] {
                if place < stayed.len() && made < 3 {
                    let gone = stayed.remove(place);
                    let _ = tenant.scim.delete(&format!("/Users/{gone}")).await.expect(204);
                }
            }
            if made < 3 {
                let _ = person(tenant, &format!("p-{name}-{round}"), made).await;
            }
            made += 1;
        };
        let mut pages = walk(clients, ("/Users/.search", &query), (way, page), churn).await;
        assert!(made > 2, "{query}");
        if way == PREVIOUS {
            // Backward the pages come from the end, each in the order of the list.
            pages.reverse();
            stayed.reverse();
        }
        check(&query, &pages, &stayed);
        refill(tenant, &format!("p-{name}-{round}-more")).await;
    }
}

async fn refill(tenant: &Tenant, name: &str) {
    for number in 0..6 {
        let _ = person(tenant, name, number).await;
    }
}

async fn cursor_paging_returns_stable_users_once_during_writes(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    for (round, query) in queries().iter().enumerate() {
        there_and_back(&tenant, &[&tenant.scim], query, round).await;
    }
}

async fn cursor_paging_works_across_replicas(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    let replica = gateway.replica().await;
    let there = tenant.scim.at(format!("http://{}/scim/v2", replica.public));
    for (round, query) in queries().iter().enumerate() {
        there_and_back(&tenant, &[&there, &tenant.scim], query, round).await;
    }
    replica.end().await;
}

async fn cursor_paging_covers_several_types(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    for name in ["Crew", "Staff", "Zoo"] {
        let _ = tenant.post("/Groups", &group(name)).await.expect(201);
    }
    let found = |pages: &[Answer]| pages.iter().flat_map(ids).collect::<Vec<_>>();
    for (query, number) in [
        (json!({}), PEOPLE + 3),
        (json!({ "filter": "title pr or displayName pr", "sortBy": "displayName" }), PEOPLE + 3),
        (json!({ "filter": "displayName sw \"c\" or userName sw \"p-1\"" }), 12),
    ] {
        let query = by(&query, 3);
        let first = ask(&tenant.scim, "/.search", &query, "").await.expect(200);
        let there = walk(&[&tenant.scim], ("/.search", &query), (NEXT, first), async |_| ()).await;
        let met = found(&there);
        assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), number, "{query}");
        assert_eq!(met.len(), number, "{query}");
        let last = there.last().unwrap().clone();
        let mut back = walk(&[&tenant.scim], ("/.search", &query), (PREVIOUS, last), async |_| ()).await;
        back.reverse();
        assert_eq!(found(&back), met, "{query}");
    }
    // By GET, as the RFC writes it: without a value for the first page.
    let mut met = Vec::new();
    let mut path = "/?filter=userName sw \"p-1\" or displayName pr&cursor&count=7".to_owned();
    loop {
        let page = tenant.get(&path).await.expect(200);
        met.extend(ids(&page));
        let Some(next) = cursor(&page, NEXT) else { break };
        assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "URL-safe: {next}");
        path = format!("/?filter=USERNAME sw \"p-1\" or displayname pr&cursor={next}&count=7");
    }
    assert_eq!(met.len(), 14);
}

async fn a_cursor_page_reports_known_totals(gateway: &TestGateway) {
    let tenant = people(gateway).await;
    let total = async |query: Value| {
        let page = ask(&tenant.scim, "/Users/.search", &query, "").await.expect(200);
        assert_eq!(page.body.get("startIndex"), None, "{query}");
        assert_eq!(page.body["itemsPerPage"], ids(&page).len(), "{query}");
        page.body.get("totalResults").cloned()
    };
    assert_eq!(total(json!({ "count": 5 })).await, Some(json!(PEOPLE)), "from a counter");
    assert_eq!(
        total(json!({ "count": 5, "filter": "active eq true" })).await,
        Some(json!(18)),
        "counted by the database"
    );
    assert_eq!(total(json!({ "count": 5, "sortBy": "title" })).await, Some(json!(PEOPLE)), "all were sorted");
    assert_eq!(total(json!({ "count": 5, "filter": "title pr" })).await, None, "the others were not looked at");
    assert_eq!(total(json!({ "filter": "title pr" })).await, Some(json!(PEOPLE)), "all were looked at");
    assert_eq!(total(json!({ "count": 0, "filter": "title pr" })).await, Some(json!(PEOPLE)), "asked for alone");
    let none =
        ask(&tenant.scim, "/Users/.search", &json!({ "filter": "userName eq \"nobody\"" }), "").await.expect(200);
    assert_eq!((&none.body["Resources"], &none.body["totalResults"]), (&json!([]), &json!(0)));
    assert_eq!((cursor(&none, NEXT), cursor(&none, PREVIOUS)), (None, None));
    // Without a cursor nothing is other than it was.
    let index = tenant.get("/Users?count=5").await.expect(200);
    assert_eq!((&index.body["startIndex"], cursor(&index, NEXT)), (&json!(1), None));
    let shown = tenant.get("/Users?cursor=&count=1&attributes=userName").await.expect(200);
    let resource = shown.body["Resources"][0].as_object().unwrap();
    assert!(resource.contains_key("userName") && !resource.contains_key("title"), "{}", shown.text);
    let pagination = json!({
        "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100, "maxPageSize": 1000,
        "cursorTimeout": 3600
    });
    assert_eq!(tenant.get("/ServiceProviderConfig").await.expect(200).body["pagination"], pagination);
}
