//! The health of tenants, for operators: of one with all that it follows from, and of all of them, those in trouble first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scimgate_scim::error::ScimError;
use uuid::Uuid;

use crate::operation::client::Client;
use crate::operation::error::Error;
use crate::operation::health::look::{self, Looked};
use crate::operation::operator::{Operator, no_tenant};
use crate::operation::provisioning_log::row_id::first_id;
use crate::store::health::After;
use crate::store::health::traffic::Counts;
use crate::tenant::TenantId;

/// Most tenants of a page.
pub const MAX_PAGE: i64 = 100;
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// Longest cursor.
const MAX_CURSOR_BYTES: usize = 100;

/// The health of one tenant.
pub struct Shown {
    /// What was found, and by what.
    pub looked: Looked,
    /// When.
    pub now: SystemTime,
    /// Its SCIM client.
    pub client: Client,
    /// What its provider sent within the last day.
    pub day: Counts,
    /// The most frequent causes of failures in the last hour, and in the last day.
    pub causes: [Vec<(String, i64)>; 2],
    /// How many resources of each type it has.
    pub resources: Vec<(String, i64)>,
}

/// In which order tenants are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Those in trouble first.
    Health,
    /// By name.
    Name,
}

/// A page of tenants.
pub struct Listed {
    /// The tenants.
    pub tenants: Vec<Looked>,
    /// When.
    pub now: SystemTime,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// Shows the health of a tenant.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn get(operator: &Operator, name: &str) -> Result<Shown, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(name).await?);
    let (control, store, now) = (gateway.store.control(), gateway.store.tenant(tenant.id), gateway.clock.now());
    let row = control.health_of(tenant.id).await?.ok_or_else(|| no_tenant(name))?;
    let client = Client::read(row.client.clone());
    let before = |age| now.checked_sub(age).unwrap_or(UNIX_EPOCH);
    // First: what is counted meanwhile is in the verdict, though not in the counts. The other way round a verdict could contradict them.
    let mut day = Counts::default();
    let slots = control.traffic_since(&[(tenant.id, before(DAY))]).await?;
    slots.iter().for_each(|(_, slot)| day.add_all(&slot.counts));
    let looked = look::at(gateway, vec![row]).await?.pop().ok_or_else(|| no_tenant(name))?;
    let causes =
        [store.frequent_causes(first_id(before(HOUR))).await?, store.frequent_causes(first_id(before(DAY))).await?];
    let resources = store.resources_by_type().await?;
    Ok(Shown { looked, now, client, day, causes, resources })
}

/// Lists tenants, from a cursor on.
///
/// # Errors
/// 400 for a cursor that cannot be read.
pub async fn list(operator: &Operator, order: Order, cursor: Option<&str>, limit: i64) -> Result<Listed, Error> {
    let gateway = &operator.gateway;
    let after = after(order, cursor).ok_or_else(|| ScimError::new(400, "cursor must be next of the page before."))?;
    let limit = limit.clamp(1, MAX_PAGE);
    let rows = gateway.store.control().health_listed(&after, limit).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let next = rows.last().filter(|_| is_full).map(|last| match (order, &last.decided) {
        (Order::Name, _) | (Order::Health, None) => last.name.clone(),
        (Order::Health, Some(decided)) => format!("{}:{}", decided.rank, last.id),
    });
    let now = gateway.clock.now();
    Ok(Listed { tenants: look::at(gateway, rows).await?, now, next })
}

fn after(order: Order, cursor: Option<&str>) -> Option<After> {
    if cursor.is_some_and(|cursor| cursor.len() > MAX_CURSOR_BYTES || cursor.contains('\0')) {
        return None;
    }
    match (order, cursor) {
        (Order::Name, name) => Some(After::Name(name.unwrap_or_default().to_owned())),
        (Order::Health, None) => Some(After::Rank(i16::MAX, TenantId(Uuid::max()))),
        (Order::Health, Some(cursor)) => {
            let (rank, id) = cursor.split_once(':')?;
            Some(After::Rank(rank.parse().ok()?, TenantId(id.parse().ok()?)))
        }
    }
}
