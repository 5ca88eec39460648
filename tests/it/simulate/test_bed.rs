//! A tenant behind a faulty server, and the faults that several tests use.

use std::collections::BTreeSet;
use std::sync::Mutex;

use scimgate_simulate::{BaseUrl, Dialect, Options, Report};
use scimgate_tests::faulty_server::{self, Fault, Request, Response};
use scimgate_tests::{Tenant, TestGateway};
use serde_json::{Value, json};

use super::{Provider, options};

/// A fault that changes requests.
pub(super) struct OnRequest<F>(pub(super) F);

/// A fault that changes responses.
pub(super) struct OnResponse<F>(pub(super) F);

impl<F: Fn(&mut Request) + Send + Sync + 'static> Fault for OnRequest<F> {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        (self.0)(request);
        None
    }
}

impl<F: Fn(&Request, &mut Response) + Send + Sync + 'static> Fault for OnResponse<F> {
    fn on_response(&self, request: &Request, response: &mut Response) {
        (self.0)(request, response);
    }
}

/// A tenant behind a faulty server.
pub(super) struct TestBed<'a> {
    gateway: &'a TestGateway,
    pub(super) tenant: Tenant,
}

impl<'a> TestBed<'a> {
    pub(super) async fn new(gateway: &'a TestGateway) -> Self {
        Self::with_tenant(gateway, "acme").await
    }

    /// With a tenant of its own: Scimgate adapts a tenant to one provider at a time.
    pub(super) async fn with_tenant(gateway: &'a TestGateway, tenant: &str) -> Self {
        Self { gateway, tenant: gateway.plain_tenant(tenant).await }
    }

    /// Simulates a provider against a faulty server.
    pub(super) async fn run(&self, provider: Provider, fault: impl Fault) -> Report {
        self.run_simulation(fault, |_| (), async |options: &Options| provider.simulate(options).await).await
    }

    /// Simulates Entra in its default dialect.
    pub(super) async fn entra_default(&self, fault: impl Fault) -> Report {
        self.run(Provider::Entra, fault).await
    }

    /// Simulates Entra with its feature flag.
    pub(super) async fn entra_flag(&self, fault: impl Fault) -> Report {
        self.entra_with(fault, |options| options.dialect = Dialect::Flag).await
    }

    /// Simulates Entra with other options.
    pub(super) async fn entra_with(&self, fault: impl Fault, change: impl FnOnce(&mut Options)) -> Report {
        self.run_simulation(fault, change, async |options: &Options| Provider::Entra.simulate(options).await).await
    }

    /// Runs a simulation against a faulty server, and then deletes everything on the gateway directly.
    pub(super) async fn run_simulation(
        &self,
        fault: impl Fault,
        change: impl FnOnce(&mut Options),
        simulation: impl AsyncFnOnce(&Options) -> Report,
    ) -> Report {
        let address = faulty_server::start(&format!("http://{}", self.gateway.public), fault).await;
        let mut options = options(&self.tenant);
        options.base_url = BaseUrl::parse(&format!("{address}/scim/v2")).unwrap();
        change(&mut options);
        let report = simulation(&options).await;
        for path in ["/Groups", "/Users"] {
            let remaining = self.tenant.get(&format!("{path}?count=1000&attributes=id")).await.expect(200);
            for resource in remaining.body["Resources"].as_array().into_iter().flatten() {
                let _ = self.tenant.delete(&format!("{path}/{}", resource["id"].as_str().unwrap())).await.expect(204);
            }
        }
        report
    }
}

/// Asserts that the findings are of these kinds and no others.
#[track_caller]
pub(super) fn assert_finds(report: &Report, kinds: &[&str]) {
    let found: BTreeSet<&str> = report.counts.keys().copied().collect();
    let unexpected = report.findings.iter().find(|finding| !kinds.contains(&finding.kind.name()));
    assert_eq!(found, kinds.iter().copied().collect::<BTreeSet<_>>(), "{unexpected:#?}");
    assert_eq!(report.green, kinds.is_empty());
    assert!(report.stopped.is_none(), "{:?}", report.stopped);
    for finding in &report.findings {
        assert!(
            !finding.expected.is_empty() && !finding.seen.is_empty() && !finding.resource.is_empty(),
            "{finding:?}"
        );
    }
}

pub(super) fn operations(request: &mut Request) -> &mut Vec<Value> {
    request.body["Operations"].as_array_mut().unwrap()
}

pub(super) fn is(request: &Request, method: &str, path: &str) -> bool {
    request.method == method && request.path.contains(path)
}

/// Turns a request into a GET, which is answered with 200 and changes nothing.
pub(super) fn turn_into_get(request: &mut Request) {
    request.method = "GET".parse().unwrap();
    request.body = Value::Null;
}

/// Removes operations from a PATCH.
pub(super) fn remove_operations(request: &mut Request, mut which: impl FnMut(&Value) -> bool) {
    operations(request).retain(|operation| !which(operation));
    if operations(request).is_empty() {
        turn_into_get(request);
    }
}

/// A SCIM error instead of the gateway's response.
pub(super) fn error(status: u16, detail: &str) -> Response {
    let mut response = Response::status(status);
    let _ = response.headers.insert("content-type", "application/scim+json".parse().unwrap());
    let urn = "urn:ietf:params:scim:api:messages:2.0:Error";
    response.text = json!({ "schemas": [urn], "status": status.to_string(), "detail": detail }).to_string();
    response
}

/// A server that accepts a user name twice and creates a second user.
#[derive(Default)]
pub(super) struct CreatesDuplicates(Mutex<BTreeSet<String>>);

impl Fault for CreatesDuplicates {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        if is(request, "POST", "/Users") {
            let name = request.body["userName"].as_str().unwrap().to_owned();
            if !self.0.lock().unwrap().insert(name.clone()) {
                request.body["userName"] = format!("second.{name}").into();
                request.body["externalId"] = format!("second.{name}").into();
            }
        }
        None
    }

    fn on_response(&self, request: &Request, response: &mut Response) {
        if is(request, "POST", "/Users") {
            response.text = response.text.replace("second.", "");
        }
    }
}
