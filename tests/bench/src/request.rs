//! The requests of a slice, and what each response must contain.

use std::fmt::{Arguments, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode};
use memchr::memmem;
use uuid::Uuid;

use crate::client;
use crate::competitor::{Competitor, Side};
use crate::tenant::{Tenant, User};
use crate::user;
use crate::workload::Workload;

/// Users per page.
const PAGE: u64 = 100;
/// The first position of page 5,000.
const DEEP_START_INDEX: u64 = 499_901;
/// A page of users has at least this many bytes.
const MIN_PAGE_BYTES: usize = 200_000;

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
    fn user(user: User) -> Self {
        Self::new(StatusCode::OK, format!("\"{}@corp.test", user::name(user.number)))
    }

    /// A page that contains a user.
    fn page(first: User) -> Self {
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
        let (method, path, body, expected) = self.parts(n, tenant)?;
        let is_gateway = matches!(self.competitor.side, Side::Gateway | Side::Rival);
        let token = is_gateway.then_some(tenant.token.as_str());
        Ok((client::request(method, &path, token, body)?, expected))
    }

    fn parts(&self, n: u64, tenant: &Tenant) -> Result<(Method, String, String, Expected)> {
        let users = tenant.users.len();
        let user = tenant.users[usize::try_from(scatter(n) % users as u64)?];
        Ok(match self.workload {
            Workload::Create => self.create(n, tenant),
            Workload::PatchEmail => self.patch_email(n, tenant, user),
            Workload::PatchActive => self.patch_active(n, tenant, tenant.users[usize::try_from(n)? % users]),
            Workload::Members | Workload::GroupSizes => self.add_member(usize::try_from(n)?, tenant)?,
            _ => {
                let (path, expected) = self.read(n, tenant, user)?;
                (Method::GET, path, String::new(), expected)
            }
        })
    }

    /// A path of the gateway, the bare handler or the floor.
    fn path(&self, tenant: &Tenant, gateway: Arguments<'_>, other: Arguments<'_>) -> String {
        match self.competitor.side {
            Side::Gateway | Side::Rival => format!("/scim/v2/{gateway}"),
            Side::Bare => format!("/bare/{other}"),
            Side::Floor => format!("/floor/{}/{other}", tenant.id),
        }
    }

    fn create(&self, n: u64, tenant: &Tenant) -> (Method, String, String, Expected) {
        let name = format!("new{n}");
        let path = self.path(tenant, format_args!("Users"), format_args!("users/{name}"));
        let expected = Expected::new(StatusCode::CREATED, format!("\"{name}@corp.test"));
        (Method::POST, path, user::json(&name), expected)
    }

    fn patch_email(&self, n: u64, tenant: &Tenant, user: User) -> (Method, String, String, Expected) {
        let name = user::name(user.number);
        let value = format!("\"{name}.{n}@corp.test\"");
        let operation = format!(r#"{{"op":"Replace","path":"emails[type eq \"work\"].value","value":{value}}}"#);
        let id = user.id;
        let other = format_args!("users/{id}/emails.0.value/%22{name}.{n}%40corp.test%22");
        let path = self.path(tenant, format_args!("Users/{id}"), other);
        (Method::PATCH, path, patch_body(&operation), Expected::new(StatusCode::OK, value))
    }

    /// Visits all users in turns: one visit deactivates them, the next activates them.
    fn patch_active(&self, n: u64, tenant: &Tenant, user: User) -> (Method, String, String, Expected) {
        let active = n / tenant.users.len() as u64 % 2 == 1;
        let operation = format!(r#"{{"op":"Replace","path":"active","value":{active}}}"#);
        let id = user.id;
        let path = self.path(tenant, format_args!("Users/{id}"), format_args!("users/{id}/active/{active}"));
        // PostgreSQL prints jsonb with a space.
        let part = match self.competitor.side {
            Side::Gateway | Side::Rival => format!("\"active\":{active}"),
            Side::Bare | Side::Floor => format!("\"active\": {active}"),
        };
        (Method::PATCH, path, patch_body(&operation), Expected::new(StatusCode::OK, part))
    }

    /// Every member of a group is a different user.
    fn add_member(&self, n: usize, tenant: &Tenant) -> Result<(Method, String, String, Expected)> {
        let group = self.groups[n % self.groups.len()];
        let member = tenant.users.get(n / self.groups.len());
        let member = member.context("there are too few users for so many new members: increase --users")?.id;
        let path = self.path(tenant, format_args!("Groups/{group}"), format_args!("groups/{group}/members/{member}"));
        let operation = format!(r#"{{"op":"Add","path":"members","value":[{{"value":"{member}"}}]}}"#);
        Ok((Method::PATCH, path, patch_body(&operation), Expected::new(StatusCode::NO_CONTENT, String::new())))
    }

    fn read(&self, n: u64, tenant: &Tenant, user: User) -> Result<(String, Expected)> {
        let (id, name) = (user.id, user::name(user.number));
        let of_user = |path| (path, Expected::user(user));
        Ok(match self.workload {
            // The bare handler looks for the whole name.
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
                let before = n % (tenant.users.len() as u64 / PAGE).max(1) * PAGE;
                let first = tenant.users[usize::try_from(before)?];
                self.page(tenant, before, first, format_args!("from-id/{}", first.id))
            }
            Workload::FirstPage => {
                let first = tenant.users[0];
                self.page(tenant, 0, first, format_args!("from-id/{}", first.id))
            }
            Workload::DeepPage => {
                let before = (DEEP_START_INDEX - 1).min(tenant.users.len() as u64 - PAGE);
                self.page(tenant, before, tenant.users[usize::try_from(before)?], format_args!("from/{before}"))
            }
            _ => of_user(self.path(tenant, format_args!("Users/{id}"), format_args!("users/{id}"))),
        })
    }

    /// A user by an attribute.
    fn equal(&self, tenant: &Tenant, attribute: &str, value: impl Display) -> String {
        let filter = format_args!("Users?filter={attribute}%20eq%20%22{value}%22");
        self.path(tenant, filter, format_args!("{attribute}/{value}"))
    }

    /// The page after so many users.
    fn page(&self, tenant: &Tenant, before: u64, first: User, other: Arguments<'_>) -> (String, Expected) {
        let start_index = before + 1;
        let path = self.path(tenant, format_args!("Users?startIndex={start_index}&count={PAGE}"), other);
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
