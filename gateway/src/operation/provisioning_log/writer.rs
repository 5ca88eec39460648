//! Writes what is in the queue, a batch at a time. What the database does not take now is tried again; what it refuses is counted.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::row_id::id_at;
use super::{BATCH_ROWS, Ended, ProvisioningLog, Taken, kinds, reads, row};
use crate::operation::health::traffic::{ListSent, Traffic};
use crate::operation::pace::Pace;
use crate::operation::request_facts::Claimed;
use crate::store::provisioning_log::{LOST, LogRow};
use crate::store::{self, Store};
use crate::telemetry::chain;
use crate::tenant::TenantId;

/// Rows of refused credentials and of requests beyond a limit that one process writes of a tenant within a minute; further ones are counted.
const MAX_REFUSED_PER_MINUTE: u32 = 60;
/// Tenants of which refused credentials are counted.
const MAX_COUNTED_TENANTS: usize = 10_000;
const MINUTE: Duration = Duration::from_mins(1);
/// Between two rows of a tenant that tell of missing ones.
const LOST_INTERVAL: Duration = Duration::from_secs(5);

type Unwritten = (Taken, Vec<(TenantId, LogRow)>, bool);

/// Writes the rows of one process.
#[derive(Default)]
pub struct Writer {
    /// A batch that is not written yet: its rows, and whether they may be stored already.
    unwritten: Option<Unwritten>,
    /// Refused credentials in the current minute.
    refused: HashMap<TenantId, u32>,
    minute: Option<SystemTime>,
    /// Rows of each tenant that are missing, and that no row tells of yet.
    lost: HashMap<TenantId, i64>,
    /// When rows were written that told of missing ones.
    lost_at: Option<Instant>,
    /// What the rows count for the health of their tenants.
    traffic: Traffic,
}

impl Writer {
    /// Writes a batch; returns whether there may be more.
    ///
    /// # Errors
    /// The database is unavailable; the batch is kept.
    pub async fn write(&mut self, log: &ProvisioningLog, store: &Store) -> Result<bool, store::Error> {
        if self.unwritten.is_none() {
            let taken = log.begin_batch();
            let tells_lost = !self.lost.is_empty() && is_due(self.lost_at);
            if taken.requests.is_empty() && taken.lost.is_empty() && !tells_lost {
                return Ok(false);
            }
            self.unwritten = Some((taken, Vec::new(), false));
        }
        self.make_rows(log, store).await?;
        let Some((taken, rows, again)) = &mut self.unwritten else { return Ok(false) };
        let mut added = store.control().add_to_provisioning_log(rows, *again).await;
        if matches!(added, Err(store::Error::Conflict { .. })) {
            // As where a day's partition was added at the same moment.
            added = store.control().add_to_provisioning_log(rows, true).await;
        }
        match added {
            Ok(()) => {}
            Err(error @ (store::Error::Unavailable { .. } | store::Error::Conflict { .. })) => {
                *again = true;
                return Err(error);
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "the database refuses rows of the provisioning log");
                // One of them is the reason; those that it takes are gone from the batch.
                while let Some(row) = rows.last() {
                    match store.control().add_to_provisioning_log(std::slice::from_ref(row), true).await {
                        Err(away @ (store::Error::Unavailable { .. } | store::Error::Conflict { .. })) => {
                            *again = true;
                            return Err(away);
                        }
                        Err(_) => log.count_lost(row.0, row.1.rows.unwrap_or(1)),
                        Ok(()) => log.count_written(std::slice::from_ref(row)),
                    }
                    rows.pop();
                }
            }
        }
        log.count_written(rows);
        log.end_batch(taken);
        let is_full = taken.rows >= BATCH_ROWS;
        self.unwritten = None;
        Ok(is_full)
    }

    /// Tells with the next batch how many rows are missing.
    pub fn tell_lost(&mut self) {
        self.lost_at = None;
    }

    /// Stores what was counted for the health of tenants, if it is time or `now` says so.
    ///
    /// # Errors
    /// The database is unavailable; what was counted is kept.
    pub async fn flush_traffic(&mut self, store: &Store, now: bool) -> Result<(), store::Error> {
        self.traffic.flush(store, now).await
    }

    /// Makes the rows of what was taken. Tenants that are known by their names are looked up first.
    async fn make_rows(&mut self, log: &ProvisioningLog, store: &Store) -> Result<(), store::Error> {
        let Some((taken, rows, _)) = &mut self.unwritten else { return Ok(()) };
        if !rows.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = taken
            .requests
            .iter()
            .filter_map(|ended| if let Claimed::Name(name) = &ended.whose { Some(name.as_str()) } else { None })
            .collect();
        let named = if names.is_empty() { HashMap::new() } else { store.control().tenants_by_names(&names).await? };
        let now = log.clock.now();
        if self.minute.is_none_or(|minute| now.duration_since(minute).is_ok_and(|since| since >= MINUTE)) {
            (self.minute, self.refused) = (Some(now), HashMap::new());
        }
        let mut of_tenants: HashMap<TenantId, Vec<LogRow>> = HashMap::new();
        let mut pace = Pace::begin();
        for ended in taken.requests.drain(..) {
            pace.step().await;
            let tenant = match &ended.whose {
                Claimed::Id(tenant) => Some(*tenant),
                Claimed::Name(name) => named.get(name).copied(),
            };
            let Some(tenant) = tenant else { continue };
            // What strangers send, and what a client sends beyond its rate.
            let is_limited = ended.facts.refusal.as_ref().is_some_and(|refusal| refusal.limit.is_some());
            if (ended.facts.credential.is_none() || is_limited) && !is_counted(&mut self.refused, tenant) {
                *taken.lost.entry(tenant).or_default() += 1;
                log.left_out.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let list = list_sent(&ended);
            let rows = row::rows_of(ended);
            self.traffic.note(tenant, &rows, list);
            of_tenants.entry(tenant).or_default().extend(rows);
        }
        for (tenant, count) in taken.lost.drain() {
            *self.lost.entry(tenant).or_default() += count;
        }
        if is_due(self.lost_at) {
            self.lost_at = Some(Instant::now()).filter(|_| !self.lost.is_empty());
            for (tenant, count) in self.lost.drain() {
                let (id, operation) = (id_at(now, rand::random()), LOST.into());
                let lost = LogRow { id, operation, rows: Some(count), ..LogRow::default() };
                of_tenants.entry(tenant).or_default().push(lost);
            }
        }
        for (tenant, of_tenant) in of_tenants {
            let (read, mut others): (Vec<_>, Vec<_>) = of_tenant.into_iter().partition(is_plain_read);
            others.extend(reads::together(sorted(read)));
            rows.extend(others.into_iter().map(|row| (tenant, row)));
        }
        Ok(())
    }
}

fn is_due(last: Option<Instant>) -> bool {
    last.is_none_or(|at| at.elapsed() >= LOST_INTERVAL)
}

/// The list that a request was sent.
fn list_sent(ended: &Ended) -> Option<ListSent> {
    let facts = &ended.facts;
    // A search has its filter in the body.
    let is_of_all = facts.method == "GET" && facts.query.as_deref().is_none_or(|query| !query.contains("filter="));
    facts.page.map(|page| ListSent { page, is_of_all })
}

fn sorted(mut rows: Vec<LogRow>) -> Vec<LogRow> {
    rows.sort_by_key(|row| row.id);
    rows
}

/// Whether a row may lie in one with others.
fn is_plain_read(row: &LogRow) -> bool {
    row.status < 400 && kinds::only_reads(&row.operation)
}

/// Whether a refused credential of a tenant has a row of its own.
fn is_counted(refused: &mut HashMap<TenantId, u32>, tenant: TenantId) -> bool {
    if refused.len() >= MAX_COUNTED_TENANTS && !refused.contains_key(&tenant) {
        return false;
    }
    let count = refused.entry(tenant).or_default();
    *count += 1;
    *count <= MAX_REFUSED_PER_MINUTE
}
