//! Runs a workload: every competitor for a slice, in turns, so that what drifts in the machine hits all alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::Arguments;
use crate::admin::Admin;
use crate::competitor::{Competitor, competitors};
use crate::failed::Failed;
use crate::load::{self, Slice};
use crate::pgbench::{self, Run};
use crate::process::{Server, family_time};
use crate::request::{Operation, Requests, Side, Workload};
use crate::seed::{Place, Tenant, settle};
use crate::setting::Setting;
use crate::statistic::percentile;

/// One slice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Microseconds of the server's processor time a request, the work that it does afterwards included.
    pub(crate) server: f64,
    /// The database's, likewise.
    pub(crate) database: f64,
    /// Latency in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// What a competitor reached, turn by turn.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) competitor: Competitor,
    pub(crate) slices: Vec<Measured>,
}

/// A workload's outcomes.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    pub(crate) setting: Setting,
    pub(crate) workload: Workload,
    pub(crate) outcomes: Vec<Outcome>,
}

/// For the caches, before the turns that count.
const WARMING: Duration = Duration::from_millis(700);

/// Measures a workload.
pub(crate) async fn workload(
    arguments: &Arguments,
    place: &Place,
    setting: Setting,
    workload: Workload,
) -> Result<Measurement, Failed> {
    let competitors = competitors(workload, setting);
    let counters: Vec<Arc<AtomicU64>> = competitors.iter().map(|_| Arc::default()).collect();
    let outcome = |&competitor: &Competitor| Outcome { competitor, slices: Vec::new() };
    let mut outcomes: Vec<Outcome> = competitors.iter().map(outcome).collect();
    for turn in 0..=arguments.turns {
        let time = if turn == 0 { WARMING } else { Duration::from_secs(arguments.seconds) };
        let mut order: Vec<usize> = (0..competitors.len()).collect();
        // There and back again: who comes first in one turn comes last in the next.
        if turn % 2 == 0 {
            order.reverse();
        }
        for index in order {
            let slot = Slot { arguments, place, workload, competitor: competitors[index], setting, time };
            let measured = slot.measure(&counters[index]).await?;
            if turn > 0 {
                outcomes[index].slices.push(measured);
            }
        }
        eprint!("{}", if turn == arguments.turns { "\n" } else { "." });
    }
    Ok(Measurement { setting, workload, outcomes })
}

/// A competitor's slice.
struct Slot<'a> {
    arguments: &'a Arguments,
    place: &'a Place,
    workload: Workload,
    competitor: Competitor,
    setting: Setting,
    time: Duration,
}

impl Slot<'_> {
    async fn measure(&self, counter: &Arc<AtomicU64>) -> Result<Measured, Failed> {
        let (place, competitor) = (self.place, self.competitor);
        let tenants = self.setting.tenants(place, self.workload, &competitor);
        let server = match competitor.side {
            Side::Gateway => Some(&place.gateway),
            Side::Floor => Some(&place.floor),
            Side::Pgbench => None,
        };
        let requests = self.requests(tenants, counter).await?;
        settle(&place.superuser).await?;
        let time = || (server.map_or(0, Server::processor_time), family_time(place.postmaster));
        let before = time();
        let slice = match server {
            Some(server) => self.load(server, requests, tenants).await?,
            None => self.pgbench(&tenants[0], counter).await?,
        };
        if competitor.side == Side::Gateway {
            settle(&place.superuser).await?;
        }
        let after = time();
        Ok(measured(&slice, after.0 - before.0, after.1 - before.1))
    }

    async fn load(&self, server: &Server, requests: Requests, tenants: &[Tenant]) -> Result<Slice, Failed> {
        let next = requests.next.clone();
        let slice = load::run(server.address, self.clients(), self.time, Arc::new(requests)).await?;
        let pairs = self.competitor.groups as u64 * tenants[0].users;
        if self.competitor.adds() && next.load(Ordering::Relaxed) > pairs {
            return Err(Failed::because("there are too few users for so many new members: give more --users"));
        }
        Ok(slice)
    }

    fn clients(&self) -> usize {
        self.workload.clients(self.arguments.clients)
    }

    async fn pgbench(&self, tenant: &Tenant, counter: &Arc<AtomicU64>) -> Result<Slice, Failed> {
        let base = counter.fetch_add(self.competitor.groups as u64, Ordering::Relaxed);
        // Both kinds of member changes count from the start.
        let base = base + 1_000_000 * self.competitor.groups as u64 + u64::from(!self.setting.durable) * 500_000;
        let (operation, groups) = (self.competitor.operation, self.competitor.groups);
        let run = Run { operation, tenant, clients: self.clients(), time: self.time, groups, base };
        pgbench::slice(self.place, &run).await
    }

    async fn requests(&self, tenants: &[Tenant], counter: &Arc<AtomicU64>) -> Result<Requests, Failed> {
        let Competitor { side, operation, groups, .. } = self.competitor;
        let groups = match side {
            Side::Gateway => new_groups(self.place, &tenants[0], groups).await?,
            Side::Floor | Side::Pgbench => (0..groups).map(|_| Uuid::now_v7()).collect(),
        };
        let database = if side == Side::Gateway { &self.place.superuser } else { &self.place.floor_database };
        fill(database, &tenants[0], &groups, self.competitor.size).await?;
        let label = format!("{}-{}-", self.setting.name, self.competitor.name().replace(", ", "-").replace(' ', "-"));
        // New groups take the members from the first on.
        let next = if operation == Operation::Member { Arc::default() } else { counter.clone() };
        Ok(Requests { side, operation, tenants: tenants.to_vec(), groups, label, next })
    }
}

/// Members that the groups have before: of no user, since nobody asks who they are.
async fn fill(database: &Client, tenant: &Tenant, groups: &[Uuid], size: u64) -> Result<(), Failed> {
    if size == 0 {
        return Ok(());
    }
    let statement = format!(
        "INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at) \
         SELECT $1, g, ('01830000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'User', now() \
         FROM unnest($2::uuid[]) g, generate_series(1, {size}) n"
    );
    let filled = database.execute(&statement, &[&tenant.id, &groups]).await;
    filled.map(drop).map_err(Failed::doing("filling groups"))
}

async fn new_groups(place: &Place, tenant: &Tenant, count: usize) -> Result<Vec<Uuid>, Failed> {
    let mut groups = Vec::with_capacity(count);
    if count == 0 {
        return Ok(groups);
    }
    let mut scim = Admin::open(place.gateway.address, &tenant.token).await?;
    for _ in 0..count {
        let name = Uuid::now_v7().to_string();
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
        let body = json!({ "schemas": schemas, "displayName": name, "externalId": name });
        let group = scim.send("POST", "/scim/v2/Groups", &body).await?;
        let id = group["id"].as_str().and_then(|id| id.parse().ok());
        groups.push(id.ok_or_else(|| Failed::because("a group was made without an id"))?);
    }
    Ok(groups)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests and of microseconds")]
fn measured(slice: &Slice, server: u64, database: u64) -> Measured {
    let requests = slice.requests.max(1) as f64;
    Measured {
        rate: requests / slice.seconds,
        server: server as f64 / requests,
        database: database as f64 / requests,
        p50: f64::from(percentile(&slice.latencies, 50)),
        p99: f64::from(percentile(&slice.latencies, 99)),
    }
}
