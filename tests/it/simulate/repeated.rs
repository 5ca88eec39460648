//! The seed: it decides every request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use scimgate_simulate::{Dialect, Options, Pace, address::Base};
use scimgate_tests::broken::{self, Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_postgres};

use super::{Player, options};

on_postgres!(the_same_seed_sends_the_same_requests);

/// Does nothing wrong, and writes down what is asked. The server chooses ids; here they have numbers.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    requests: Vec<String>,
    ids: BTreeMap<String, usize>,
}

impl Fault for Recorder {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        let mut recorded = self.0.lock().unwrap();
        let mut request = format!("{} {} {}", asked.method, asked.path, asked.body);
        for (id, number) in &recorded.ids {
            request = request.replace(id, &format!("id-{number}"));
        }
        recorded.requests.push(request);
        None
    }

    fn answered(&self, _: &Asked, reply: &mut Reply) {
        if reply.status == 201 {
            let made: serde_json::Value = serde_json::from_str(&reply.text).unwrap();
            let mut recorded = self.0.lock().unwrap();
            let number = recorded.ids.len();
            recorded.ids.insert(made["id"].as_str().unwrap().to_owned(), number);
        }
    }
}

async fn the_same_seed_sends_the_same_requests(gateway: &TestGateway) {
    let mut number = 0;
    let mut requests = async |player: Player, seed, dialect| {
        number += 1;
        let tenant = gateway.plain_tenant(&format!("run-{number}")).await;
        let recorder = Recorder::default();
        let address = broken::start(&format!("http://{}", gateway.public), recorder.clone()).await;
        let base = Base::parse(&format!("{address}/scim/v2")).unwrap();
        // One after the other, so that they have an order.
        let pace = Pace { rate: None, concurrency: 1 };
        let report = player.play(&Options { base, seed, dialect, pace, ..options(&tenant) }).await;
        assert!(report.stopped.is_none(), "{:?}", report.stopped);
        std::mem::take(&mut recorder.0.lock().unwrap().requests)
    };
    let mixed = (Player::Entra, Dialect::Mixed);
    for (player, dialect) in Player::ALL.into_iter().map(|player| (player, Dialect::Default)).chain([mixed]) {
        let first = requests(player, 7, dialect).await;
        assert!(first.len() > 100, "{} requests", first.len());
        assert_eq!(first, requests(player, 7, dialect).await, "{player:?}");
        assert_ne!(first, requests(player, 8, dialect).await, "{player:?}");
    }
}
