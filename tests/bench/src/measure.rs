//! Runs a workload: every competitor for a slice, in turns, so that what drifts in the machine hits all alike.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::Arguments;
use crate::admin::Admin;
use crate::failed::Failed;
use crate::load::{self, Slice};
use crate::process::family_time;
use crate::request::{Operation, Requests, Side, Workload};
use crate::seed::{Place, Tenant, settle};
use crate::statistic::percentile;

/// One who takes part in a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Competitor {
    pub(crate) side: Side,
    pub(crate) operation: Operation,
    /// With the tutorial's mapping.
    pub(crate) mapped: bool,
    /// Groups that get members.
    pub(crate) groups: usize,
}

/// One slice.
#[derive(Clone, Copy, Debug)]
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
    pub(crate) workload: Workload,
    pub(crate) outcomes: Vec<Outcome>,
}

/// Groups of the spread kind of member changes.
const SPREAD: usize = 20;
impl Competitor {
    const fn new(side: Side, operation: Operation) -> Self {
        Self { side, operation, mapped: false, groups: 0 }
    }

    const fn mapped(operation: Operation) -> Self {
        Self { mapped: true, ..Self::new(Side::Gateway, operation) }
    }

    const fn adding(side: Side, groups: usize) -> Self {
        Self { groups, ..Self::new(side, Operation::Member) }
    }

    /// Its name in the tables.
    pub(crate) fn name(&self) -> String {
        let side = match (self.side, self.operation) {
            (_, Operation::Plain) => "one-row insert",
            (Side::Gateway, _) => "gateway",
            (Side::Floor, _) => "floor",
        };
        let how = match (self.mapped, self.groups) {
            (true, _) => " with mapping",
            (_, 0) => "",
            (_, 1) => ", one group",
            _ => ", twenty groups",
        };
        format!("{side}{how}")
    }

    fn writes(&self) -> bool {
        !matches!(self.operation, Operation::Get | Operation::Filter | Operation::List)
    }
}

fn competitors(workload: Workload) -> Vec<Competitor> {
    let both = |operation| vec![Competitor::new(Side::Gateway, operation), Competitor::new(Side::Floor, operation)];
    match workload {
        Workload::Create => {
            let mut all = both(Operation::Create);
            all.extend([Competitor::mapped(Operation::Create), Competitor::new(Side::Floor, Operation::Plain)]);
            all
        }
        Workload::Get => both(Operation::Get),
        Workload::Filter => both(Operation::Filter),
        Workload::List => both(Operation::List),
        Workload::Patch => {
            let mut all = both(Operation::Patch);
            all.push(Competitor::mapped(Operation::Patch));
            all
        }
        Workload::Members => vec![
            Competitor::adding(Side::Gateway, SPREAD),
            Competitor::adding(Side::Gateway, 1),
            Competitor::adding(Side::Floor, SPREAD),
            Competitor::adding(Side::Floor, 1),
        ],
    }
}

/// Measures a workload.
pub(crate) async fn workload(arguments: &Arguments, place: &Place, workload: Workload) -> Result<Measurement, Failed> {
    let competitors = competitors(workload);
    let mut outcomes: Vec<Outcome> =
        competitors.iter().map(|&competitor| Outcome { competitor, slices: Vec::new() }).collect();
    let counters: Vec<Arc<AtomicU64>> = competitors.iter().map(|_| Arc::default()).collect();
    // The first is for the caches, and is not counted.
    for turn in 0..=arguments.turns {
        let time = if turn == 0 { Duration::from_millis(700) } else { Duration::from_secs(arguments.seconds) };
        let mut order: Vec<usize> = (0..competitors.len()).collect();
        if turn % 2 == 0 {
            order.reverse();
        }
        for index in order {
            let tenants = match competitors[index] {
                Competitor { mapped: true, .. } => &place.mapped,
                Competitor { operation: Operation::Member, .. } => &place.crowd,
                _ => &place.plain,
            };
            let requests = requests(place, competitors[index], tenants, &counters[index]).await?;
            let measured = slice(arguments, place, requests, time).await?;
            if turn > 0 {
                outcomes[index].slices.push(measured);
            }
        }
        eprint!("{}", if turn == arguments.turns { "\n" } else { "." });
    }
    Ok(Measurement { workload, outcomes })
}

async fn requests(
    place: &Place,
    competitor: Competitor,
    tenants: &[Tenant],
    counter: &Arc<AtomicU64>,
) -> Result<Requests, Failed> {
    let adds = competitor.operation == Operation::Member;
    let groups = match competitor.side {
        Side::Floor => (0..competitor.groups).map(|_| Uuid::now_v7()).collect(),
        Side::Gateway => new_groups(place, &tenants[0], competitor.groups).await?,
    };
    let label = match (competitor.side, competitor.mapped) {
        (Side::Floor, _) => "floor",
        (Side::Gateway, true) => "mapped",
        (Side::Gateway, false) => "plain",
    };
    Ok(Requests {
        side: competitor.side,
        operation: competitor.operation,
        tenants: tenants.to_vec(),
        groups,
        label,
        // New groups take the members from the first on.
        next: if adds { Arc::default() } else { counter.clone() },
    })
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

async fn slice(arguments: &Arguments, place: &Place, requests: Requests, time: Duration) -> Result<Measured, Failed> {
    let server = match requests.side {
        Side::Gateway => &place.gateway,
        Side::Floor => &place.floor,
    };
    let (side, writes) = (requests.side, requests.operation);
    let (next, pairs) = (requests.next.clone(), requests.groups.len() as u64 * requests.tenants[0].users);
    settle(&place.superuser).await?;
    let before = (server.processor_time(), family_time(place.postmaster));
    let slice = load::run(server.address, arguments.clients, time, Arc::new(requests)).await?;
    if side == Side::Gateway && (Competitor::new(side, writes)).writes() {
        settle(&place.superuser).await?;
    }
    let after = (server.processor_time(), family_time(place.postmaster));
    if pairs > 0 && next.load(std::sync::atomic::Ordering::Relaxed) > pairs {
        return Err(Failed::because("there are too few users for so many new members: give more --users"));
    }
    Ok(measured(&slice, after.0 - before.0, after.1 - before.1))
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
