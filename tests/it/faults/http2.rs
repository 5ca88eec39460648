//! Clients of HTTP/2 that stall or misuse what the protocol lets them do on one connection.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request};
use h2::client::{self, SendRequest};
use scimgate::config::Limits;
use scimgate_tests::harness::{WAIT_TIMEOUT, block_on};
use scimgate_tests::{TestGateway, poll};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The timer under test.
const SHORT: Duration = Duration::from_millis(300);
/// The other timers, which must not fire.
const LONG: Duration = Duration::from_hours(1);

struct Connection {
    gateway: TestGateway,
    secret: String,
    requests: SendRequest<Bytes>,
    ended: JoinHandle<Result<(), h2::Error>>,
    pings: h2::PingPong,
}

impl Connection {
    async fn open(limits: Limits, window: u32) -> Self {
        let gateway = TestGateway::with_limits(limits, 4).await;
        let _ = gateway.plain_tenant("acme").await;
        let secret = gateway.token("acme", "scim").await.1;
        let stream = TcpStream::connect(gateway.public).await.unwrap();
        let (requests, mut connection) =
            client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
        let pings = connection.ping_pong().unwrap();
        Self { gateway, secret, requests, ended: tokio::spawn(connection), pings }
    }

    fn get(&self, path: &str) -> Request<()> {
        let address = format!("http://{}{path}", self.gateway.public);
        let request = Request::builder().method(Method::GET).uri(address);
        request.header("authorization", format!("Bearer {}", self.secret)).body(()).unwrap()
    }

    /// Sends pings until the server has ended the connection.
    async fn wait_for_end(mut self) {
        poll("the connection ends", async || {
            let answered = timeout(SHORT / 6, self.pings.ping(h2::Ping::opaque())).await;
            tokio::time::sleep(SHORT / 6).await;
            (self.ended.is_finished() || matches!(answered, Ok(Err(_)))).then_some(())
        })
        .await;
        self.ended.abort();
        drop(self.requests);
        timeout(WAIT_TIMEOUT, self.gateway.end()).await.unwrap();
    }
}

fn long_limits() -> Limits {
    Limits { header: LONG, idle: LONG, body: LONG, reply: LONG, handler: LONG, grace: SHORT, ..Limits::default() }
}

#[test]
fn pings_are_no_requests() {
    block_on(async {
        let mut open = Connection::open(Limits { idle: SHORT, ..long_limits() }, 1 << 20).await;
        let request = open.get("/scim/v2/Users");
        let (response, _) = open.requests.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        open.wait_for_end().await;
    });
}

#[test]
fn a_reply_that_is_not_read_ends_the_connection() {
    block_on(async {
        // Nothing of it, or its beginning.
        for (window, path) in [(0, "/scim/v2/Users"), (100, "/scim/v2/Users"), (100, "/scim/v2/Schemas")] {
            let mut open = Connection::open(Limits { reply: SHORT, ..long_limits() }, window).await;
            let request = open.get(path);
            let (response, _) = open.requests.send_request(request, true).unwrap();
            let response = response.await.unwrap();
            assert_eq!(response.status(), 200);
            open.wait_for_end().await;
            drop(response);
        }
    });
}

/// The database answers nothing, so each request is cancelled before it has a reply.
#[test]
fn a_client_that_cancels_all_it_asks_is_disconnected() {
    block_on(async {
        let mut open = Connection::open(long_limits(), 1 << 20).await;
        let first = open.get("/scim/v2/Users");
        let (response, _) = open.requests.send_request(first.clone(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200, "the token is cached");
        let owner = open.gateway.store().await;
        owner.batch_execute("BEGIN; LOCK TABLE resource IN ACCESS EXCLUSIVE MODE").await.unwrap();
        for number in 0.. {
            assert!(number < 5_000, "the connection is still open");
            let Ok(mut ready) = open.requests.clone().ready().await else { break };
            let Ok((response, mut stream)) = ready.send_request(first.clone(), true) else { break };
            let _ = timeout(Duration::from_millis(2), response).await;
            stream.send_reset(h2::Reason::CANCEL);
        }
        owner.batch_execute("ROLLBACK").await.unwrap();
        open.wait_for_end().await;
    });
}

/// One client behind a proxy reads nothing of its reply; the other's request on the same connection is answered.
#[test]
fn a_reply_that_is_not_read_cuts_no_other() {
    block_on(async {
        let mut open = Connection::open(Limits { reply: SHORT, ..long_limits() }, 0).await;
        let request = open.get("/scim/v2/Users");
        let (unread, _) = open.requests.send_request(request.clone(), true).unwrap();
        let unread = unread.await.unwrap();
        let owner = open.gateway.store().await;
        owner.batch_execute("BEGIN; LOCK TABLE resource IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let (waits, _) = open.requests.send_request(request, true).unwrap();
        // Much longer than the first reply may stay unread.
        tokio::time::sleep(SHORT * 6).await;
        owner.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(waits.await.unwrap().status(), 200);
        open.wait_for_end().await;
        drop(unread);
    });
}
