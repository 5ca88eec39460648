//! A tenant with a bit of everything, random by a seed that a failure shows.

use scimgate_tests::TestGateway;
use scimgate_tests::tenant::{ENTERPRISE, WS1B, device, patch, user};
use serde_json::{Value, json};

/// Users: more than one page of members.
const USERS: u64 = 620;
const NAMES: [&str; 8] = ["Ada", "Ångström", "İpek", "王小明", "O'Brien \"Bob\"", "ß\u{301}", "𝒵oë\t\\", "مريم"];

/// A number whose digits must not change.
fn exact() -> Value {
    serde_json::from_str("1.50").unwrap()
}

/// Numbers that look random.
pub(super) struct Population {
    seed: u64,
}

impl Population {
    pub(super) fn new() -> Self {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        let seed = high ^ low;
        eprintln!("seed {seed}");
        Self { seed }
    }

    /// By SplitMix64: with less mixing, the numbers of neighbours repeat for some seeds.
    fn number(&self, of: u64, below: u64) -> u64 {
        let mut mixed = self.seed.wrapping_add(of.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn person(&self, number: u64) -> Value {
        let of = |part: u64, below: u64| self.number(number * 16 + part, below);
        let mut person = user(&format!("u{number}"));
        let index = usize::try_from(of(1, NAMES.len() as u64)).unwrap();
        person["name"] = json!({ "givenName": NAMES[index], "familyName": "Byron" });
        person["active"] = (of(2, 3) > 0).into();
        if of(3, 2) > 0 {
            person[ENTERPRISE] =
                json!({ "employeeNumber": format!("E{number}"), "manager": { "value": format!("u{}", of(4, USERS)) } });
        }
        if of(5, 2) > 0 {
            person[WS1B] = json!({ "customAttribute1": format!("{}", of(6, 1_000)) });
        }
        // Some of those that are changed later have them for every seed.
        if number % 8 == 1 || of(7, 4) == 0 {
            person["favouriteColour"] = json!({ "name": NAMES[index], "code": exact() });
            person["urn:acme:unknown:1.0:User"] = json!({ "badge": of(8, 100) });
        }
        let phones = (0..of(9, 4)).map(|it| json!({ "type": "work", "value": format!("+49 {it}{}", of(10, 9_999)) }));
        if of(9, 4) > 0 {
            person["phoneNumbers"] = phones.collect();
        }
        person
    }

    /// Fills a tenant that it makes.
    pub(super) async fn fill(&self, gateway: &TestGateway, name: &str) {
        let tenant = gateway.plain_tenant(name).await;
        let operator = &gateway.operator;
        let _ = operator.patch(&format!("/tenants/{name}/client"), &json!({ "profile": "entra" })).await.expect(200);
        let _ = operator.post(&format!("/tenants/{name}/schemas"), &json!({ "pack": "ws1b" })).await.expect(201);
        let _ = operator.post(&format!("/tenants/{name}/resource-types"), &device()).await.expect(201);
        let numbers: Vec<u64> = (0..USERS).collect();
        for some in numbers.chunks(200) {
            let posts = some.iter().map(|number| {
                json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": self.person(*number) })
            });
            let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": posts.collect::<Vec<_>>() });
            let answer = tenant.post("/Bulk", &body).await.expect(200);
            let operations = answer.body["Operations"].as_array().unwrap();
            assert!(operations.iter().all(|it| it["status"] == "201"), "seed {}: {}", self.seed, answer.text);
            gateway.clock.advance(std::time::Duration::from_millis(self.number(some[0], 100_000)));
        }
        self.change(gateway, &tenant).await;
        self.groups(gateway, &tenant).await;
        for number in 0..self.number(7, 30) + 3 {
            let mut machine = json!({ "schemas": ["urn:acme:schemas:2.0:Device"], "displayName": NAMES[usize::try_from(number % 8).unwrap()] });
            machine["serial"] = format!("S{number}").into();
            machine["inventory"] = number.into();
            machine["note"] = "shown on request".into();
            machine["ports"] = json!([{ "value": "p", "type": "usb", "speed": exact() }]);
            let _ = tenant.post("/Devices", &machine).await.expect(201);
        }
    }

    /// Some users are changed, also in attributes that no schema defines, and some deleted.
    async fn change(&self, gateway: &TestGateway, tenant: &scimgate_tests::Tenant) {
        let listed = tenant.get("/Users?count=40&attributes=userName").await.expect(200).body;
        gateway.clock.advance(std::time::Duration::from_secs(77));
        for (index, user) in listed["Resources"].as_array().unwrap().iter().enumerate() {
            let path = format!("/Users/{}", user["id"].as_str().unwrap());
            let operations = json!([
                { "op": "replace", "path": "title", "value": NAMES[index % 8] },
                { "op": "replace", "path": "favouriteColour.name", "value": "blue" },
                { "op": "remove", "path": "urn:acme:unknown:1.0:User:badge" },
            ]);
            match index % 4 {
                0 => assert!(tenant.delete(&path).await.status == 204),
                1 => assert!(tenant.patch(&path, &patch(operations)).await.status < 300),
                _ => {}
            }
        }
    }

    /// A large group, nested ones in a circle, an empty one, and references to who is not there.
    async fn groups(&self, gateway: &TestGateway, tenant: &scimgate_tests::Tenant) {
        let mut groups = Vec::new();
        for name in ["everybody", "Ärzte", "crew", "empty"] {
            groups.push(tenant.group(name).await);
        }
        let mut everybody = Vec::new();
        for start in [1, 501] {
            let page =
                tenant.get(&format!("/Users?count=500&startIndex={start}&attributes=userName")).await.expect(200).body;
            everybody.extend(
                page["Resources"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()),
            );
        }
        gateway.clock.advance(std::time::Duration::from_secs(33));
        let some: Vec<String> = everybody.iter().step_by(7).cloned().collect();
        let add = [
            (&groups[0], everybody),
            (&groups[1], [vec![groups[2].clone(), "later@corp.test".into(), "LATER@corp.test".into()], some].concat()),
            (&groups[2], vec![groups[1].clone(), groups[2].clone(), "e-5 ü".into()]),
        ];
        for (group, values) in add {
            let values: Vec<Value> = values.iter().map(|value| json!({ "value": value })).collect();
            let operations = json!([{ "op": "add", "path": "members", "value": values }]);
            let answer = tenant.patch(&format!("/Groups/{group}"), &patch(operations)).await;
            assert!(answer.status < 300, "seed {}: {}", self.seed, answer.text);
        }
    }

    /// What there must be of everything in an export.
    pub(super) fn check(&self, lines: &[String]) {
        let of = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
        let seed = self.seed;
        assert_eq!(of("{\"resource\":{\"id\":"), lines.len() - 2 - of("{\"members\":"), "seed {seed}");
        let unknown = (of(",\"unknown\":"), of("\"op\":\"replace\""));
        assert!(unknown.0 > 20 && unknown.1 > 0, "seed {seed}: unknown attributes: {unknown:?}");
        assert!(of("\"pending\":[") == 2 && of("\"ids\":[") >= 4, "seed {seed}: members");
        assert!(of("\"speed\":1.50") > 0 && of("\"code\":1.50") > 0, "seed {seed}: numbers to the digit");
        assert!(of("\"note\":\"shown on request\"") > 0 && of("urn:acme:schemas:2.0:Device") > 1, "seed {seed}");
        assert!(
            lines[0].starts_with("{\"header\":{") && lines.last().unwrap().starts_with("{\"end\":{"),
            "seed {seed}"
        );
    }
}
