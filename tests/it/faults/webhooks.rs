//! The gateway is killed while it sends a message to a webhook. The next process sends the same message.

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::poll;
use scimgate_tests::receiver::{Message, Receiver, Reply, secret};
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::user;

/// What the webhook was sent about a tenant that has become unhealthy.
fn unhealthy(receiver: &Receiver) -> Vec<Message> {
    let messages = receiver.messages().into_iter();
    messages.filter(|message| message.body["data"]["health"] == "unhealthy").collect()
}

#[test]
fn a_kill_while_a_message_is_sent_loses_none() {
    block_on(async {
        let receiver = Receiver::start().await;
        receiver.answer(&[Reply::Never; 64]);
        let fresh = Fresh::empty().await;
        let settings =
            [("SCIMGATE_HEALTH_WEBHOOKS", receiver.url.clone()), ("SCIMGATE_HEALTH_WEBHOOK_SECRET", secret())];
        let prepared = Prepared::new(&fresh.url, &settings).await;
        let owner = fresh.owner().await;
        let start = async || {
            // What a killed process held it would hold for a minute.
            let _ = owner.execute("DELETE FROM lease", &[]).await.unwrap();
            let _ = owner.execute("UPDATE webhook_delivery SET due_at = now()", &[]).await.unwrap();
            prepared.serve(&["--health-webhook-plain-http"]).await
        };

        // Six requests fail. Each process decides the health of all tenants when it starts, and then twice a minute.
        let served = start().await;
        let tenant = served.tenant("acme").await;
        let _ = tenant.user("ada").await;
        for _ in 0..6 {
            let _ = tenant.post("/Users", &user("ada")).await.expect(409);
        }
        poll("what was sent is counted", async || {
            let health = served.operator.get("/tenants/acme/health").await.expect(200).body;
            (health["traffic"]["lastHour"]["failed"] == 6).then_some(())
        })
        .await;
        served.running.kill().await;

        let served = start().await;
        poll("the message is being sent", async || (!unhealthy(&receiver).is_empty()).then_some(())).await;
        served.running.kill().await;

        receiver.answer(&[]);
        let served = start().await;
        let sent = poll("it is sent again", async || Some(unhealthy(&receiver)).filter(|sent| sent.len() > 1)).await;
        for again in &sent[1..] {
            assert_eq!((&again.headers["webhook-id"], &again.text), (&sent[0].headers["webhook-id"], &sent[0].text));
        }
        poll("nothing is left to be sent", async || {
            owner.query("SELECT 1 FROM webhook_delivery", &[]).await.unwrap().is_empty().then_some(())
        })
        .await;
        assert!(served.running.terminate().await.0.success());
        fresh.drop().await;
    });
}
