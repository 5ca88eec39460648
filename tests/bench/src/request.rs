//! The requests of a slice, and what each response must contain.

use std::fmt::{Arguments, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode};
use memchr::memmem;
use uuid::Uuid;

use crate::client;
use crate::competitor::{Competitor, Side, Variant};
use crate::tenant::Tenant;
use crate::user;
use crate::workload::Workload;

/// Users per page.
const PAGE: u64 = 100;
/// The first position of page 5,000.
const DEEP_START_INDEX: u64 = 499_901;
/// A page of users has at least this many bytes.
const MIN_PAGE_BYTES: usize = 20_000;

/// What a response must be.
pub(crate) struct Expected {
    status: StatusCode,
    /// A part of the body.
    part: String,
    min_bytes: usize,
}

impl Expected {
    fn new(status: StatusCode, part: String) -> Self {
        Self { status, part, min_bytes: 0 }
    }

    /// A user's name is in the body.
    fn user(user: u64) -> Self {
        Self::new(StatusCode::OK, format!("\"{}@corp.test", user::name(user)))
    }

    /// A page that contains a user.
    fn page(first: u64) -> Self {
        Self { min_bytes: MIN_PAGE_BYTES, ..Self::user(first) }
    }

    pub(crate) fn check(&self, status: StatusCode, body: &[u8]) -> Result<()> {
        let matches =
            status == self.status && body.len() >= self.min_bytes && memmem::find(body, self.part.as_bytes()).is_some();
        let shown = String::from_utf8_lossy(&body[..body.len().min(600)]);
        ensure!(matches, "expected {} with {}, got {status} with\n{shown}", self.status, self.part);
        Ok(())
    }
}

/// A source of requests.
pub(crate) struct Requests {
    pub(crate) workload: Workload,
    pub(crate) competitor: Competitor,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) groups: Vec<Uuid>,
    /// The number of the next request.
    pub(crate) counter: Arc<AtomicU64>,
}

impl Requests {
    /// The next request.
    pub(crate) fn next(&self) -> Result<(Request<Full<Bytes>>, Expected)> {
        let n = self.counter.fetch_add(1, Ordering::Relaxed);
        let tenant = &self.tenants[usize::try_from(n)? % self.tenants.len()];
        let (method, path, body, expected) = self.parts(n, tenant);
        let token = (self.competitor.side == Side::Gateway).then_some(tenant.token.as_str());
        Ok((client::request(method, &path, token, body)?, expected))
    }

    fn parts(&self, n: u64, tenant: &Tenant) -> (Method, String, String, Expected) {
        let user = 1 + scatter(n) % tenant.users;
        match self.workload {
            Workload::Create => self.create(n, tenant),
            Workload::Patch => self.patch(n, tenant, user),
            Workload::Members | Workload::GroupSizes => self.add_member(n, tenant),
            _ => {
                let (path, expected) = self.read(n, tenant, user);
                (Method::GET, path, String::new(), expected)
            }
        }
    }

    /// A path of the gateway or the floor.
    fn path(&self, tenant: &Tenant, gateway: Arguments<'_>, floor: Arguments<'_>) -> String {
        match self.competitor.side {
            Side::Gateway => format!("/scim/v2/{gateway}"),
            _ => format!("/{}/{floor}", tenant.id),
        }
    }

    fn create(&self, n: u64, tenant: &Tenant) -> (Method, String, String, Expected) {
        let name = format!("new{n}");
        let path = match self.competitor.variant {
            Variant::OneRow => "/plain".to_owned(),
            _ => self.path(tenant, format_args!("Users"), format_args!("users/{name}@corp.test")),
        };
        let expected = Expected::new(StatusCode::CREATED, format!("\"{name}@corp.test"));
        (Method::POST, path, user::json(&name), expected)
    }

    /// Entra's two dialects: with and without the feature flag `aadOptscim062020`.
    fn patch(&self, n: u64, tenant: &Tenant, user: u64) -> (Method, String, String, Expected) {
        let id = user::id(user);
        let path = self.path(tenant, format_args!("Users/{id}"), format_args!("users/{id}"));
        let title = format!("Analyst {n}");
        let operation = if n.is_multiple_of(2) {
            format!(r#"{{"op":"Replace","path":"title","value":"{title}"}}"#)
        } else {
            format!(r#"{{"op":"replace","value":{{"title":"{title}"}}}}"#)
        };
        let expected = match self.competitor.side {
            Side::Gateway => Expected::new(StatusCode::OK, title),
            // The floor stores the text that it read.
            _ => Expected::user(user),
        };
        (Method::PATCH, path, patch_body(&operation), expected)
    }

    /// Every member of a group is a different user.
    fn add_member(&self, n: u64, tenant: &Tenant) -> (Method, String, String, Expected) {
        let groups = self.groups.len() as u64;
        let group = self.groups[usize::try_from(n % groups).unwrap_or_default()];
        let member = user::id(1 + n / groups);
        let path = self.path(tenant, format_args!("Groups/{group}"), format_args!("groups/{group}/members/{member}"));
        let operation = format!(r#"{{"op":"Add","path":"members","value":[{{"value":"{member}"}}]}}"#);
        let expected = Expected::new(StatusCode::NO_CONTENT, String::new());
        (Method::PATCH, path, patch_body(&operation), expected)
    }

    fn read(&self, n: u64, tenant: &Tenant, user: u64) -> (String, Expected) {
        let (id, name) = (user::id(user), user::name(user));
        let of_user = |path| (path, Expected::user(user));
        match self.workload {
            Workload::Filter => of_user(self.equal(tenant, "userName", format_args!("{name}%40corp.test"))),
            Workload::Mail => of_user(self.equal(tenant, "emails.value", format_args!("{name}%40corp.test"))),
            Workload::ExternalId => of_user(self.equal(tenant, "externalId", format_args!("{name}"))),
            Workload::Contains => {
                let part = rare_part(n);
                let filter = format_args!("Users?filter=userName%20co%20%22{part}%22");
                let path = self.path(tenant, filter, format_args!("containing/{part}"));
                (path, Expected::new(StatusCode::OK, format!("\"use{part}")))
            }
            Workload::List => {
                let before = n % (tenant.users / PAGE).max(1) * PAGE;
                self.page(tenant, before, format_args!("after/{}", user::id(before)))
            }
            Workload::FirstPage => self.page(tenant, 0, format_args!("after/{}", user::id(0))),
            Workload::DeepPage => {
                let before = DEEP_START_INDEX.min(tenant.users - PAGE) - 1;
                self.page(tenant, before, format_args!("from/{before}"))
            }
            _ => of_user(self.path(tenant, format_args!("Users/{id}"), format_args!("users/{id}"))),
        }
    }

    /// A user by an attribute.
    fn equal(&self, tenant: &Tenant, attribute: &str, value: impl Display) -> String {
        let filter = format_args!("Users?filter={attribute}%20eq%20%22{value}%22");
        self.path(tenant, filter, format_args!("{attribute}/{value}"))
    }

    /// The page after so many users.
    fn page(&self, tenant: &Tenant, before: u64, floor: Arguments<'_>) -> (String, Expected) {
        let first = before + 1;
        let path = self.path(tenant, format_args!("Users?startIndex={first}&count={PAGE}"), floor);
        (path, Expected::page(first))
    }
}

fn patch_body(operation: &str) -> String {
    format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{operation}]}}"#)
}

/// A part of about ten names in a million.
fn rare_part(n: u64) -> String {
    format!("r{:05}", 10_000 + scatter(n) % 90_000)
}

/// Spreads consecutive numbers (the finaliser of `SplitMix64`).
fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
