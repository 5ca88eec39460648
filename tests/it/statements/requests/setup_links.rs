//! Statements of setup links.

use scimgate_tests::{Client, Request, Tenant, TestGateway};
use serde_json::json;

use super::fine;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let own = format!("/tenants/{}/setup-links", tenant.name);
    let public = Client::new(format!("http://{}", gateway.public));
    let id = gateway.gateway.store.control().find_tenant(&tenant.name).await.unwrap().unwrap().id;
    let store = gateway.gateway.store.tenant(id);
    for (method, body) in [("token", String::new()), ("client", String::new()), ("workload-identity", values(round, 1))]
    {
        let wanted = json!({ "method": method, "expiresInHours": 1 });
        let created = fine(gateway.operator.post(&own, &wanted).await.expect(201));
        let path = created.body["url"].as_str().unwrap().split_once(&gateway.public.to_string()).unwrap().1.to_owned();
        let form = |body: String| Request::new("POST", &path).body("application/x-www-form-urlencoded", body);
        let made = fine(public.send(form(body)).await.expect(200));
        let cookie = made.header("set-cookie").split(';').next().unwrap().to_owned();
        if method == "workload-identity" {
            let corrected = form(values(round, 2)).header("cookie", &cookie);
            let _ = fine(public.send(corrected).await.expect(200));
        }
        store.note_refused("its token is another one", gateway.clock.now()).await.unwrap();
        store.note_first_use(created.id().parse().unwrap(), Some("okta"), gateway.clock.now()).await.unwrap();
        let _ = fine(gateway.operator.delete(&format!("{own}/{}", created.id())).await.expect(204));
    }
    let _ = fine(gateway.operator.get(&own).await.expect(200));
}

fn values(round: &str, number: u32) -> String {
    let issuer = "https%3A%2F%2Fissuer.test";
    format!("issuer={issuer}&subject=setup-{round}-{number}&audience=scim&keys={issuer}%2Fkeys")
}
