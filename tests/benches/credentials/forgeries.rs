//! What a forged assertion costs the server.

use scimgate_tests::assertion::{self, AUDIENCE, ISSUER, SUBJECT};
use scimgate_tests::binary::cpu_seconds;
use scimgate_tests::jwt::{SigningKey, key_set};
use scimgate_tests::served::Served;
use scimgate_tests::{Client, Request};
use serde_json::json;

use crate::{from_new_address, percentile};

/// Of each kind.
const ATTEMPTS: u32 = 100;
/// The forgery that becomes valid a second after it was made.
const NOT_YET: &str = "not valid yet";

const HEADING: &str = "
## Forged assertions

CPU time of the server for a forged assertion at the token endpoint, with all of HTTP, a hundred of each kind. The target is 10 ms.

| forgery | CPU, µs |
|---|--:|";

pub(super) async fn print(served: &Served) {
    println!("{HEADING}");
    let key = SigningKey::rsa("entra", 2048);
    let wanted = json!({ "issuer": ISSUER, "subject": SUBJECT, "audience": AUDIENCE, "keys": key_set(&[&key]) });
    let created = served.operator.post("/tenants/acme/oauth-clients", &json!({ "assertion": wanted })).await;
    let id = created.expect(201).body["clientId"].as_str().unwrap().to_owned();
    let now = scimgate::clock::Clock::system().now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // Signing all of them takes longer than the second for which one of them is not valid yet.
    let mut forgeries = assertion::forgeries(now, &key);
    let later = assertion::forgeries(now + 600, &key).into_iter().find(|(what, _)| *what == NOT_YET).unwrap();
    forgeries.iter_mut().filter(|(what, _)| *what == NOT_YET).for_each(|forgery| *forgery = later.clone());
    let public = Client::new(served.public.clone());
    let mut costs = Vec::new();
    for (what, forged) in forgeries {
        let before = cpu_seconds(served.running.id());
        for _ in 0..ATTEMPTS {
            let request = from_new_address(Request::new("POST", "/oauth2/token"));
            let request = request.body("application/x-www-form-urlencoded", form(&id, &forged));
            assert_eq!(public.send(request).await.status, 401, "{what}");
        }
        costs.push(((cpu_seconds(served.running.id()) - before) * 1e6 / f64::from(ATTEMPTS), what));
    }
    costs.sort_by(|one, other| one.0.total_cmp(&other.0));
    println!("| the middle of {} kinds | {} |", costs.len(), shown(percentile(&costs, 50).0));
    for (cost, what) in costs.iter().rev().take(3) {
        println!("| {what} | {} |", shown(*cost));
    }
}

/// The kernel counts CPU time in hundredths of a second, so a hundred requests in steps of 100 µs each.
fn shown(cost: f64) -> String {
    if cost < 50.0 { "under 100".to_owned() } else { format!("{cost:.0}") }
}

/// An assertion has no character that a form would escape.
fn form(client: &str, assertion: &str) -> String {
    format!(
        "grant_type=client_credentials&client_id={client}\
         &client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={assertion}"
    )
}
