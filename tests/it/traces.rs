//! Traces of requests: their spans at a collector, the sender's trace context, and a collector that is away.

use std::sync::atomic::{AtomicU32, Ordering};

use scimgate_tests::assertion::{AUDIENCE, ISSUER, SUBJECT, claims};
use scimgate_tests::collector::{Collector, Received};
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::issuer::{Issuer, Reply};
use scimgate_tests::jwt::{SigningKey, key_set};
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::{map, user};
use scimgate_tests::{Answer, Client, Request, TestGateway, log, poll};
use serde_json::json;

/// The span of the sender.
const SENDER: &str = "00f067aa0ba902b7";
/// What a user is called, and what no trace may have.
const SECRET: &str = "Ermintrude";

/// A trace of a sender, kept or not: its id and the header.
fn sender(is_kept: bool) -> (String, String) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let id = format!("4bf92f3577b34da6a3ce929d{:08x}", NEXT.fetch_add(1, Ordering::Relaxed));
    let header = format!("00-{id}-{SENDER}-0{}", u8::from(is_kept));
    (id, header)
}

fn create(name: &str, parent: &str) -> Request {
    let mut body = user(name);
    body["name"]["givenName"] = SECRET.into();
    Request::new("POST", "/Users").json(&body).header("traceparent", parent).header("tracestate", "vendor=7")
}

async fn trace_of(collector: &Collector, id: &str) -> Vec<Received> {
    poll("the collector has the trace", async || collector.trace(id)).await
}

fn named<'a>(spans: &'a [Received], name: &str) -> Vec<&'a Received> {
    spans.iter().filter(|span| span.span.name == name).collect()
}

fn check_response(answer: &Answer, trace: &str) -> String {
    let header = answer.header("traceresponse");
    let span = header.strip_prefix(&format!("00-{trace}-")).and_then(|rest| rest.strip_suffix("-01"));
    span.unwrap_or_else(|| panic!("{} was answered with the trace {header:?}", answer.asked)).to_owned()
}

#[test]
fn a_write_is_a_tree_in_the_senders_trace() {
    block_on(async {
        log::keep();
        let collector = Collector::start().await;
        let gateway = TestGateway::tracing(&collector.endpoint, 0.0).await;
        let tenant = gateway.tenant("traced").await;
        let (id, parent) = sender(true);
        let answer = tenant.scim.send(create("ada", &parent)).await.expect(201);
        let spans = trace_of(&collector, &id).await;
        let [first] = named(&spans, "POST /scim/v2/{endpoint}")[..] else { panic!("{spans:#?}") };
        assert_eq!((first.id.clone(), first.parent.as_str()), (check_response(&answer, &id), SENDER));
        assert_eq!((first.span.kind, first.span.flags, first.span.trace_state.as_str()), (2, 0x301, "vendor=7"));
        for (name, value) in [
            ("http.request.method", "POST"),
            ("http.response.status_code", "201"),
            ("scimgate.surface", "scim"),
            ("scimgate.request.id", answer.header("x-request-id")),
            ("error.type", ""),
        ] {
            assert_eq!(first.attribute(name), value, "{name}");
        }
        let [auth] = named(&spans, "authenticate")[..] else { panic!("{spans:#?}") };
        let [step] = named(&spans, "mapping step")[..] else { panic!("{spans:#?}") };
        assert_eq!((&auth.parent, &step.parent), (&first.id, &first.id));
        let plugin = step.attribute("scimgate.plugin");
        assert!(plugin.starts_with("tutorial@"), "{plugin}");
        assert_eq!((step.attribute("scimgate.outcome").as_str(), step.failure().as_str()), ("mapped", ""));
        let batches: Vec<&Received> =
            spans.iter().filter(|it| it.attribute("db.system.name") == "postgresql").collect();
        assert!(batches.iter().any(|batch| batch.parent == first.id), "the write itself: {batches:#?}");
        for span in &spans {
            let is_inside = |outer: &Received| {
                let (inner, outer) = (&span.span, &outer.span);
                inner.start_time_unix_nano >= outer.start_time_unix_nano
                    && inner.end_time_unix_nano <= outer.end_time_unix_nano
            };
            let outer = spans.iter().find(|outer| outer.id == span.parent);
            assert!(span.id == first.id || outer.is_some_and(is_inside), "{span:#?}");
            assert!(span.id == first.id || span.span.flags == 0x101, "{span:#?}");
        }
        let lines = log::about("traced");
        assert!(lines.iter().any(|line| line["trace.id"] == id.as_str()), "{lines:#?}");
        check_plain(&collector, &tenant.scim);
        gateway.end().await;
    });
}

/// Nothing that the collector has got is a name, an address or a secret.
fn check_plain(collector: &Collector, client: &Client) {
    let bytes = collector.bytes();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let secret = client.authorization.as_ref().unwrap().to_str().unwrap().trim_start_matches("Bearer ");
    assert!(has("mapping step") && has("tutorial"), "it has got something");
    for text in [SECRET, "corp.test", "Byron", secret, "traced"] {
        assert!(!has(text), "a trace has {text}");
    }
}

#[test]
fn what_the_sender_does_not_keep_is_not_sent() {
    block_on(async {
        let collector = Collector::start().await;
        let gateway = TestGateway::tracing(&collector.endpoint, 1.0).await;
        let tenant = gateway.tenant("acme").await;
        let ((left_out, not_kept), (kept, parent)) = (sender(false), sender(true));
        let silent = tenant.scim.send(create("ada", &not_kept)).await.expect(201);
        assert_eq!(silent.header("traceresponse"), "");
        let _ = Client::new(format!("http://{}", gateway.probes)).get("/livez").await.expect(200);
        // A malformed header is none, and begins a trace of its own.
        let own = tenant.scim.send(create("bob", "00-abc-def-01")).await.expect(201);
        let own = own.header("traceresponse").split('-').nth(1).unwrap().to_owned();
        let _ = tenant.scim.send(create("eve", &parent)).await.expect(201);
        let _ = (trace_of(&collector, &own).await, trace_of(&collector, &kept).await);
        assert!(collector.spans().iter().all(|span| span.trace != left_out), "{left_out}");
        assert!(collector.spans().iter().all(|span| span.attribute("scimgate.surface") != "probe"));
        gateway.end().await;
    });
}

#[test]
fn a_failed_plugin_and_a_refused_credential_mark_their_spans() {
    block_on(async {
        let collector = Collector::start().await;
        let gateway = TestGateway::tracing(&collector.endpoint, 0.0).await;
        let tenant = gateway.plain_tenant("traced").await;
        let _ = map(&gateway.operator, "traced", "hostile", (&json!({ "do": "fail" }), "refuse")).await;
        let ((failed, parent), (refused, other)) = (sender(true), sender(true));
        let _ = tenant.scim.send(create("ada", &parent)).await.expect(400);
        let spans = trace_of(&collector, &failed).await;
        let [step] = named(&spans, "mapping step")[..] else { panic!("{spans:#?}") };
        assert_eq!((step.attribute("scimgate.outcome").as_str(), step.failure().as_str()), ("failed", "plugin_failed"));
        let first = spans.iter().find(|span| span.parent == SENDER).unwrap();
        // The answer is a 400, which is not a failure of the server.
        assert_eq!((first.attribute("scimgate.refusal").as_str(), first.failure().as_str()), ("plugin_failed", ""));
        let stranger = gateway.anonymous().with("not-a-token");
        let _ = stranger.send(create("bob", &other)).await.expect(401);
        let spans = trace_of(&collector, &refused).await;
        let [auth] = named(&spans, "authenticate")[..] else { panic!("{spans:#?}") };
        assert_eq!(auth.failure(), "credentials");
        assert!(!String::from_utf8_lossy(&collector.bytes()).contains("I would rather not"), "what a plugin says");
        gateway.end().await;
    });
}

#[test]
fn the_context_goes_on_to_an_issuer() {
    block_on(async {
        let collector = Collector::start().await;
        let gateway = TestGateway::tracing(&collector.endpoint, 0.0).await;
        let _ = gateway.plain_tenant("acme").await;
        let key = SigningKey::ec("1");
        let issuer = Issuer::start(Reply::Keys(key_set(&[&key]))).await;
        issuer.trust(&gateway);
        let assertion = json!({ "issuer": ISSUER, "subject": SUBJECT, "audience": AUDIENCE, "jwksUri": issuer.uri(), "bearer": true });
        let client = json!({ "label": "entra", "assertion": assertion });
        let _ = gateway.operator.post("/tenants/acme/oauth-clients", &client).await.expect(201);
        let now = gateway.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let bearer = gateway.anonymous().with(&key.sign(&claims(now)));
        let bearer = bearer.at(format!("http://{}/t/acme/scim/v2", gateway.public));
        let (id, parent) = sender(true);
        let request = Request::new("GET", "/Users").header("traceparent", &parent).header("tracestate", "vendor=7");
        let _ = bearer.send(request).await.expect(200);
        let spans = trace_of(&collector, &id).await;
        let [fetch] = named(&spans, "read the keys of an issuer")[..] else { panic!("{spans:#?}") };
        let [auth] = named(&spans, "authenticate")[..] else { panic!("{spans:#?}") };
        assert_eq!(fetch.parent, auth.id);
        let head = issuer.heads().pop().unwrap();
        assert!(head.contains(&format!("traceparent: 00-{id}-{}-01", fetch.id)), "{head}");
        assert!(head.contains("tracestate: vendor=7"), "{head}");
        gateway.end().await;
    });
}

/// The lines of the log about the sending of traces.
fn lines_about_sending() -> usize {
    log::text().lines().filter(|line| line.contains("traces cannot be sent")).count()
}

#[test]
fn a_collector_that_is_away_harms_no_request_and_is_logged_once() {
    block_on(async {
        log::keep();
        let collector = Collector::start().await;
        collector.answer(503);
        let gateway = TestGateway::tracing(&collector.endpoint, 1.0).await;
        let tenant = gateway.tenant("acme").await;
        poll("the collector was asked twice", async || (collector.refused() >= 2).then_some(())).await;
        let (id, parent) = sender(true);
        let _ = tenant.scim.send(create("ada", &parent)).await.expect(201);
        assert_eq!((collector.spans().len(), lines_about_sending()), (0, 1));
        collector.answer(200);
        let _ = trace_of(&collector, &id).await;
        poll("the return is logged", async || log::text().contains("\"worker\":\"traces\",\"failures\"").then_some(()))
            .await;
        let metrics = Client::new(format!("http://{}", gateway.probes)).get("/metrics").await.text;
        assert!(metrics.contains("scimgate_trace_spans_dropped_total 0\n"), "{metrics}");
        // What the collector refuses for good is lost, and counted.
        collector.answer(400);
        let _ = tenant.user("bob").await;
        poll("the loss is counted", async || {
            let metrics = Client::new(format!("http://{}", gateway.probes)).get("/metrics").await.text;
            let line =
                metrics.lines().find_map(|line| line.strip_prefix("scimgate_trace_spans_dropped_total ")).unwrap();
            (line != "0").then_some(())
        })
        .await;
        gateway.end().await;
    });
}

#[test]
fn the_last_traces_are_sent_at_the_end() {
    block_on(async {
        let collector = Collector::start().await;
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let base = collector.endpoint.trim_end_matches("/v1/traces").to_owned();
        let served = prepared.serve(&["--traces-endpoint", &base, "--traces-sample", "0"]).await;
        let tenant = served.tenant("acme").await;
        let (id, parent) = sender(true);
        let _ = tenant.scim.send(create("ada", &parent)).await.expect(201);
        assert!(served.running.terminate().await.0.success());
        assert!(collector.trace(&id).is_some(), "it came before the process ended");
        fresh.drop().await;
    });
}
