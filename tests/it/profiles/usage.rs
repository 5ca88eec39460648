//! The counters of used leniencies.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use insta::assert_snapshot;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{TestGateway, on_both, on_postgres, redacted};
use serde_json::{Value, json};

use super::client;

on_both!(uses_are_counted_with_the_first_and_the_last_time);
on_postgres!(
    values_are_not_kept_and_unknown_names_are_counted_together,
    a_bulk_request_counts_the_uses_of_each_operation,
    replicas_share_one_count,
    pending_uses_are_written_at_shutdown,
);

fn by_name(used: &Value) -> BTreeMap<(String, String), i64> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = used.as_array().unwrap().iter();
    rows.map(|row| ((text(row, "leniency"), text(row, "attribute")), row["uses"].as_i64().unwrap())).collect()
}

fn named(leniency: &str, attribute: &str) -> (String, String) {
    (leniency.to_owned(), attribute.to_owned())
}

fn off(text: &str) -> Value {
    patch(json!([{ "op": "replace", "path": "active", "value": text }]))
}

async fn uses_are_counted_with_the_first_and_the_last_time(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    assert_eq!(client(gateway, "acme").await["used"], json!([]));
    let _ = tenant.patch(&ada, &off("False")).await.expect(200);
    let first = client(gateway, "acme").await["used"][0].clone();
    assert_snapshot!(redacted(&first), @r#"
    {
      "leniency": "string-boolean",
      "attribute": "active",
      "uses": 1,
      "firstAt": "2026-05-01T09:00:00.000Z",
      "lastAt": "2026-05-01T09:00:00.000Z"
    }
    "#);
    gateway.clock.advance(Duration::from_mins(5));
    // Counted, though it changes nothing.
    let _ = tenant.patch(&ada, &off("false")).await.expect(200);
    let _ = tenant.patch(&ada, &off("True")).await.expect(200);
    let _ = tenant.get("/Users?filter=externalId eq abc").await.expect(200);
    let mut body = user("ada");
    body["active"] = "False".into();
    let _ = tenant.put(&ada, &body).await.expect(200);
    let used = client(gateway, "acme").await["used"].clone();
    assert_snapshot!(redacted(&used), @r#"
    [
      {
        "leniency": "string-boolean",
        "attribute": "active",
        "uses": 4,
        "firstAt": "2026-05-01T09:00:00.000Z",
        "lastAt": "2026-05-01T09:05:00.000Z"
      },
      {
        "leniency": "unquoted-filter-value",
        "attribute": "externalId",
        "uses": 1,
        "firstAt": "2026-05-01T09:05:00.000Z",
        "lastAt": "2026-05-01T09:05:00.000Z"
      }
    ]
    "#);
    let other = gateway.plain_tenant("globex").await;
    let _ = other.user("bob").await;
    assert_eq!(client(gateway, "globex").await["used"], json!([]), "each tenant has its own");
}

async fn values_are_not_kept_and_unknown_names_are_counted_together(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    let value = json!({ "emails[value eq \"secret@corp.test\"].display": "x" });
    let _ = tenant.patch(&ada, &patch(json!([{ "op": "replace", "value": value }]))).await.expect(200);
    let used = client(gateway, "acme").await["used"].to_string();
    assert!(used.contains("pathless-dotted-keys") && !used.contains("secret"), "{used}");
    for round in 0..7 {
        let mut body = user(&format!("u{round}"));
        for number in 0..100 {
            body[format!("unknown{round}x{number}")] = 1.into();
        }
        let _ = tenant.post("/Users", &body).await.expect(201);
        let _ = client(gateway, "acme").await;
    }
    let used = by_name(&client(gateway, "acme").await["used"]);
    let total: i64 =
        used.iter().filter(|((leniency, _), _)| leniency == "unknown-attribute-set-aside").map(|(_, n)| n).sum();
    assert_eq!(total, 700, "every use is counted");
    assert!(used.len() < 620, "{} rows", used.len());
    assert!(used[&named("unknown-attribute-set-aside", "…")] >= 100);
}

async fn a_bulk_request_counts_the_uses_of_each_operation(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let post = |name: &str| {
        let mut body = user(name);
        body["active"] = "True".into();
        json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": body })
    };
    let bulk = json!({ "Operations": [post("ada"), post("bob")] });
    let done = tenant.post("/Bulk", &bulk).await.expect(200).body;
    assert!(done["Operations"].as_array().unwrap().iter().all(|it| it["status"] == "201"), "{done}");
    let used = by_name(&client(gateway, "acme").await["used"]);
    let expected =
        BTreeMap::from([(named("base-schema-missing", "schemas"), 1), (named("string-boolean", "active"), 2)]);
    assert_eq!(used, expected);
}

async fn replicas_share_one_count(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    let other = gateway.replica().await;
    let at_other = tenant.at((&format!("http://{}", other.public), &format!("http://{}", other.internal)));
    join_all((0..20).map(|number| {
        let (tenant, ada) = (if number % 2 == 0 { tenant.clone() } else { at_other.clone() }, ada.clone());
        async move { tenant.patch(&ada, &off("False")).await.expect(200) }
    }))
    .await;
    // A replica writes its pending uses at shutdown.
    other.end().await;
    let used = by_name(&client(gateway, "acme").await["used"]);
    assert_eq!(used, BTreeMap::from([(named("string-boolean", "active"), 20)]));
}

async fn pending_uses_are_written_at_shutdown(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let other = gateway.replica().await;
    let at_other = tenant.at((&format!("http://{}", other.public), &format!("http://{}", other.internal)));
    let ada = format!("/Users/{}", at_other.user("ada").await);
    for _ in 0..5 {
        let _ = at_other.patch(&ada, &off("False")).await.expect(200);
    }
    let uses = other.gateway.uses.clone();
    other.end().await;
    assert_eq!(uses.unwritten(), 0);
    let rows = gateway.store().await.query("SELECT uses FROM leniency_use", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), [5]);
}
