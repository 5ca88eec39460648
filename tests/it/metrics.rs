//! What `/metrics` on the probe port shows: docs/metrics.md names all of it, and no label makes series without end.

#![expect(clippy::float_cmp, reason = "counters are whole numbers")]

mod page;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use scimgate::auth::token::{Kind, Token};
use scimgate::tenant::TenantId;
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::user;
use scimgate_tests::{Client, Request, Tenant, TestGateway, poll};
use uuid::Uuid;

/// Most series of a process, whatever it is asked.
const MAX_SERIES: usize = 2_000;

/// What a gateway shows: of each metric its kind, and its samples with their labels and values.
#[derive(Debug, Default)]
struct Shown {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, String>,
}

impl Shown {
    async fn of(gateway: &TestGateway) -> Self {
        let answer = Client::new(format!("http://{}", gateway.probes)).get("/metrics").await.expect(200);
        assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
        assert!(answer.text.ends_with("# EOF\n"));
        let mut shown = Self::default();
        for line in answer.text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                shown.kinds.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                assert!(shown.samples.insert(sample.to_owned(), value.to_owned()).is_none(), "twice: {sample}");
            }
        }
        shown
    }

    /// The value of a sample; 0 where there is none.
    fn value(&self, sample: &str) -> f64 {
        self.samples.get(sample).map_or(0.0, |value| value.parse().unwrap())
    }

    /// The labels that a metric has.
    fn labels(&self, metric: &str) -> BTreeSet<String> {
        let of_metric = self.samples.keys().filter_map(|sample| {
            let rest = sample.strip_prefix(metric)?;
            let (suffix, labels) = rest.split_once('{').unwrap_or((rest, ""));
            ["", "_total", "_bucket", "_sum", "_count", "_info"].contains(&suffix).then_some(labels)
        });
        let names = of_metric.flat_map(|labels| labels.split("\",")).filter_map(|label| label.split_once("=\""));
        names.map(|(name, _)| name.to_owned()).filter(|name| name != "le").collect()
    }
}

#[test]
fn requests_plugins_and_waits_are_counted() {
    block_on(async {
        let gateway = TestGateway::counting_tenants(5).await;
        let acme = gateway.tenant("acme").await;
        let ada = acme.user("ada").await;
        let _ = acme.get(&format!("/Users/{ada}")).await.expect(200);
        let _ = acme.post("/Users", &user("ada")).await.expect(409);
        let _ = gateway.anonymous().get("/Users").await.expect(401);
        let at_own_address = Client::new(format!("http://{}/t/acme/scim/v2", gateway.public));
        let _ = at_own_address.get("/Users/x").await.expect(401);
        // A reply that is sent in parts ends later than its handler.
        let shown = poll("all requests have ended", async || {
            let shown = Shown::of(&gateway).await;
            (shown.value("scimgate_refusals_total{kind=\"credentials\"}") == 2.0).then_some(shown)
        })
        .await;
        let scim = |route: &str, method: &str, status: &str| {
            let labels = format!("surface=\"scim\",route=\"/scim/v2{route}\",method=\"{method}\",status=\"{status}\"");
            shown.value(&format!("scimgate_requests_total{{{labels}}}"))
        };
        assert_eq!(scim("/{endpoint}", "POST", "2xx"), 1.0, "{:#?}", shown.samples);
        assert_eq!(scim("/{endpoint}", "POST", "4xx"), 1.0);
        assert_eq!(scim("/{endpoint}", "GET", "4xx"), 1.0);
        assert_eq!((scim("/{endpoint}/{id}", "GET", "2xx"), scim("/{endpoint}/{id}", "GET", "4xx")), (1.0, 1.0));
        let durations = "surface=\"scim\",route=\"/scim/v2/{endpoint}\",method=\"POST\"";
        assert_eq!(shown.value(&format!("scimgate_request_duration_seconds_count{{{durations}}}")), 2.0);
        let calls = |outcome: &str| {
            shown.value(&format!("scimgate_plugin_calls_total{{plugin=\"tutorial\",outcome=\"{outcome}\"}}"))
        };
        assert!(calls("mapped") >= 1.0 && calls("failed") == 0.0);
        assert!(shown.value("scimgate_plugin_cpu_seconds_total{plugin=\"tutorial\"}") > 0.0);
        assert_eq!(shown.value("scimgate_tenant_requests_total{tenant=\"acme\",status=\"2xx\"}"), 2.0);
        assert!(shown.value("scimgate_sent_bytes_total{surface=\"scim\"}") > 500.0);
        assert!(shown.value("scimgate_received_bytes_total{surface=\"scim\"}") > 100.0);
        assert!(shown.value("scimgate_request_wait_seconds_total{part=\"plugins\"}") > 0.0);
        assert!(shown.value("scimgate_cache_hits_total{cache=\"settings\"}") > 0.0);
        assert!(shown.value("scimgate_database_wait_seconds_count") > 10.0);
        assert_eq!(shown.value("scimgate_database_up"), 1.0);
        assert!(shown.value("process_resident_memory_bytes") > 1e6 && shown.value("process_open_fds") > 5.0);
        gateway.end().await;
    });
}

#[test]
fn a_client_that_disconnects_before_its_reply_is_counted() {
    block_on(async {
        let (gateway, proxy) = TestGateway::behind_proxy().await;
        let acme = gateway.plain_tenant("acme").await;
        let _ = acme.get("/Users").await.expect(200);
        proxy.stall();
        let impatient = acme.scim.without_pooling();
        let request = tokio::spawn(async move { impatient.get("/Users").await });
        let begun = "scimgate_requests_in_progress{surface=\"scim\"}";
        poll("the request has begun", async || (Shown::of(&gateway).await.value(begun) > 0.0).then_some(())).await;
        request.abort();
        let labels = "surface=\"scim\",route=\"/scim/v2/{endpoint}\",method=\"GET\",status=\"disconnected\"";
        let sample = format!("scimgate_requests_total{{{labels}}}");
        poll("it is counted", async || (Shown::of(&gateway).await.value(&sample) == 1.0).then_some(())).await;
        proxy.restore();
        gateway.end().await;
    });
}

#[test]
fn figures_of_all_tenants_are_read_from_the_database() {
    block_on(async {
        let gateway = TestGateway::counting_tenants(0).await;
        let acme = gateway.plain_tenant("acme").await;
        let ada = acme.user("ada").await;
        let sql = format!(
            "INSERT INTO held_batch (tenant_id, id, cause, state, passed, opened_at, actor, request_id)
               SELECT id, gen_random_uuid(), 'threshold', 'open', 1, now() - interval '1 hour', 'a', 'r' FROM tenant WHERE name = 'acme';
             INSERT INTO held (tenant_id, id, resource_type, batch_id, kind, event, source, next_state, next_revision, since, at, actor, request_id)
               SELECT tenant_id, '{ada}', 'User', id, 'deleted', 'user.deleted', '{{}}', 'same', 0, now(), now(), 'a', 'r' FROM held_batch;
             INSERT INTO mapping_reason SELECT id, gen_random_uuid(), 'stale', 1, 1, 'p', 'r', now(), now(), 'a', 'r' FROM tenant WHERE name = 'acme';
             INSERT INTO mapping_reason SELECT id, gen_random_uuid(), 'excluded', 1, 1, 'p', 'r', now(), now(), 'a', 'r' FROM tenant WHERE name = 'acme'"
        );
        gateway.store().await.batch_execute(&sql).await.unwrap();
        gateway.gateway.figures.set(gateway.gateway.store.control().figures().await.unwrap());
        let _ = scimgate::work::expiry::once(&gateway.gateway).await.unwrap();
        let shown = Shown::of(&gateway).await;
        assert_eq!(shown.value("scimgate_held_resources"), 1.0);
        assert_eq!(shown.value("scimgate_held_batches"), 1.0);
        assert!((3_590.0..3_700.0).contains(&shown.value("scimgate_held_oldest_age_seconds")));
        assert_eq!(shown.value("scimgate_stale_resources"), 1.0);
        assert!(shown.samples.contains_key("scimgate_expiring_credentials{kind=\"token\",state=\"expired\"}"));
        gateway.end().await;
    });
}

/// Tenants with a token each, as the rows of many years would be.
async fn tenants(gateway: &TestGateway, count: usize) -> Vec<Client> {
    let ids: Vec<Uuid> = (0..count).map(|_| gateway.clock.new_id()).collect();
    let tokens: Vec<Token> = ids.iter().map(|id| Token::generate(Kind::Scim, TenantId(*id))).collect();
    let digests: Vec<Vec<u8>> = tokens.iter().map(|token| token.digest().to_vec()).collect();
    let owner = gateway.store().await;
    let sql = "INSERT INTO tenant (id, name, created_at, modified_at) SELECT id, 'many-' || n, now(), now()
               FROM unnest($1::uuid[]) WITH ORDINALITY made (id, n)";
    let _ = owner.execute(sql, &[&ids]).await.unwrap();
    let sql = "INSERT INTO credential (tenant_id, id, scope, digest, last_four, created_at)
               SELECT id, id, 'scim', digest, 'last', now() FROM unnest($1::uuid[], $2::bytea[]) made (id, digest)";
    let _ = owner.execute(sql, &[&ids, &digests]).await.unwrap();
    let endpoint = gateway.anonymous();
    tokens.iter().map(|token| endpoint.with(token.reveal())).collect()
}

/// Requests whose every part is made to be a label.
async fn hostile(gateway: &TestGateway, acme: &Tenant) {
    let public = Client::new(format!("http://{}", gateway.public));
    for number in 0..60 {
        let odd = format!("x{number}%22%7D%0A%23");
        for path in [
            format!("/{odd}"),
            format!("/scim/v2/{odd}"),
            format!("/scim/v2/{odd}/{odd}"),
            format!("/t/{odd}/scim/v2/Users"),
            format!("/t/{odd}/oauth2/token"),
            format!("/setup/{odd}"),
            format!("/.well-known/{odd}"),
        ] {
            let _ = public.send(Request::new(&format!("BREW{number}"), &path)).await;
            let _ = public.get(&path).await;
        }
        let agent =
            Request::new("GET", &format!("/{odd}?filter={odd}")).header("user-agent", &format!("x{number}\"}}"));
        let _ = acme.send(agent).await;
        let _ = gateway.operator.get(&format!("/{odd}")).await;
        let _ = acme.directory(&format!("/{odd}")).await;
    }
}

#[test]
fn a_thousand_tenants_and_hostile_requests_make_few_series() {
    block_on(async {
        let gateway = TestGateway::counting_tenants(0).await;
        let acme = gateway.tenant("acme").await;
        let clients = tenants(&gateway, 1_000).await;
        let asked = iter(clients).map(|client| async move { client.get("/ServiceProviderConfig").await.status });
        let statuses: BTreeSet<u16> = asked.buffer_unordered(16).collect().await;
        assert_eq!(statuses, BTreeSet::from([200]));
        hostile(&gateway, &acme).await;
        let shown = Shown::of(&gateway).await;
        let route = "surface=\"scim\",route=\"/scim/v2/ServiceProviderConfig\",method=\"GET\",status=\"2xx\"";
        assert!(shown.value(&format!("scimgate_requests_total{{{route}}}")) >= 1_000.0);
        let count = shown.samples.len();
        eprintln!("{count} series");
        assert!(count < MAX_SERIES, "{count} series");
        for sample in shown.samples.keys() {
            assert!(!sample.contains("many-") && !sample.contains("x1") && !sample.contains("BREW"), "{sample}");
        }
        gateway.end().await;
    });
}
