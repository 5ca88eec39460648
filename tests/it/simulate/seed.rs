//! The seed determines every request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use scimgate_simulate::{BaseUrl, Dialect, Options, Pace};
use scimgate_tests::faulty_server::{self, Fault, Request, Response};
use scimgate_tests::{TestGateway, on_postgres};

use super::{Provider, options};

on_postgres!(the_same_seed_sends_the_same_requests);

/// Of an id in its text form.
const ID_LENGTH: usize = 36;

/// Records the requests, with numbers instead of the ids that the server chose.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    requests: Vec<String>,
    ids: BTreeMap<String, usize>,
}

impl Recorded {
    fn with_numbers(&self, text: &str) -> String {
        let is_of_id = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let words = text.split_inclusive(|letter| !is_of_id(letter));
        let numbered = words.map(|word| {
            let (name, end) = word.split_at(word.find(|letter| !is_of_id(letter)).unwrap_or(word.len()));
            // In a filter the id stands behind an encoded quotation mark: `%22`.
            let (before, id) = name.split_at(name.len().saturating_sub(ID_LENGTH));
            self.ids.get(id).map_or_else(|| word.to_owned(), |number| format!("{before}id-{number}{end}"))
        });
        numbered.collect()
    }
}

impl Fault for Recorder {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        let mut recorded = self.0.lock().unwrap();
        let request = recorded.with_numbers(&format!("{} {} {}", request.method, request.path, request.body));
        recorded.requests.push(request);
        None
    }

    fn on_response(&self, _: &Request, response: &mut Response) {
        if response.status == 201 {
            let created: serde_json::Value = serde_json::from_str(&response.text).unwrap();
            let mut recorded = self.0.lock().unwrap();
            let number = recorded.ids.len();
            recorded.ids.insert(created["id"].as_str().unwrap().to_owned(), number);
        }
    }
}

async fn the_same_seed_sends_the_same_requests(gateway: &TestGateway) {
    let mut number = 0;
    let mut requests = async |provider: Provider, seed, dialect| {
        number += 1;
        let tenant = gateway.plain_tenant(&format!("run-{number}")).await;
        let recorder = Recorder::default();
        let address = faulty_server::start(&format!("http://{}", gateway.public), recorder.clone()).await;
        let base_url = BaseUrl::parse(&format!("{address}/scim/v2")).unwrap();
        // One request at a time, so that their order is the same.
        let pace = Pace { rate: None, concurrency: 1 };
        let report = provider.simulate(&Options { base_url, seed, dialect, pace, ..options(&tenant) }).await;
        assert!(report.stopped.is_none(), "{:?}", report.stopped);
        std::mem::take(&mut recorder.0.lock().unwrap().requests)
    };
    let mixed = (Provider::Entra, Dialect::Mixed);
    for (provider, dialect) in Provider::ALL.into_iter().map(|provider| (provider, Dialect::Default)).chain([mixed]) {
        let first = requests(provider, 7, dialect).await;
        assert!(first.len() > 100, "{} requests", first.len());
        assert_eq!(first, requests(provider, 7, dialect).await, "{provider:?}");
        assert_ne!(first, requests(provider, 8, dialect).await, "{provider:?}");
    }
}
