//! Two replicas behind a proxy are restarted in turns, as a deployment does it, while a provider provisions.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header::HeaderMap};
use axum::response::Response;
use scimgate_simulate::{NoProgress, Options, Size};
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::simulation::{self, secret};
use scimgate_tests::{poll, rows};

/// The replicas that requests go to: a load balancer's list. A request has the list that it began with, until it is answered.
type Upstreams = Arc<Mutex<Vec<Arc<str>>>>;

#[derive(Clone)]
struct Balancer {
    upstreams: Upstreams,
    client: reqwest::Client,
}

/// Passes a request to a replica, and to the next one if it cannot be connected to: it has got nothing then.
async fn pass(State(balancer): State<Balancer>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let upstreams = balancer.upstreams.lock().unwrap().clone();
    for upstream in upstreams {
        let request = balancer.client.request(method.clone(), format!("{upstream}{uri}"));
        let request = request.headers(headers.clone()).body(body.clone()).build().unwrap();
        match balancer.client.execute(request).await {
            Ok(reply) => {
                let mut response = Response::builder().status(reply.status());
                *response.headers_mut().unwrap() = reply.headers().clone();
                return response.body(Body::from(reply.bytes().await.unwrap())).unwrap();
            }
            Err(error) if error.is_connect() => {}
            Err(error) => return failed(&error.to_string()),
        }
    }
    failed("no replica can be connected to")
}

fn failed(why: &str) -> Response {
    Response::builder().status(StatusCode::BAD_GATEWAY).body(Body::from(why.to_owned())).unwrap()
}

async fn balance(upstreams: Upstreams) -> String {
    // A connection for each request: what was sent into one that the replica closes is not known to be lost.
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let app = Router::new().fallback(pass).with_state(Balancer { upstreams, client });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

fn address(replica: &Served) -> Arc<str> {
    replica.public.as_str().into()
}

#[test]
fn a_rolling_restart_fails_no_request_and_loses_no_write() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let mut replicas: Vec<Served> = vec![prepared.serve(&[]).await, prepared.serve(&[]).await];
        let tenant = replicas[0].tenant("acme").await;
        let upstreams = Upstreams::new(Mutex::new(replicas.iter().map(address).collect()));
        let public = balance(upstreams.clone()).await;
        let size = Size { users: 40, groups: 8, members_per_group: 15, cycles: 40 };
        let options = simulation::options(&format!("{public}/scim/v2"), secret(&tenant.scim), size);
        let options = Options { keep: true, ..options };
        let provider = tokio::spawn(async move { scimgate_simulate::entra(&options, &NoProgress).await.unwrap() });
        let mut restarts = 0;
        while !provider.is_finished() && restarts < 6 {
            let old = replicas.remove(0);
            // As in the chart: the replica leaves the list first, and gets SIGTERM when no request is on its way to it.
            let gone = {
                let mut list = upstreams.lock().unwrap();
                let position = list.iter().position(|it| **it == *old.public).unwrap();
                list.remove(position)
            };
            poll("nothing goes to the replica any more", async || (Arc::strong_count(&gone) == 1).then_some(())).await;
            let (status, _) = old.running.terminate().await;
            assert!(status.success(), "{status}");
            let new = prepared.serve(&[]).await;
            upstreams.lock().unwrap().push(address(&new));
            replicas.push(new);
            restarts += 1;
        }
        let during = provider.is_finished();
        let report = provider.await.unwrap();
        assert!(report.green, "{:#?}\n{:?}", report.findings, report.stopped);
        assert_eq!((report.waits, report.broken_connections), (0, 0), "no request had to be sent again");
        assert!(restarts >= 4 || !during, "only {restarts} restarts while the provider wrote");
        rows::check(&fresh.owner().await).await;
        for replica in replicas {
            assert!(replica.running.terminate().await.0.success());
        }
        fresh.drop().await;
    });
}
