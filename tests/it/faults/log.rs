//! The log of a server process: a line for each request, and of an outage its begin and its end.

use futures_util::future::join_all;
use scimgate_tests::binary::Running;
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::proxy::Proxy;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::user;
use scimgate_tests::{Client, Tenant, poll};
use serde_json::Value;

/// A server with its log, at the default level.
struct Logged {
    running: Running,
    public: String,
    operator: Client,
    probes: Client,
    tenant: Tenant,
}

async fn start(url: &str) -> Logged {
    let prepared = Prepared::new(url, &[]).await;
    let mut command = prepared.command(&["serve", "--log-format", "json", "--bind", "127.0.0.1"]);
    command.args(["--port", "0", "--internal-port", "0", "--probe-port", "0"]);
    let mut running = Running::start(command);
    let line: Value = serde_json::from_str(&running.logged("\"serving\"").await).unwrap();
    let address = |name: &str| format!("http://{}", line["fields"][name].as_str().unwrap());
    let (public, internal, probes) = (address("scim"), address("internal"), Client::new(address("probes")));
    let operator = Client::new(format!("{internal}/admin/v1")).with(prepared.key());
    let tenant = Tenant::plain(&operator, "acme", (&public, &internal)).await;
    Logged { running, public, operator, probes, tenant }
}

/// The lines up to one that contains a text, that one included.
async fn lines_until(running: &mut Running, text: &str) -> Vec<Value> {
    let lines = running.logged_until(text).await;
    lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

/// How often background work has failed.
async fn failures(probes: &Client, worker: &str) -> u64 {
    let text = probes.get("/metrics").await.expect(200).text;
    let sample = format!("scimgate_worker_failures_total{{worker=\"{worker}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&sample)?.parse().ok()).unwrap_or_default()
}

/// The messages about requests, and all that are more than information: background work may begin or end at any time.
fn messages(lines: &[Value]) -> Vec<&str> {
    let lines = lines.iter().filter(|line| line["level"] != "INFO" || line["span"].is_object());
    lines.map(|line| line["fields"]["message"].as_str().unwrap()).collect()
}

#[test]
fn an_outage_is_two_lines_with_the_number_of_refused_requests() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let proxy = Proxy::start(&fresh.url).await;
        let Logged { mut running, probes, tenant, operator, .. } = start(&proxy.url).await;
        let _ = tenant.user("ada").await;
        proxy.cut();
        let body = user("ben");
        let mut refused = 0;
        for _ in 0..20 {
            let (list, created) = tokio::join!(tenant.scim.get("/Users"), tenant.scim.post("/Users", &body));
            assert_eq!((list.status, created.status), (503, 503));
            refused += 2;
        }
        for worker in ["sequencer", "change_poll", "jobs", "statistics"] {
            poll("background work has failed more than once", async || {
                (failures(&probes, worker).await > 1).then_some(())
            })
            .await;
        }
        let _ = join_all((0..20).map(|_| tenant.scim.get("/Users"))).await;
        refused += 20;
        proxy.restore();
        poll("the gateway is connected again", async || (probes.get("/readyz").await.status == 200).then_some(()))
            .await;
        let lines = lines_until(&mut running, "database is back").await;
        let begin = lines.iter().position(|line| line["fields"]["message"] == "database lost").unwrap();
        assert_eq!(messages(&lines[begin..]), ["database lost", "database is back"], "{:#?}", &lines[begin..]);
        assert_eq!(lines[begin]["level"], "ERROR");
        let back = &lines.last().unwrap()["fields"];
        assert_eq!(back["refused_requests"], refused, "{back}");
        assert!(back["seconds"].is_u64() && back["failed_batches"].as_u64().unwrap() > 4, "{back}");

        // Nothing is said twice, and requests are logged again.
        let _ = tenant.user("ben").await;
        let _ = operator.get("/tenants/nobody").await.expect(404);
        let lines = lines_until(&mut running, "/tenants/nobody").await;
        assert_eq!(messages(&lines), ["request answered", "request answered"], "{lines:#?}");
        assert!(running.terminate().await.0.success());
        fresh.drop().await;
    });
}

#[test]
fn each_request_is_one_line_with_all_that_is_known_of_it() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let Logged { mut running, tenant, operator, public, .. } = start(&fresh.url).await;
        let ada = tenant.user("ada").await;
        let created = lines_until(&mut running, "\"/scim/v2/{endpoint}\"").await.pop().unwrap();
        let fields = &created["fields"];
        assert_eq!(fields["message"], "request answered");
        assert_eq!((&fields["status"], &fields["tenant.name"]), (&201.into(), &"acme".into()), "{created}");
        for name in ["tenant.id", "credential.id"] {
            assert_eq!(fields[name].as_str().unwrap().len(), 36, "{created}");
        }
        assert_eq!(fields["client.address"], "127.0.0.1");
        assert!(fields["duration_ms"].as_f64().unwrap() > 0.0, "{created}");
        assert!(fields["bytes_in"].as_u64().unwrap() > 50 && fields["bytes_out"].as_u64().unwrap() > 100, "{created}");
        assert_eq!(created["span"]["method"], "POST");
        assert!(created["span"]["request.id"].is_string() && created.get("spans").is_none(), "{created}");

        let _ = tenant.post("/Users", &user("ada")).await.expect(409);
        let refused = lines_until(&mut running, "\"status\":409").await;
        assert_eq!(refused.len(), 1, "{refused:#?}");
        assert_eq!(refused[0]["fields"]["scim_type"], "uniqueness");

        // A successful read leaves none; a refused one does, without what was asked.
        let _ = tenant.get(&format!("/Users/{ada}")).await.expect(200);
        let _ = Client::new(format!("{public}/scim/v2")).get("/Users/ada@corp.test").await.expect(401);
        let lines = lines_until(&mut running, "\"status\":401").await;
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert_eq!(lines[0]["fields"]["kind"], "credentials");
        assert!(!lines[0].to_string().contains("corp.test"), "{lines:#?}");

        let _ = operator.get("/tenants").await.expect(200);
        assert!(running.terminate().await.0.success());
        fresh.drop().await;
    });
}
