//! Requests of one tenant, with an ordinary token, that ask for as much work or memory as they can.

use serde_json::{Value, json};

use crate::tenant::patch;
use crate::{Request, Tenant};

/// One request that many clients send.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What it sends, for people.
    pub what: &'static str,
    /// Clients that send it at once.
    pub clients: usize,
    /// The request.
    pub request: Request,
    /// How it may be answered, alone.
    pub answers: &'static [u16],
    /// What a refusal says.
    pub says: &'static str,
}

/// The id of the user with nine hundred mail addresses.
const MAILS: &str = "0198c0de-0003-7000-8000-000000000001";
/// The id of a group.
const GROUP: &str = "0198c0de-0004-7000-8000-000000000001";

/// Inserts what the attacks need into a tenant without users: large users with titles of 900 kB and of 400 kB, one user with
/// many addresses, and a group.
pub async fn fill(owner: &tokio_postgres::Client, tenant: &Tenant, large: u32) {
    let emails: Vec<Value> = (0..900)
        .map(|number| json!({ "value": format!("m{number}{}@corp.test", "z".repeat(880)), "type": "other" }))
        .collect();
    let user =
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "mails", "emails": emails });
    let name = &tenant.name;
    let sql = format!(
        "INSERT INTO resource (tenant_id, id, resource_type, name_key, active, source, mapping_state, mapping_revision,
            version, created_at, modified_at)
        SELECT t.id, ('0198c0de-0002-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'User', 'large' || n, true,
          json_build_object('schemas', ARRAY['urn:ietf:params:scim:schemas:core:2.0:User'], 'userName', 'large' || n,
            'title', repeat(md5(n::text), CASE WHEN n <= 5 THEN 12500 ELSE 28125 END))::text, 'same', 0, 1, now(), now()
        FROM tenant t, generate_series(1, {large}) n WHERE t.name = '{name}';
        INSERT INTO resource (tenant_id, id, resource_type, name_key, active, source, mapping_state, mapping_revision,
            version, created_at, modified_at)
        SELECT t.id, '{MAILS}', 'User', 'mails', true, '{user}', 'same', 0, 1, now(), now() FROM tenant t WHERE t.name = '{name}';
        INSERT INTO resource (tenant_id, id, resource_type, name_key, source, mapping_state, mapping_revision, version,
            created_at, modified_at)
        SELECT t.id, '{GROUP}', 'Group', 'crew', '{{\"displayName\":\"Crew\"}}', 'same', 0, 1, now(), now()
        FROM tenant t WHERE t.name = '{name}';
        INSERT INTO resource_count SELECT id, 'User', 0, {large} + 1 FROM tenant WHERE name = '{name}';
        INSERT INTO resource_count SELECT id, 'Group', 0, 1 FROM tenant WHERE name = '{name}'"
    );
    owner.batch_execute(&sql).await.unwrap();
}

fn search(attributes: &[String]) -> Request {
    let schema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    Request::new("POST", "/Users/.search")
        .json(&json!({ "schemas": [schema], "attributes": attributes, "count": 1000 }))
}

fn filtered(filter: &str) -> Request {
    let filter: String =
        reqwest::Url::parse_with_params("http://a.test/Users", [("filter", filter)]).unwrap().to_string();
    Request::new("GET", filter.trim_start_matches("http://a.test"))
}

fn changes(id: &str, operations: Value) -> Request {
    Request::new("PATCH", id).json(&patch(operations))
}

/// A user with further members, as text.
fn user_with(more: &str) -> Request {
    let body = format!("{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"same\",{more}}}");
    Request::new("POST", "/Users").body("application/scim+json", body)
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(text).collect()
}

fn attack(what: &'static str, clients: usize, request: Request, answers: &'static [u16], says: &'static str) -> Attack {
    Attack { what, clients, request, answers, says }
}

/// The attacks. Those that create a user find its name in use from the second time on.
#[must_use]
pub fn attacks() -> Vec<Attack> {
    [filters(), pages(), many_changes(), large_bodies()].concat()
}

fn filters() -> Vec<Attack> {
    let or = |terms: Vec<String>| filtered(&terms.join(" or "));
    let elements = numbered(60, |n| format!("emails[value co \"a{n}\" and type eq \"b{n}\"]"));
    let nested = format!("{}title pr{}", "(".repeat(5000), ")".repeat(5000));
    let compared = "would have to be compared";
    vec![
        attack(
            "150 conditions on long titles",
            6,
            or(numbered(150, |n| format!("title co \"q{n}\""))),
            &[400],
            compared,
        ),
        attack("60 conditions on elements", 6, or(elements), &[200, 400], compared),
        attack("a filter of 5,000 parentheses", 6, filtered(&nested), &[400], "filter"),
        attack("a filter that no index decides", 60, filtered("title co \"zzz\""), &[200, 400], compared),
    ]
}

fn pages() -> Vec<Attack> {
    let names = |count| numbered(count, |n| format!("a{n}"));
    let page = |query: &str| Request::new("GET", &format!("/Users?count=1000{query}"));
    vec![
        attack("100,000 names in `attributes`", 2, search(&names(100_000)), &[400], "at most 65536"),
        attack("201 names in `attributes`", 2, search(&names(201)), &[400], "200"),
        attack("a page of large users", 3, page(""), &[400], "at most"),
        attack("a page of one attribute of large users", 60, page("&attributes=userName"), &[400], "at most"),
        attack("large users in another order", 6, page("&sortBy=title"), &[400], "at most"),
    ]
}

fn many_changes() -> Vec<Attack> {
    let mails = format!("/Users/{MAILS}");
    let removed: Vec<Value> =
        (0..1900).map(|number| json!({ "value": format!("none{number}{}", "w".repeat(200)) })).collect();
    let removed = json!([{ "op": "remove", "path": "emails", "value": removed }]);
    let path = |n| format!("emails[value co \"q{n}\" or type eq \"other\"].display");
    let selecting: Vec<Value> = (0..900).map(|n| json!({ "op": "replace", "path": path(n), "value": "x" })).collect();
    let members: Vec<Value> = (0..2000).map(|number| json!({ "value": format!("nobody{number}") })).collect();
    let members = json!([{ "op": "add", "path": "members", "value": members }]);
    let data = |n| json!({ "userName": format!("bulk{n}") });
    let bulk: Vec<Value> = (0..1000)
        .map(|n| json!({ "method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": data(n) }))
        .collect();
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": bulk });
    let group = format!("/Groups/{GROUP}");
    vec![
        attack("1,900 removals from 900 addresses", 4, changes(&mails, removed), &[200], ""),
        attack("900 operations that each select addresses", 6, changes(&mails, json!(selecting)), &[413], "compared"),
        attack("2,000 unknown members", 6, changes(&group, members), &[204, 400], "member"),
        attack("1,000 operations in bulk", 6, Request::new("POST", "/Bulk").json(&bulk), &[200], ""),
    ]
}

fn large_bodies() -> Vec<Attack> {
    let numbers = format!("\"x\":[{}1]", "1,".repeat(500_000));
    let unknown = numbered(40_000, |n| format!("\"k{n}\":1")).join(",");
    let addresses = format!("\"emails\":[{}]", vec!["{\"value\":\"a\"}"; 60_000].join(","));
    let nested = format!("\"x\":{}{}", "[".repeat(10_000), "]".repeat(10_000));
    vec![
        attack("500,000 numbers", 16, user_with(&numbers), &[201, 409, 400], ""),
        attack("40,000 unknown attributes", 16, user_with(&unknown), &[201, 409, 400], ""),
        attack("60,000 addresses of one user", 16, user_with(&addresses), &[400, 413], "1000"),
        attack("JSON of 10,000 levels", 16, user_with(&nested), &[400], "32"),
    ]
}
