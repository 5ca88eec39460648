//! Clients that stop in the middle. There is one place for a connection here: who is let go makes room for the next,
//! who is not keeps it waiting.

use std::net::SocketAddr;
use std::time::Duration;

use scimgate::config::Limits;
use scimgate_tests::harness::{WAIT_TIMEOUT, block_on};
use scimgate_tests::raw::{Raw, request, status};
use scimgate_tests::tenant::user;
use scimgate_tests::{Tenant, TestGateway};
use tokio::time::timeout;

/// The one timer that a test is about.
const SHORT: Duration = Duration::from_millis(300);
/// The others, none of which may decide.
const LONG: Duration = Duration::from_hours(1);

fn patient() -> Limits {
    Limits { header: LONG, idle: LONG, body: LONG, reply: LONG, handler: LONG, grace: SHORT, ..Limits::default() }
}

struct Door {
    gateway: TestGateway,
    acme: Tenant,
    secret: String,
}

impl Door {
    async fn open(limits: Limits) -> Self {
        let mut gateway = TestGateway::with_limits(limits, 4).await;
        gateway.operator = gateway.operator.without_pooling();
        let acme = gateway.plain_tenant("acme").await;
        let secret = gateway.token("acme", "scim").await.1;
        Self { gateway, acme, secret }
    }

    fn address(&self) -> SocketAddr {
        self.gateway.public
    }

    fn get(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: scim\r\nAuthorization: Bearer {}\r\n\r\n", self.secret)
    }

    /// Somebody else is served, and nothing was stored meanwhile.
    async fn serves_the_next(self) {
        let next = Raw::connect(self.address());
        let mut next = next.await;
        assert!(next.send(self.get("/scim/v2/Users").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await);
        let reply = next.read_to_end().await;
        assert_eq!(status(&reply), 200, "{reply}");
        assert!(reply.contains("\"totalResults\":0"), "{reply}");
        drop(self.acme);
        timeout(WAIT_TIMEOUT, self.gateway.end()).await.unwrap();
    }
}

#[test]
fn an_incomplete_header_is_disconnected() {
    block_on(async {
        for sent in ["", "POST /scim/v2/Us", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
            let door = Door::open(Limits { header: SHORT, connections: 1, ..patient() }).await;
            let mut stalled = Raw::connect(door.address()).await;
            assert!(stalled.send(sent).await);
            let said = stalled.read_bytes_to_end().await;
            assert!(!String::from_utf8_lossy(&said).contains("200"), "{sent:?}");
            door.serves_the_next().await;
        }
    });
}

#[test]
fn idle_connections_have_their_own_timer() {
    block_on(async {
        let door = Door::open(Limits { header: SHORT, ..patient() }).await;
        let mut resting = Raw::connect(door.address()).await;
        assert!(resting.send(door.get("/scim/v2/Users/none")).await);
        assert_eq!(status(&resting.reply().await), 404);
        // Whoever comes later and sends half a header is gone before the one who rests.
        let mut later = Raw::connect(door.address()).await;
        assert!(later.send("GET /scim").await);
        let _ = later.read_to_end().await;
        assert!(resting.send(door.get("/scim/v2/Users/none")).await);
        assert_eq!(status(&resting.reply().await), 404);
        drop(resting);
        door.serves_the_next().await;

        let door = Door::open(Limits { idle: SHORT, connections: 1, ..patient() }).await;
        let mut resting = Raw::connect(door.address()).await;
        assert!(resting.send(door.get("/scim/v2/Users/none")).await);
        let _ = resting.read_to_end().await;
        door.serves_the_next().await;
    });
}

#[test]
fn a_stalled_body_is_408_on_every_listener() {
    block_on(async {
        let door = Door::open(Limits { body: SHORT, ..patient() }).await;
        let (header, body) = request("POST", "/scim/v2/Users", &door.secret, &user("ada"));
        let mut stalled = Raw::connect(door.address()).await;
        assert!(stalled.send(header + &body[..10]).await);
        let reply = stalled.read_to_end().await;
        assert_eq!(status(&reply), 408, "{reply}");
        assert!(reply.contains("urn:ietf:params:scim:api:messages:2.0:Error"), "{reply}");

        let operator = door.gateway.operator.authorization.clone().unwrap();
        let operator = operator.to_str().unwrap().trim_start_matches("Bearer ").to_owned();
        let (header, body) = request("POST", "/admin/v1/tenants", &operator, &serde_json::json!({ "name": "globex" }));
        let mut stalled = Raw::connect(door.gateway.internal).await;
        assert!(stalled.send(header + &body[..5]).await);
        let reply = stalled.read_to_end().await;
        assert_eq!(status(&reply), 408, "{reply}");
        door.serves_the_next().await;
    });
}

#[test]
fn a_slow_body_ends_at_the_request_deadline() {
    block_on(async {
        let door = Door::open(Limits { handler: SHORT, ..patient() }).await;
        let (header, body) = request("POST", "/scim/v2/Users", &door.secret, &user("ada"));
        let mut slow = Raw::connect(door.address()).await;
        assert!(slow.send(header).await);
        // Longer than the limit by far.
        slow.trickle(&body[..body.len() / 4], SHORT / 8).await;
        let reply = slow.read_to_end().await;
        assert!(reply.is_empty() || status(&reply) == 503 && reply.contains("retry-after"), "{reply}");
        door.serves_the_next().await;
    });
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    block_on(async {
        let door = Door::open(Limits { reply: SHORT, connections: 1, ..patient() }).await;
        let mut deaf = Raw::with_small_buffer(door.address()).await;
        // As many as it takes to fill every buffer on the way.
        let many = door.get("/scim/v2/Schemas").repeat(2_000);
        tokio::spawn(async move {
            let _ = deaf.send(many).await;
            std::future::pending::<()>().await;
        });
        door.serves_the_next().await;
    });
}

#[test]
fn a_connection_over_the_limit_waits() {
    block_on(async {
        let door = Door::open(Limits { connections: 1, ..patient() }).await;
        let mut first = Raw::connect(door.address()).await;
        assert!(first.send(door.get("/scim/v2/Users/none")).await);
        let _ = first.reply().await;
        let mut second = Raw::connect(door.address()).await;
        assert!(second.send(door.get("/scim/v2/Users/none")).await);
        // The place is the first one's: it is served though it asks later.
        assert!(first.send(door.get("/scim/v2/Users/none")).await);
        let _ = first.reply().await;
        drop(first);
        let _ = second.reply().await;
        drop(second);
        door.serves_the_next().await;
    });
}

#[test]
fn shutdown_does_not_wait_for_incomplete_requests() {
    block_on(async {
        let door = Door::open(Limits { drain: LONG, ..patient() }).await;
        let mut half_header = Raw::connect(door.address()).await;
        assert!(half_header.send("POST /scim/v2/Users HTTP/1.1\r\n").await);
        let (header, body) = request("POST", "/scim/v2/Users", &door.secret, &user("ada"));
        let mut half_body = Raw::connect(door.address()).await;
        assert!(half_body.send(header + &body[..10]).await);
        let mut deaf = Raw::with_small_buffer(door.address()).await;
        let many = door.get("/scim/v2/Schemas").repeat(2_000);
        tokio::spawn(async move {
            let _ = deaf.send(many).await;
            std::future::pending::<()>().await;
        });
        // Whoever connects afterwards is served after what was sent before has arrived.
        let _ = door.acme.get("/Users").await.expect(200);
        timeout(WAIT_TIMEOUT, door.gateway.end()).await.expect("the end waits for clients that stopped");
        assert_eq!(half_header.read_to_end().await, "");
        let reply = half_body.read_to_end().await;
        assert!(status(&reply) == 503 && reply.contains("retry-after"), "{reply}");
    });
}
