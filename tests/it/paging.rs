//! Paging by `startIndex` during concurrent writes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use scimgate::store::resource::page_position::{PAGE_POSITION_TTL, PageKey, PagePosition, SESSION_IDLE_TIMEOUT};
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
const USERS: usize = 23;

async fn with_users(gateway: &TestGateway) -> (Tenant, Vec<String>) {
    let tenant = gateway.plain_tenant("acme").await;
    let ids = create_users(&tenant, "p").await;
    (tenant, ids)
}

async fn create_users(tenant: &Tenant, name: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..USERS {
        ids.push(create_user(tenant, &format!("{name}-{number}")).await);
    }
    ids
}

async fn create_user(tenant: &Tenant, name: &str) -> String {
    let body = json!({ "userName": name, "active": true, "title": "Countess" });
    tenant.post("/Users", &body).await.expect(201).id()
}

/// Pages through a list as providers do: adds the size of each page, up to the last `totalResults`.
struct PagingSession {
    filter: Option<&'static str>,
    count: u64,
    next: u64,
    total: u64,
    returned: Vec<String>,
}

impl PagingSession {
    fn new(filter: Option<&'static str>, count: u64) -> Self {
        Self { filter, count, next: 1, total: u64::MAX, returned: Vec::new() }
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
        assert!(!page.is_empty() || self.next > self.total, "a page within the total is not empty");
        self.next += answer.body["itemsPerPage"].as_u64().unwrap();
        self.returned.extend(page.iter().map(|it: &Value| it["id"].as_str().unwrap().to_owned()));
        true
    }

    #[track_caller]
    fn check(&self, stable: &[String], once: bool) {
        let distinct: BTreeSet<&String> = self.returned.iter().collect();
        let missed: Vec<&String> = stable.iter().filter(|id| !distinct.contains(id)).collect();
        assert!(missed.is_empty(), "filter {:?}: not returned: {missed:?}", self.filter);
        assert!(
            !once || distinct.len() == self.returned.len(),
            "filter {:?}: a user was returned twice: {:?}",
            self.filter,
            self.returned
        );
    }
}

async fn index_paging_returns_stable_users_once_during_writes(gateway: &TestGateway) {
    let (tenant, mut stable) = with_users(gateway).await;
    let filters = [None, Some("active eq true"), Some("title pr"), Some("userName sw \"p\"")];
    for (round, filter) in filters.into_iter().enumerate() {
        let mut session = PagingSession::new(filter, 4);
        let mut pages = 0;
        while session.step(&tenant.scim).await {
            pages += 1;
            // Deletes a user that was returned and one that was not, and creates one.
            if pages < 4 {
                let last = session.returned.last().unwrap();
                let index = stable.iter().position(|id| id == last).unwrap();
                let deleted: Vec<String> = [index + 2, index - 1].map(|index| stable.remove(index)).into();
                for id in &deleted {
                    let _ = tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
                }
                let _ = create_user(&tenant, &format!("p-new-{round}-{pages}")).await;
            }
        }
        session.check(&stable, true);
        // More users for the next round.
        let _ = create_users(&tenant, &format!("p-{round}")).await;
        let mut all = PagingSession::new(None, 1000);
        assert!(all.step(&tenant.scim).await);
        stable = all.returned;
        assert_eq!(all.total, stable.len() as u64);
    }
}

async fn concurrent_paging_sessions_of_one_token_miss_no_user(gateway: &TestGateway) {
    let (tenant, mut stable) = with_users(gateway).await;
    let (mut one, mut other) = (PagingSession::new(None, 5), PagingSession::new(None, 5));
    assert!(one.step(&tenant.scim).await);
    for id in stable.drain(..4) {
        let _ = tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let mut more = true;
    while more {
        let other_has_more = other.step(&tenant.scim).await;
        more = one.step(&tenant.scim).await || other_has_more;
    }
    one.check(&stable, false);
    other.check(&stable, false);
}

async fn an_abandoned_paging_session_does_not_affect_others(gateway: &TestGateway) {
    let (tenant, mut stable) = with_users(gateway).await;
    // A request of another shape just before; then one of the same shape some time before.
    let _ = tenant.get("/Users?count=5&attributes=userName").await.expect(200);
    for id in stable.drain(..4) {
        let _ = tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
    }
    for _ in 0..2 {
        let mut session = PagingSession::new(None, 5);
        while session.step(&tenant.scim).await {}
        session.check(&stable, true);
        assert_eq!(session.total, stable.len() as u64);
        assert!(PagingSession::new(None, 5).step(&tenant.scim).await);
        for id in stable.drain(..2) {
            let _ = tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
        }
        gateway.clock.advance(SESSION_IDLE_TIMEOUT);
    }
}

async fn expired_page_positions_are_deleted(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let store = &gateway.gateway.store;
    let acme = store.tenant(store.control().find_tenant("acme").await.unwrap().unwrap().id);
    let place = |index| PageKey { list: vec![7], start_index: index, request_shape: 0 };
    // A session with such an id deletes expired positions.
    let position = PagePosition { session: Uuid::nil(), after: Uuid::nil(), total: 1 };
    let then = gateway.clock.now();
    for index in 1..4 {
        acme.save_page_position(&place(index), &position, (then, false)).await.unwrap();
        assert!(acme.page_position(&place(index), then).await.unwrap().is_some());
    }
    acme.save_page_position(&place(4), &position, (then + PAGE_POSITION_TTL, true)).await.unwrap();
    for index in 1..5 {
        assert_eq!(acme.page_position(&place(index), then).await.unwrap().is_some(), index == 4, "{index}");
    }
}

async fn a_page_position_is_for_one_token_one_filter_and_ten_minutes(gateway: &TestGateway) {
    let (tenant, ids) = with_users(gateway).await;
    let another = tenant.scim.with(&gateway.token("acme", "scim").await.1);
    let second = async |client: &Client, query: &str| {
        let answer = client.get(&format!("/Users?startIndex=6&count=5{query}")).await.expect(200);
        answer.body["Resources"][0]["id"].as_str().unwrap().to_owned()
    };
    let _ = tenant.get("/Users?count=5").await.expect(200);
    let _ = tenant.scim.delete(&format!("/Users/{}", ids[0])).await.expect(204);
    assert_eq!(second(&tenant.scim, "").await, ids[5], "after the first page");
    assert_eq!(second(&tenant.scim, "&attributes=id").await, ids[5], "with other attributes");
    assert_eq!(second(&another, "").await, ids[6], "the sixth user now");
    assert_eq!(second(&tenant.scim, "&filter=active%20eq%20true").await, ids[6]);
    assert_eq!(second(&tenant.scim, "&sortBy=id&sortOrder=descending").await, ids[USERS - 6]);
    let _ = tenant.post("/Groups", &group("first")).await.expect(201);
    gateway.clock.advance(Duration::from_mins(10));
    assert_eq!(second(&tenant.scim, "").await, ids[6], "too late");
}

async fn index_paging_works_across_replicas(gateway: &TestGateway) {
    let (tenant, mut stable) = with_users(gateway).await;
    let replica = gateway.replica().await;
    let other = tenant.scim.at(format!("http://{}/scim/v2", replica.public));
    let mut session = PagingSession::new(None, 5);
    let mut clients = [&tenant.scim, &other].into_iter().cycle();
    while session.step(clients.next().unwrap()).await {
        let first = stable.iter().position(|id| session.returned.contains(id));
        if let Some(first) = first {
            let deleted = stable.remove(first);
            let _ = tenant.scim.delete(&format!("/Users/{deleted}")).await.expect(204);
        }
    }
    session.check(&stable, true);
    replica.end().await;
}

const MANY_USERS: u32 = 20_000;

/// Users whose number is a multiple of this are deleted during paging, as far as time allows.
const DELETED_EVERY: u32 = 4;

async fn index_paging_covers_twenty_thousand_users_during_writes(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    many_users::fill(&gateway.store().await, "acme", MANY_USERS).await;
    let replica = gateway.replica().await;
    let other = tenant.scim.at(format!("http://{}/scim/v2", replica.public));
    // A quarter of a page is created during each page: with more than a page, paging would never end.
    let permits = Arc::new(Semaphore::new(0));
    let made = Arc::new(AtomicU32::new(0));
    let writers: Vec<_> = (0..50)
        .map(|_| tokio::spawn(write_concurrently([tenant.scim.clone(), other.clone()], permits.clone(), made.clone())))
        .collect();
    let mut session = PagingSession::new(None, 100);
    let mut clients = [&tenant.scim, &other].into_iter().cycle();
    permits.add_permits(50);
    while session.step(clients.next().unwrap()).await {
        permits.add_permits(25);
    }
    permits.close();
    for writer in writers {
        writer.await.unwrap();
    }
    let made = made.load(Ordering::SeqCst);
    assert!(made > 1_000, "only {made} concurrent writes");
    let stable: Vec<String> =
        (1..=MANY_USERS).filter(|number| number % DELETED_EVERY != 0).map(many_users::id).collect();
    session.check(&stable, true);
    replica.end().await;
}

/// Deletes a user and creates one, repeatedly, at either replica.
async fn write_concurrently(replicas: [Client; 2], permits: Arc<Semaphore>, made: Arc<AtomicU32>) {
    while let Ok(permit) = permits.acquire().await {
        permit.forget();
        let round = made.fetch_add(1, Ordering::SeqCst) + 1;
        let even = round.is_multiple_of(2);
        let client = &replicas[usize::from(even)];
        if round * DELETED_EVERY <= MANY_USERS {
            // Alternately from the front and from the end: behind the session and ahead of it.
            let number = if even { round / 2 } else { MANY_USERS / DELETED_EVERY - round / 2 } * DELETED_EVERY;
            let _ = client.delete(&format!("/Users/{}", many_users::id(number))).await.expect(204);
        }
        let body = json!({ "userName": format!("new-{round}"), "active": true });
        let _ = client.post("/Users", &body).await.expect(201);
    }
}
