//! A change is announced once, however many processes look, and its message reaches the webhook or is given up.

use std::time::Duration;

use scimgate::operation::Gateway;
use scimgate::operation::health::delivery;
use scimgate::operation::health::webhooks::Outcome;
use scimgate::store::health::{Decided, Decision};
use scimgate::work;
use scimgate_tests::harness::block_on;
use scimgate_tests::receiver::{Message, Receiver, Reply};
use scimgate_tests::tenant::user;
use scimgate_tests::{TestGateway, log};
use serde_json::json;
use uuid::Uuid;

use super::{HOUR, counted, found, health, health_with, set_title};

/// Delivers what is due to every webhook of a process, and returns how many messages there were.
async fn deliver(gateway: &Gateway) -> Result<usize, scimgate::store::Error> {
    let mut count = 0;
    for target in gateway.webhooks.targets() {
        count += delivery::deliver(gateway, &target).await?;
    }
    Ok(count)
}

/// Both processes look at the same moment, more than once.
async fn both_look(gateways: [&TestGateway; 2]) {
    for _ in 0..2 {
        let [first, second] = gateways.map(|gateway| work::health::once(&gateway.gateway));
        let (first, second) = tokio::join!(first, second);
        let _ = (first.unwrap(), second.unwrap());
    }
}

/// What a webhook was sent but for the first connection, which the background may have looked at before it or not; once there are so many.
async fn changes(receiver: &Receiver, count: usize) -> Vec<Message> {
    let is_change = |message: &Message| message.body["data"]["before"] != "not-connected";
    scimgate_tests::poll("the changes are sent", async || {
        let messages: Vec<Message> = receiver.messages().into_iter().filter(is_change).collect();
        (messages.len() >= count).then_some(messages)
    })
    .await
}

fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.headers["webhook-id"].to_str().unwrap().to_owned()).collect()
}

#[test]
fn failures_and_recovery_are_each_announced_once_by_two_processes() {
    log::keep();
    block_on(async {
        let receiver = Receiver::start().await;
        let first = TestGateway::with_webhook(&receiver.url).await;
        let second = first.replica_with_webhook(&receiver.url).await;
        let acme = first.plain_tenant("announced").await;
        let ada = acme.user("ada").await;
        let _ = counted(&first, "announced", 1).await;
        both_look([&first, &second]).await;

        let elsewhere = acme.at((&format!("http://{}", second.public), &format!("http://{}", second.internal)));
        for number in 0..6 {
            let tenant = if number % 2 == 0 { &acme } else { &elsewhere };
            let _ = tenant.post("/Users", &user("ada")).await.expect(409);
        }
        let now = health_with(&first, "announced", "/traffic/lastHour/failed", json!(6)).await;
        assert_eq!(found(&now), json!(["unhealthy", ["failing"]]));
        both_look([&first, &second]).await;
        let messages = changes(&receiver, 1).await;
        let data = &messages[0].body["data"];
        assert_eq!(messages[0].body["type"], "tenant.health.changed");
        assert_eq!(
            (&data["tenant"]["name"], &data["health"], &data["before"]),
            (&json!("announced"), &json!("unhealthy"), &json!("healthy"))
        );
        assert_eq!(
            (&data["findings"][0]["code"], &data["causes"]),
            (&json!("failing"), &json!([{ "code": "value-in-use", "count": 6 }]))
        );
        assert!(!messages[0].text.contains("ada@"), "nothing of users: {}", messages[0].text);
        let figures = first.gateway.store.control().figures().await.unwrap();
        assert_eq!(figures.tenants, [(5, 1)]);

        // Hours later its provider sends something that succeeds.
        first.clock.advance(3 * HOUR);
        both_look([&first, &second]).await;
        assert_eq!(health(&first, "announced").await["health"], "unhealthy", "nothing has succeeded yet");
        set_title(&elsewhere, &ada, "Countess").await;
        let _ = health_with(&first, "announced", "/health", json!("healthy")).await;
        both_look([&first, &second]).await;
        let messages = changes(&receiver, 2).await;
        assert_eq!(
            (&messages[1].body["data"]["health"], &messages[1].body["data"]["before"]),
            (&json!("healthy"), &json!("unhealthy"))
        );
        both_look([&first, &second]).await;
        assert_eq!((deliver(&first.gateway).await.unwrap(), deliver(&second.gateway).await.unwrap()), (0, 0));
        assert_eq!(changes(&receiver, 2).await.len(), 2);
        assert_ne!(ids(&messages)[0], ids(&messages)[1]);
        let changes = log::about("announced")
            .into_iter()
            .filter(|line| line["message"] == "the health of a tenant changed" && line["before"] != "not-connected");
        let changes: Vec<_> = changes.map(|line| format!("{} {}", line["before"], line["health"])).collect();
        assert_eq!(changes, [r#""healthy" "unhealthy""#, r#""unhealthy" "healthy""#]);
        second.end().await;
        first.end().await;
    });
}

/// Stores a message as a change of health does.
async fn announce(gateway: &TestGateway, targets: &[String]) {
    let control = gateway.gateway.store.control();
    let tenant = control.find_tenant("acme").await.unwrap().unwrap().id;
    let now = gateway.clock.now();
    scimgate_tests::poll("the message is stored", async || {
        let row = control.health_of(tenant).await.unwrap().unwrap();
        let revision = row.decided.map_or(0, |decided| decided.revision);
        let (state, codes) = ("attention".to_owned(), Vec::new());
        let decided = Decided { revision, state, rank: 4, since: now, codes, seen: "{}".into() };
        let announced = Some((Uuid::new_v4(), r#"{"type":"tenant.health.changed"}"#.to_owned()));
        let stored = control.decide_health(&[Decision { tenant, decided, announced }], now, targets).await.unwrap();
        (!stored.is_empty()).then_some(())
    })
    .await;
}

fn outcomes(gateway: &TestGateway) -> [u64; 3] {
    let outcomes = &gateway.gateway.webhooks.outcomes;
    Outcome::ALL.map(|outcome| outcomes.get_or_create(&[("outcome", outcome.name())]).get())
}

/// Waits until a try has ended.
async fn ended(gateway: &TestGateway, expected: [u64; 3]) {
    let what = format!("the outcomes are {expected:?}");
    scimgate_tests::poll(&what, async || (outcomes(gateway) == expected).then_some(())).await;
}

#[test]
fn a_message_is_sent_again_until_it_is_taken_also_by_another_process_or_given_up() {
    block_on(async {
        let receiver = Receiver::start().await;
        // It has no webhook itself, and outlives those that have.
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let sender = gateway.replica_with_webhook(&receiver.url).await;
        let targets = sender.gateway.webhooks.targets();
        receiver.answer(&[Reply::Status(500), Reply::Status(302), Reply::Never]);
        announce(&gateway, &targets).await;
        let _ = deliver(&sender.gateway).await.unwrap();
        ended(&sender, [0, 1, 0]).await;
        assert_eq!(deliver(&sender.gateway).await.unwrap(), 0, "it pauses");
        gateway.clock.advance(Duration::from_secs(5));
        let _ = deliver(&sender.gateway).await.unwrap();
        ended(&sender, [0, 2, 0]).await;
        assert_eq!(receiver.messages().len(), 2, "a redirect is not followed");
        gateway.clock.advance(Duration::from_secs(20));
        // It ends in the middle of a try.
        let trying = tokio::spawn({
            let gateway = sender.gateway.clone();
            async move { deliver(&gateway).await }
        });
        let _ = receiver.wait_for(3).await;
        trying.abort();
        sender.end().await;

        let sender = gateway.replica_with_webhook(&receiver.url).await;
        assert_eq!(deliver(&sender.gateway).await.unwrap(), 0, "another process may be sending it");
        gateway.clock.advance(Duration::from_mins(1));
        let _ = deliver(&sender.gateway).await.unwrap();
        ended(&sender, [1, 0, 0]).await;
        let messages = receiver.wait_for(4).await;
        let ids = ids(&messages);
        assert!(ids.len() == 4 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        let last = messages[3].headers["webhook-timestamp"].to_str().unwrap();
        assert_ne!(messages[0].headers["webhook-timestamp"], last, "each try is signed anew");

        // What nobody takes is given up after a day.
        receiver.answer(&[Reply::Status(503), Reply::Status(503)]);
        announce(&gateway, &targets).await;
        let _ = deliver(&sender.gateway).await.unwrap();
        ended(&sender, [1, 1, 0]).await;
        gateway.clock.advance(24 * HOUR);
        let _ = deliver(&sender.gateway).await.unwrap();
        ended(&sender, [1, 1, 1]).await;
        gateway.clock.advance(24 * HOUR);
        assert_eq!(deliver(&sender.gateway).await.unwrap(), 0);
        assert_eq!(receiver.messages().len(), 6);

        // So is what no process has a webhook for any more.
        sender.end().await;
        announce(&gateway, &targets).await;
        gateway.clock.advance(25 * HOUR);
        let _ = work::health::once(&gateway.gateway).await.unwrap();
        let owner = gateway.store().await;
        let rows = owner.query("SELECT 1 FROM webhook_delivery", &[]).await.unwrap();
        assert_eq!((rows.len(), receiver.messages().len()), (0, 6));
        gateway.end().await;
    });
}
