//! The workloads, who competes in each, and the requests they send.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::load::{Make, Request};
use crate::seed::Tenant;

/// The name of the user whom others are copies of.
pub(crate) const SEEDLING: &str = "seedling";
/// Users on a page.
const PAGE: u64 = 100;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    Create,
    Get,
    Filter,
    Patch,
    Members,
    List,
    ExternalId,
    Mail,
    Contains,
    FirstPage,
    DeepPage,
    Sizes,
}

impl Workload {
    /// Its name on the command line and in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::Filter => "filter",
            Self::Patch => "patch",
            Self::Members => "members",
            Self::List => "list",
            Self::ExternalId => "external-id",
            Self::Mail => "mail",
            Self::Contains => "contains",
            Self::FirstPage => "page-1",
            Self::DeepPage => "page-5000",
            Self::Sizes => "group-sizes",
        }
    }

    /// What it does.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Create => "POST /Users",
            Self::Get => "GET /Users/{id}",
            Self::Filter => "GET /Users?filter=userName eq \"…\"",
            Self::Patch => "PATCH of one attribute, in both of Entra's dialects by turns",
            Self::Members => "PATCH of a group that adds a member",
            Self::List => "GET /Users?startIndex=…&count=100",
            Self::ExternalId => "GET /Users?filter=externalId eq \"…\"",
            Self::Mail => "GET /Users?filter=emails.value eq \"…\"",
            Self::Contains => {
                "GET /Users?filter=userName co \"…\" among a million users, of whom about ten match; one client"
            }
            Self::FirstPage => "GET /Users?startIndex=1&count=100 of a million users; one client",
            Self::DeepPage => {
                "GET /Users?startIndex=499901&count=100 of a million users, asked for by itself and not by walking there; one client"
            }
            Self::Sizes => "PATCH that adds a member to a group that has so many already",
        }
    }

    /// How many clients send at once, of those that there are. What takes long is asked for by one: the others would
    /// only wait for it.
    pub(crate) fn clients(self, all: usize) -> usize {
        if self.is_of_a_million() { 1 } else { all }
    }

    /// Whether it needs the tenant with a million users.
    pub(crate) fn is_of_a_million(self) -> bool {
        matches!(self, Self::Contains | Self::FirstPage | Self::DeepPage)
    }
}

/// Which server the requests are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Gateway,
    Floor,
    /// The database alone; it sends itself what it is asked.
    Pgbench,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    /// One row into a bare table; the floor alone knows it.
    Plain,
    Get,
    Filter,
    Patch,
    Member,
    List,
    ExternalId,
    Mail,
    Contains,
    FirstPage,
    DeepPage,
}

/// Where the 5,000th page of a hundred begins, counted from one.
const DEEP: u64 = 499_901;

/// A piece of about ten names of a million: four digits that are seldom together.
fn piece(n: u64) -> String {
    format!("r{:05}", 10_000 + scatter(n) % 90_000)
}

/// A source of requests: counts on from slice to slice, so that no name comes twice.
pub(crate) struct Requests {
    pub(crate) side: Side,
    pub(crate) operation: Operation,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) groups: Vec<Uuid>,
    pub(crate) label: String,
    pub(crate) next: Arc<AtomicU64>,
}

/// A user's id by its number.
pub(crate) fn id(n: u64) -> String {
    format!("01800000-0000-7000-8000-{n:012x}")
}

/// A user's name by its number, before the `@`.
pub(crate) fn name(n: u64) -> String {
    format!("user{n}")
}

/// A user as Entra sends one.
pub(crate) fn user(name: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:ws1b:2.0:User"],"externalId":"{name}","userName":"{name}@corp.test","active":true,"emails":[{{"primary":true,"type":"work","value":"{name}@Corp.Test"}}],"phoneNumbers":[{{"type":"work","value":"+1 (555) 010-99"}}],"meta":{{"resourceType":"User"}},"name":{{"givenName":"Ada","familyName":"Byron","formatted":"Ada Byron"}},"title":"Analyst","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"department":"Analytical Engines"}},"urn:ietf:params:scim:schemas:extension:ws1b:2.0:User":{{"customAttribute1":"B-1815","customAttribute2":"St James Square"}}}}"#
    )
}

/// One number after another, in no order.
fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A request's parts, as the two sides have them.
struct Parts {
    method: &'static str,
    path: String,
    body: String,
    status: u16,
    needle: String,
    least: usize,
}

impl Parts {
    fn get(path: String, needle: String) -> Self {
        Self { method: "GET", path, body: String::new(), status: 200, needle, least: 0 }
    }

    /// Of one user, whose name is in the answer.
    fn of_user(path: String, user: u64) -> Self {
        Self::get(path, format!("\"{}@corp.test", name(user)))
    }

    /// Of a page that begins with this user.
    fn page(path: String, first: u64) -> Self {
        Self { least: 20_000, ..Self::of_user(path, first) }
    }
}

impl Make for Requests {
    fn make(&self, request: &mut Request) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let tenant = &self.tenants[usize::try_from(n).unwrap_or_default() % self.tenants.len()];
        let parts = match self.side {
            Side::Gateway => self.of_gateway(n, tenant),
            Side::Floor | Side::Pgbench => self.of_floor(n, tenant),
        };
        request.status = parts.status;
        request.least = parts.least;
        request.needle.clear();
        request.needle.extend_from_slice(parts.needle.as_bytes());
        write(&mut request.bytes, &parts, tenant, self.side);
    }
}

fn write(bytes: &mut Vec<u8>, parts: &Parts, tenant: &Tenant, side: Side) {
    bytes.clear();
    let mut head = String::with_capacity(512);
    // Writing to a String cannot fail.
    let _ = write!(head, "{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\n", parts.method, parts.path);
    if side == Side::Gateway {
        let _ = write!(head, "Authorization: Bearer {}\r\n", tenant.token);
    }
    if parts.method != "GET" {
        let length = parts.body.len();
        let _ = write!(head, "Content-Type: application/scim+json\r\nContent-Length: {length}\r\n");
    }
    head.push_str("\r\n");
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(parts.body.as_bytes());
}

impl Requests {
    fn new_name(&self, n: u64) -> String {
        format!("{}{n}", self.label)
    }

    /// The pages of a tenant, one after another.
    fn page(tenant: &Tenant, n: u64) -> u64 {
        n % (tenant.users / PAGE).max(1)
    }

    fn group(&self, n: u64) -> (Uuid, u64) {
        let groups = self.groups.len() as u64;
        (self.groups[usize::try_from(n % groups).unwrap_or_default()], 1 + n / groups)
    }

    fn of_gateway(&self, n: u64, tenant: &Tenant) -> Parts {
        let chosen = 1 + scatter(n) % tenant.users;
        match self.operation {
            Operation::Create | Operation::Plain => {
                let name = self.new_name(n);
                let needle = format!("{name}@corp.test");
                let path = "/scim/v2/Users".to_owned();
                Parts { method: "POST", path, body: user(&name), status: 201, needle, least: 0 }
            }
            Operation::Get => Parts::of_user(format!("/scim/v2/Users/{}", id(chosen)), chosen),
            Operation::Filter => Parts::of_user(
                format!("/scim/v2/Users?filter=userName%20eq%20%22{}%40corp.test%22", name(chosen)),
                chosen,
            ),
            Operation::List => {
                let first = 1 + Self::page(tenant, n) * PAGE;
                let path = format!("/scim/v2/Users?startIndex={first}&count={PAGE}");
                Parts::page(path, first)
            }
            Operation::ExternalId => {
                Parts::of_user(format!("/scim/v2/Users?filter=externalId%20eq%20%22{}%22", name(chosen)), chosen)
            }
            Operation::Mail => Parts::of_user(
                format!("/scim/v2/Users?filter=emails.value%20eq%20%22{}%40corp.test%22", name(chosen)),
                chosen,
            ),
            Operation::Contains => Parts::get(
                format!("/scim/v2/Users?filter=userName%20co%20%22{}%22", piece(n)),
                format!("\"use{}", piece(n)),
            ),
            Operation::FirstPage => {
                let path = format!("/scim/v2/Users?startIndex=1&count={PAGE}");
                Parts::page(path, 1)
            }
            Operation::DeepPage => {
                let first = DEEP.min(tenant.users - PAGE);
                let path = format!("/scim/v2/Users?startIndex={first}&count={PAGE}");
                Parts::page(path, first)
            }
            Operation::Patch => patch_user(n, &id(chosen)),
            Operation::Member => {
                let (group, member) = self.group(n);
                let body = format!(
                    r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"Add","path":"members","value":[{{"value":"{}"}}]}}]}}"#,
                    id(member)
                );
                let path = format!("/scim/v2/Groups/{group}");
                Parts { method: "PATCH", path, body, status: 204, needle: String::new(), least: 0 }
            }
        }
    }

    fn of_floor(&self, n: u64, tenant: &Tenant) -> Parts {
        let chosen = 1 + scatter(n) % tenant.users;
        let (id_of, base) = (id(chosen), format!("/{}", tenant.id));
        match self.operation {
            Operation::Create | Operation::Plain => {
                let name = self.new_name(n);
                let plain = self.operation == Operation::Plain;
                let path = if plain { "/plain".to_owned() } else { format!("{base}/users/{name}@corp.test") };
                let needle = format!("{name}@corp.test");
                Parts { method: "POST", path, body: user(&name), status: 201, needle, least: 0 }
            }
            Operation::Get => Parts::of_user(format!("{base}/users/{id_of}"), chosen),
            Operation::Filter => Parts::of_user(format!("{base}/names/{}@corp.test", name(chosen)), chosen),
            Operation::List => {
                let before = Self::page(tenant, n) * PAGE;
                let path = format!("{base}/after/{}", id(before));
                Parts::page(path, before + 1)
            }
            Operation::ExternalId => Parts::of_user(format!("{base}/external/{}", name(chosen)), chosen),
            Operation::Mail => Parts::of_user(format!("{base}/mails/{}@corp.test", name(chosen)), chosen),
            Operation::Contains => Parts::get(format!("{base}/containing/{}", piece(n)), format!("\"use{}", piece(n))),
            Operation::FirstPage => {
                let path = format!("{base}/after/{}", id(0));
                Parts::page(path, 1)
            }
            Operation::DeepPage => {
                let before = DEEP.min(tenant.users - PAGE) - 1;
                let path = format!("{base}/from/{before}");
                Parts::page(path, before + 1)
            }
            Operation::Patch => Parts {
                path: format!("{base}/users/{id_of}"),
                needle: format!("\"{}@corp.test", name(chosen)),
                ..patch_user(n, &id_of)
            },
            Operation::Member => {
                let (group, member) = self.group(n);
                let path = format!("{base}/groups/{group}/members/{}", id(member));
                Parts { method: "PATCH", path, body: "{}".to_owned(), status: 204, needle: String::new(), least: 0 }
            }
        }
    }
}

/// Entra's two dialects: with and without the feature flag `aadOptscim062020`.
fn patch_user(n: u64, id: &str) -> Parts {
    let title = format!("Analyst {n}");
    let operation = if n.is_multiple_of(2) {
        format!(r#"{{"op":"Replace","path":"title","value":"{title}"}}"#)
    } else {
        format!(r#"{{"op":"replace","value":{{"title":"{title}"}}}}"#)
    };
    Parts {
        method: "PATCH",
        path: format!("/scim/v2/Users/{id}"),
        body: format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{operation}]}}"#),
        status: 200,
        needle: title,
        least: 0,
    }
}
