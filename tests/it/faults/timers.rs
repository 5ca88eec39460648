//! Clients that stall. The listener takes one connection here: only if it closes a stalled one, the next is served.

use std::net::SocketAddr;
use std::time::Duration;

use scimgate::config::Limits;
use scimgate_tests::harness::{WAIT_TIMEOUT, block_on};
use scimgate_tests::raw::{Raw, request, status};
use scimgate_tests::tenant::user;
use scimgate_tests::{Tenant, TestGateway};
use tokio::time::timeout;

/// The timer under test.
const SHORT: Duration = Duration::from_millis(300);
/// The other timers, which must not fire.
const LONG: Duration = Duration::from_hours(1);

fn long_limits() -> Limits {
    Limits { header: LONG, idle: LONG, body: LONG, reply: LONG, handler: LONG, grace: SHORT, ..Limits::default() }
}

struct Listener {
    gateway: TestGateway,
    acme: Tenant,
    secret: String,
}

impl Listener {
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

    /// Checks that another client is served, and that nothing was stored.
    async fn serves_another_client(self) {
        let mut next = Raw::connect(self.address()).await;
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
            let listener = Listener::open(Limits { header: SHORT, connections: 1, ..long_limits() }).await;
            let mut stalled = Raw::connect(listener.address()).await;
            assert!(stalled.send(sent).await);
            let reply = stalled.read_bytes_to_end().await;
            assert!(!String::from_utf8_lossy(&reply).contains("200"), "{sent:?}");
            listener.serves_another_client().await;
        }
    });
}

#[test]
fn idle_connections_have_their_own_timer() {
    block_on(async {
        let listener = Listener::open(Limits { header: SHORT, ..long_limits() }).await;
        let mut idle = Raw::connect(listener.address()).await;
        assert!(idle.send(listener.get("/scim/v2/Users/none")).await);
        assert_eq!(status(&idle.reply().await), 404);
        // A later connection with half a header is closed before the idle one.
        let mut later = Raw::connect(listener.address()).await;
        assert!(later.send("GET /scim").await);
        let _ = later.read_to_end().await;
        assert!(idle.send(listener.get("/scim/v2/Users/none")).await);
        assert_eq!(status(&idle.reply().await), 404);
        drop(idle);
        listener.serves_another_client().await;

        let listener = Listener::open(Limits { idle: SHORT, connections: 1, ..long_limits() }).await;
        let mut idle = Raw::connect(listener.address()).await;
        assert!(idle.send(listener.get("/scim/v2/Users/none")).await);
        let _ = idle.read_to_end().await;
        listener.serves_another_client().await;
    });
}

#[test]
fn a_stalled_body_is_408_on_every_listener() {
    block_on(async {
        let listener = Listener::open(Limits { body: SHORT, ..long_limits() }).await;
        let (header, body) = request("POST", "/scim/v2/Users", &listener.secret, &user("ada"));
        let mut stalled = Raw::connect(listener.address()).await;
        assert!(stalled.send(header + &body[..10]).await);
        let reply = stalled.read_to_end().await;
        assert_eq!(status(&reply), 408, "{reply}");
        assert!(reply.contains("urn:ietf:params:scim:api:messages:2.0:Error"), "{reply}");

        let operator = listener.gateway.operator.authorization.clone().unwrap();
        let operator = operator.to_str().unwrap().trim_start_matches("Bearer ").to_owned();
        let (header, body) = request("POST", "/admin/v1/tenants", &operator, &serde_json::json!({ "name": "globex" }));
        let mut stalled = Raw::connect(listener.gateway.internal).await;
        assert!(stalled.send(header + &body[..5]).await);
        let reply = stalled.read_to_end().await;
        assert_eq!(status(&reply), 408, "{reply}");
        listener.serves_another_client().await;
    });
}

#[test]
fn a_slow_body_ends_at_the_request_deadline() {
    block_on(async {
        let listener = Listener::open(Limits { handler: SHORT, ..long_limits() }).await;
        let (header, body) = request("POST", "/scim/v2/Users", &listener.secret, &user("ada"));
        let mut slow = Raw::connect(listener.address()).await;
        assert!(slow.send(header).await);
        // Takes much longer than the limit.
        slow.trickle(&body[..body.len() / 4], SHORT / 8).await;
        let reply = slow.read_to_end().await;
        assert!(reply.is_empty() || status(&reply) == 503 && reply.contains("retry-after"), "{reply}");
        listener.serves_another_client().await;
    });
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    block_on(async {
        let listener = Listener::open(Limits { reply: SHORT, connections: 1, ..long_limits() }).await;
        let mut not_reading = Raw::with_small_buffer(listener.address()).await;
        // Enough to fill every buffer.
        let many = listener.get("/scim/v2/Schemas").repeat(2_000);
        tokio::spawn(async move {
            let _ = not_reading.send(many).await;
            std::future::pending::<()>().await;
        });
        listener.serves_another_client().await;
    });
}

#[test]
fn a_connection_over_the_limit_waits() {
    block_on(async {
        let listener = Listener::open(Limits { connections: 1, ..long_limits() }).await;
        let mut first = Raw::connect(listener.address()).await;
        assert!(first.send(listener.get("/scim/v2/Users/none")).await);
        let _ = first.reply().await;
        let mut second = Raw::connect(listener.address()).await;
        assert!(second.send(listener.get("/scim/v2/Users/none")).await);
        // The first connection has the place: its later request is served.
        assert!(first.send(listener.get("/scim/v2/Users/none")).await);
        let _ = first.reply().await;
        drop(first);
        let _ = second.reply().await;
        drop(second);
        listener.serves_another_client().await;
    });
}

#[test]
fn shutdown_does_not_wait_for_incomplete_requests() {
    block_on(async {
        let listener = Listener::open(Limits { drain: LONG, ..long_limits() }).await;
        let mut half_header = Raw::connect(listener.address()).await;
        assert!(half_header.send("POST /scim/v2/Users HTTP/1.1\r\n").await);
        let (header, body) = request("POST", "/scim/v2/Users", &listener.secret, &user("ada"));
        let mut half_body = Raw::connect(listener.address()).await;
        assert!(half_body.send(header + &body[..10]).await);
        let mut not_reading = Raw::with_small_buffer(listener.address()).await;
        let many = listener.get("/scim/v2/Schemas").repeat(2_000);
        tokio::spawn(async move {
            let _ = not_reading.send(many).await;
            std::future::pending::<()>().await;
        });
        // After a later request is served, the earlier bytes have arrived.
        let _ = listener.acme.get("/Users").await.expect(200);
        timeout(WAIT_TIMEOUT, listener.gateway.end()).await.expect("shutdown waits for stalled clients");
        assert_eq!(half_header.read_to_end().await, "");
        let reply = half_body.read_to_end().await;
        assert!(status(&reply) == 503 && reply.contains("retry-after"), "{reply}");
    });
}
