//! Walks through a list, page by page, while others make and delete what is listed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use scimgate::store::resource::page_position::{Bookmark, LIFE, Place, UNDER_WAY};
use scimgate_tests::tenant::group;
use scimgate_tests::{Client, Request, Tenant, TestGateway, many_users, on_both, on_postgres};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

on_both!(
    index_paging_returns_stable_users_once_during_writes,
    concurrent_paging_sessions_of_one_token_miss_no_user,
    a_page_position_is_for_one_token_one_filter_and_ten_minutes,
    an_abandoned_paging_session_does_not_affect_others,
    expired_page_positions_are_deleted,
);
on_postgres!(index_paging_works_across_replicas, index_paging_covers_twenty_thousand_users_during_writes);

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const PEOPLE: usize = 23;

async fn people(gateway: &TestGateway) -> (Tenant, Vec<String>) {
    let tenant = gateway.plain_tenant("acme").await;
    let ids = more(&tenant, "p").await;
    (tenant, ids)
}

async fn more(tenant: &Tenant, name: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..PEOPLE {
        ids.push(person(tenant, &format!("{name}-{number}")).await);
    }
    ids
}

async fn person(tenant: &Tenant, name: &str) -> String {
    let body = json!({ "userName": name, "active": true, "title": "Countess" });
    tenant.post("/Users", &body).await.expect(201).id()
}

/// Goes through a list as providers do: by the number that came, as far as the total that was told last.
struct Walker {
    filter: Option<&'static str>,
    count: u64,
    next: u64,
    total: u64,
    seen: Vec<String>,
}

impl Walker {
    fn new(filter: Option<&'static str>, count: u64) -> Self {
        Self { filter, count, next: 1, total: u64::MAX, seen: Vec::new() }
    }

    /// The next page; false at the end.
    async fn step(&mut self, client: &Client) -> bool {
        if self.next > self.total {
            return false;
        }
        let mut body = json!({ "schemas": [SEARCH], "startIndex": self.next, "count": self.count });
        if let Some(filter) = self.filter {
            body["filter"] = filter.into();
        }
        let answer = client.send(Request::new("POST", "/Users/.search").json(&body)).await.expect(200);
        assert_eq!(answer.body["startIndex"], self.next);
        self.total = answer.body["totalResults"].as_u64().unwrap();
        let page = answer.body["Resources"].as_array().unwrap();
        assert!(!page.is_empty() || self.next > self.total, "a page within the total has somebody");
        self.next += answer.body["itemsPerPage"].as_u64().unwrap();
        self.seen.extend(page.iter().map(|it: &Value| it["id"].as_str().unwrap().to_owned()));
        true
    }

    #[track_caller]
    fn check(&self, stayed: &[String], once: bool) {
        let seen: BTreeSet<&String> = self.seen.iter().collect();
        let missed: Vec<&String> = stayed.iter().filter(|id| !seen.contains(id)).collect();
        assert!(missed.is_empty(), "by {:?} these were not met: {missed:?}", self.filter);
        assert!(!once || seen.len() == self.seen.len(), "by {:?} somebody was met twice: {:?}", self.filter, self.seen);
    }
}

async fn index_paging_returns_stable_users_once_during_writes(gateway: &TestGateway) {
    let (tenant, mut stayed) = people(gateway).await;
    let filters = [None, Some("active eq true"), Some("title pr"), Some("userName sw \"p\"")];
    for (round, filter) in filters.into_iter().enumerate() {
        let mut walker = Walker::new(filter, 4);
        let mut pages = 0;
        while walker.step(&tenant.scim).await {
            pages += 1;
            // One of those who were met goes, and one who was not; another comes.
            if pages < 4 {
                let last = walker.seen.last().unwrap();
                let place = stayed.iter().position(|id| id == last).unwrap();
                let gone: Vec<String> = [place + 2, place - 1].map(|place| stayed.remove(place)).into();
                for id in &gone {
                    let _ = tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
                }
                let _ = person(&tenant, &format!("p-new-{round}-{pages}")).await;
            }
        }
        walker.check(&stayed, true);
        // Whoever is there in the next round.
        let _ = more(&tenant, &format!("p-{round}")).await;
        let mut all = Walker::new(None, 1000);
        assert!(all.step(&tenant.scim).await);
        stayed = all.seen;
        assert_eq!(all.total, stayed.len() as u64);
    }
}

async fn concurrent_paging_sessions_of_one_token_miss_no_user(gateway: &TestGateway) {
    let (tenant, mut stayed) = people(gateway).await;
    let (mut one, mut other) = (Walker::new(None, 5), Walker::new(None, 5));
    assert!(one.step(&tenant.scim).await);
    for id in stayed.drain(..4) {
        let _ = tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let mut goes_on = true;
    while goes_on {
        let further = other.step(&tenant.scim).await;
        goes_on = one.step(&tenant.scim).await || further;
    }
    one.check(&stayed, false);
    other.check(&stayed, false);
}

async fn an_abandoned_paging_session_does_not_affect_others(gateway: &TestGateway) {
    let (tenant, mut stayed) = people(gateway).await;
    // Asked for in another way, a moment ago; and in the same way, some time ago.
    let _ = tenant.get("/Users?count=5&attributes=userName").await.expect(200);
    for id in stayed.drain(..4) {
        let _ = tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
    }
    for _ in 0..2 {
        let mut walker = Walker::new(None, 5);
        while walker.step(&tenant.scim).await {}
        walker.check(&stayed, true);
        assert_eq!(walker.total, stayed.len() as u64);
        assert!(Walker::new(None, 5).step(&tenant.scim).await);
        for id in stayed.drain(..2) {
            let _ = tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
        }
        gateway.clock.advance(UNDER_WAY);
    }
}

async fn expired_page_positions_are_deleted(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let store = &gateway.gateway.store;
    let acme = store.tenant(store.control().find_tenant("acme").await.unwrap().unwrap().id);
    let place = |index| Place { walk: vec![7], index, alike: 0 };
    // A walk whose id ends so is one that clears away.
    let bookmark = Bookmark { begun: Uuid::nil(), after: Uuid::nil(), total: 1 };
    let then = gateway.clock.now();
    for index in 1..4 {
        acme.keep_bookmark(&place(index), &bookmark, (then, false)).await.unwrap();
        assert!(acme.bookmark(&place(index), then).await.unwrap().is_some());
    }
    acme.keep_bookmark(&place(4), &bookmark, (then + LIFE, true)).await.unwrap();
    for index in 1..5 {
        assert_eq!(acme.bookmark(&place(index), then).await.unwrap().is_some(), index == 4, "{index}");
    }
}

async fn a_page_position_is_for_one_token_one_filter_and_ten_minutes(gateway: &TestGateway) {
    let (tenant, ids) = people(gateway).await;
    let another = tenant.scim.with(&gateway.token("acme", "scim").await.1);
    let second = async |client: &Client, query: &str| {
        let answer = client.get(&format!("/Users?startIndex=6&count=5{query}")).await.expect(200);
        answer.body["Resources"][0]["id"].as_str().unwrap().to_owned()
    };
    let _ = tenant.get("/Users?count=5").await.expect(200);
    let _ = tenant.scim.delete(&format!("/Users/{}", ids[0])).await.expect(204);
    assert_eq!(second(&tenant.scim, "").await, ids[5], "just after the first page");
    assert_eq!(second(&tenant.scim, "&attributes=id").await, ids[5], "with other attributes");
    assert_eq!(second(&another, "").await, ids[6], "the sixth now");
    assert_eq!(second(&tenant.scim, "&filter=active%20eq%20true").await, ids[6]);
    assert_eq!(second(&tenant.scim, "&sortBy=id&sortOrder=descending").await, ids[PEOPLE - 6]);
    let _ = tenant.post("/Groups", &group("first")).await.expect(201);
    gateway.clock.advance(Duration::from_mins(10));
    assert_eq!(second(&tenant.scim, "").await, ids[6], "too late");
}

async fn index_paging_works_across_replicas(gateway: &TestGateway) {
    let (tenant, mut stayed) = people(gateway).await;
    let replica = gateway.replica().await;
    let there = tenant.scim.at(format!("http://{}/scim/v2", replica.public));
    let mut walker = Walker::new(None, 5);
    let mut turns = [&tenant.scim, &there].into_iter().cycle();
    while walker.step(turns.next().unwrap()).await {
        let first = stayed.iter().position(|id| walker.seen.contains(id));
        if let Some(first) = first {
            let gone = stayed.remove(first);
            let _ = tenant.scim.delete(&format!("/Users/{gone}")).await.expect(204);
        }
    }
    walker.check(&stayed, true);
    replica.end().await;
}

const CROWD: u32 = 20_000;

/// Everybody whose number this divides leaves during the walk, as far as time allows.
const LEAVES: u32 = 4;

async fn index_paging_covers_twenty_thousand_users_during_writes(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    many_users::fill(&gateway.store().await, "acme", CROWD).await;
    let replica = gateway.replica().await;
    let there = tenant.scim.at(format!("http://{}/scim/v2", replica.public));
    // During each page as many come as a quarter of it: were they more than a page, the walk would never end.
    let turns = Arc::new(Semaphore::new(0));
    let made = Arc::new(AtomicU32::new(0));
    let others: Vec<_> = (0..50)
        .map(|_| tokio::spawn(come_and_go([tenant.scim.clone(), there.clone()], turns.clone(), made.clone())))
        .collect();
    let mut walker = Walker::new(None, 100);
    let mut served_by = [&tenant.scim, &there].into_iter().cycle();
    turns.add_permits(50);
    while walker.step(served_by.next().unwrap()).await {
        turns.add_permits(25);
    }
    turns.close();
    for other in others {
        other.await.unwrap();
    }
    let made = made.load(Ordering::SeqCst);
    assert!(made > 1_000, "only {made} came and went meanwhile");
    let stayed: Vec<String> = (1..=CROWD).filter(|number| number % LEAVES != 0).map(many_users::id).collect();
    walker.check(&stayed, true);
    replica.end().await;
}

/// Deletes one of those who leave and makes another, again and again, at either replica.
async fn come_and_go(replicas: [Client; 2], turns: Arc<Semaphore>, made: Arc<AtomicU32>) {
    while let Ok(turn) = turns.acquire().await {
        turn.forget();
        let turn = made.fetch_add(1, Ordering::SeqCst) + 1;
        let even = turn.is_multiple_of(2);
        let client = &replicas[usize::from(even)];
        if turn * LEAVES <= CROWD {
            // By turns from the front and from the end: behind the walk and before it.
            let number = if even { turn / 2 } else { CROWD / LEAVES - turn / 2 } * LEAVES;
            let _ = client.delete(&format!("/Users/{}", many_users::id(number))).await.expect(204);
        }
        let body = json!({ "userName": format!("new-{turn}"), "active": true });
        let _ = client.post("/Users", &body).await.expect(201);
    }
}
