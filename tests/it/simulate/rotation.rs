//! A token is rotated while a provider is at work: no request fails.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use scimgate_simulate::{BaseUrl, Options, Size};
use scimgate_tests::faulty_server::{self, Fault, Request, Response};
use scimgate_tests::{TestGateway, on_both, poll};
use serde_json::json;

use super::{assert_green, options, simulate_entra};

on_both!(a_rotation_while_entra_is_at_work_fails_no_request);

/// The provider whose administrator puts another token in, as requests pass.
#[derive(Clone, Default)]
struct Provider(Arc<Seen>);

#[derive(Default)]
struct Seen {
    /// The Authorization header from some moment on.
    authorization: Mutex<Option<String>>,
    begun: AtomicUsize,
    refused: AtomicUsize,
}

impl Fault for Provider {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        request.authorization.clone_from(&self.0.authorization.lock().unwrap());
        None
    }

    fn on_response(&self, _: &Request, response: &mut Response) {
        if matches!(response.status, 401 | 403) {
            self.0.refused.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn a_rotation_while_entra_is_at_work_fails_no_request(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let operator = &gateway.operator;
    let listed = operator.get("/tenants/acme/tokens").await.expect(200).body;
    let token = listed["tokens"].as_array().unwrap().iter().find(|token| token["scope"] == "scim").unwrap().clone();
    let rotation = format!("/tenants/acme/tokens/{}/rotation", token["id"].as_str().unwrap());
    let provider = Provider::default();
    let address = faulty_server::start(&format!("http://{}", gateway.public), provider.clone()).await;
    let size = Size { users: 60, groups: 5, members_per_group: 20, cycles: 2 };
    let base_url = BaseUrl::parse(&format!("{address}/scim/v2")).unwrap();
    let options = Options { base_url, size, ..options(&tenant) };
    let seen = &provider.0;
    let requests = |counter: &'static str, many: usize| async move {
        poll(counter, async || (seen.begun.load(Ordering::SeqCst) >= many).then_some(())).await;
    };
    let rotate = async {
        requests("it is at work", 20).await;
        let started = operator.post(&rotation, &json!({})).await.expect(201).body;
        requests("it goes on with the old token", seen.begun.load(Ordering::SeqCst) + 20).await;
        let secret = started["secret"].as_str().unwrap();
        *seen.authorization.lock().unwrap() = Some(format!("Bearer {secret}"));
        // All requests with the old token are answered by then: few are sent at once.
        requests("it goes on with the new token", seen.begun.load(Ordering::SeqCst) + 20).await;
        let body = json!({ "state": "completed", "confirm": true });
        let _ = operator.patch(&rotation, &body).await.expect(204);
        requests("it goes on without the old token", seen.begun.load(Ordering::SeqCst) + 20).await;
        let _ = tenant.get("/Users").await.expect(401);
    };
    let (report, ()) = tokio::join!(simulate_entra(&options), rotate);
    assert_green(&report);
    assert_eq!(seen.refused.load(Ordering::SeqCst), 0, "{report:#?}");
    assert!(report.requests > 100, "{}", report.requests);
}
