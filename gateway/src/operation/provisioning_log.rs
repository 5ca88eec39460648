//! The provisioning log: one row for each SCIM request and each operation of a bulk request. A request that has ended leaves its facts in
//! a bounded queue; `work/provisioning_log.rs` makes rows of them and writes those, off the request's path.

pub mod causes;
mod details;
pub mod kinds;
mod query;
pub mod reads;
pub mod redaction;
mod row;
pub mod row_id;
pub mod writer;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::operation::request_facts::{Claimed, Facts};
use crate::operation::resource::record::Written;
use crate::store::provisioning_log::{LOST, LogRow};
use crate::tenant::TenantId;

/// Most rows that are not written yet, of all tenants.
const MAX_QUEUED_ROWS: usize = 20_000;
/// … and the bytes of what they are made of.
const MAX_QUEUED_BYTES: usize = 64 << 20;
/// Most of these rows whose tenant is known by the address alone: strangers send them.
const MAX_QUEUED_CLAIMS: usize = 1_000;
/// Tenants whose missing rows are counted apart; of further ones they are counted together alone.
const MAX_LOSING_TENANTS: usize = 10_000;
/// What a request takes in the queue without documents.
const REQUEST_BYTES: usize = 1_500;
/// Rows of one statement.
pub const BATCH_ROWS: usize = 500;

/// A request that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// When.
    at: SystemTime,
    whose: Claimed,
    /// The number of its first row in this process: rows of one moment are in this order.
    number: u64,
    facts: Box<Facts>,
}

impl Ended {
    fn rows(&self) -> usize {
        1 + self.facts.operations.len()
    }

    fn bytes(&self) -> usize {
        let of_operations = self.facts.operations.iter().filter_map(|operation| operation.write.as_ref());
        let writes: usize = self.facts.writes.iter().chain(of_operations).map(Written::bytes).sum();
        let warnings: usize = self.facts.warnings.iter().map(|warning| warning.attribute.len()).sum();
        writes + warnings + self.facts.query.as_ref().map_or(0, String::len) + self.rows() * REQUEST_BYTES
    }
}

/// The queue, and what became of its rows.
pub struct ProvisioningLog {
    clock: Clock,
    is_on: AtomicBool,
    state: Mutex<State>,
    /// Enough rows for a statement are there.
    filled: Notify,
    written: AtomicU64,
    lost: AtomicU64,
    left_out: AtomicU64,
}

#[derive(Default)]
struct State {
    requests: VecDeque<Ended>,
    /// Rows of those in the queue, and of those that are being written.
    rows: usize,
    bytes: usize,
    claims: usize,
    /// Rows that were taken since the process began.
    number: u64,
    lost: HashMap<TenantId, i64>,
}

/// What is being written: it has its part of the bounds until then.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    requests: Vec<Ended>,
    rows: usize,
    bytes: usize,
    claims: usize,
    /// Rows of each tenant that are missing.
    lost: HashMap<TenantId, i64>,
}

impl ProvisioningLog {
    /// An empty queue; the log is on.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            is_on: AtomicBool::new(true),
            state: Mutex::default(),
            filled: Notify::new(),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Switches the log on or off.
    pub fn switch(&self, on: bool) {
        self.is_on.store(on, Ordering::Relaxed);
    }

    /// Whether requests are logged.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Rows that are not written yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state().rows
    }

    /// Rows that were written since the process began.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Rows that were lost since the process began: there was no room for them, or the database refused them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Rows that strangers could have written without end, and were left out since the process began: refused credentials, and requests
    /// beyond a rate.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Takes the facts of a SCIM request that has ended. One that finds no room is counted.
    pub fn take(&self, facts: Facts) {
        let whose = match (facts.tenant(), &facts.claimed) {
            (Some(tenant), _) => Claimed::Id(tenant),
            (None, Some(claimed)) => claimed.clone(),
            (None, None) => return,
        };
        if !self.is_on() {
            return;
        }
        let is_claim = facts.tenant().is_none();
        let mut ended = Ended { at: self.clock.now(), whose, number: 0, facts: Box::new(facts) };
        let (rows, bytes) = (ended.rows(), ended.bytes());
        let mut state = self.state();
        let is_full = state.rows + rows > MAX_QUEUED_ROWS || state.bytes + bytes > MAX_QUEUED_BYTES;
        if is_full || is_claim && state.claims >= MAX_QUEUED_CLAIMS {
            if let Claimed::Id(tenant) = ended.whose
                && (state.lost.len() < MAX_LOSING_TENANTS || state.lost.contains_key(&tenant))
            {
                *state.lost.entry(tenant).or_default() += i64::try_from(rows).unwrap_or(i64::MAX);
            }
            let counter = if is_claim { &self.left_out } else { &self.lost };
            counter.fetch_add(rows as u64, Ordering::Relaxed);
            return;
        }
        state.claims += usize::from(is_claim);
        state.bytes += bytes;
        let before = state.rows;
        state.rows += rows;
        ended.number = state.number;
        state.number += rows as u64;
        state.requests.push_back(ended);
        let is_filled = before < BATCH_ROWS && state.rows >= BATCH_ROWS;
        drop(state);
        if is_filled {
            self.filled.notify_one();
        }
    }

    /// Returns once enough rows for a statement may be there.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// The oldest requests, with about so many rows as one statement has.
    fn begin_batch(&self) -> Taken {
        let mut state = self.state();
        let mut taken = Taken { lost: std::mem::take(&mut state.lost), ..Taken::default() };
        while taken.rows < BATCH_ROWS
            && let Some(ended) = state.requests.pop_front()
        {
            taken.rows += ended.rows();
            taken.bytes += ended.bytes();
            taken.claims += usize::from(ended.facts.tenant().is_none());
            taken.requests.push(ended);
        }
        taken
    }

    /// What was taken has been written, or is lost.
    fn end_batch(&self, taken: &Taken) {
        let mut state = self.state();
        state.rows = state.rows.saturating_sub(taken.rows);
        state.bytes = state.bytes.saturating_sub(taken.bytes);
        state.claims = state.claims.saturating_sub(taken.claims);
    }

    fn count_written(&self, rows: &[(TenantId, LogRow)]) {
        let requests = rows.iter().filter(|(_, row)| row.operation != LOST).map(|(_, row)| row.rows.unwrap_or(1));
        self.written.fetch_add(u64::try_from(requests.sum::<i64>()).unwrap_or_default(), Ordering::Relaxed);
    }

    fn count_lost(&self, tenant: TenantId, rows: i64) {
        *self.state().lost.entry(tenant).or_default() += rows;
        self.lost.fetch_add(u64::try_from(rows).unwrap_or_default(), Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(tenant: u128) -> Facts {
        Facts { claimed: Some(Claimed::Id(TenantId(uuid::Uuid::from_u128(tenant)))), ..Facts::default() }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_what_is_being_written_has_its_room() {
        let log = ProvisioningLog::new(Clock::set_to(SystemTime::UNIX_EPOCH));
        for _ in 0..MAX_QUEUED_CLAIMS + 7 {
            log.take(facts(1));
        }
        assert_eq!((log.waiting(), log.left_out()), (MAX_QUEUED_CLAIMS, 7));
        let taken = log.begin_batch();
        assert_eq!((taken.rows, taken.lost.values().sum::<i64>()), (BATCH_ROWS, 7));
        log.take(facts(1));
        assert_eq!((log.waiting(), log.left_out()), (MAX_QUEUED_CLAIMS, 8), "the batch is not written yet");
        log.end_batch(&taken);
        log.take(facts(1));
        assert_eq!((log.waiting(), log.left_out()), (MAX_QUEUED_CLAIMS - BATCH_ROWS + 1, 8));
        log.switch(false);
        log.take(facts(1));
        log.take(Facts::default());
        assert_eq!(log.waiting(), MAX_QUEUED_CLAIMS - BATCH_ROWS + 1);
    }
}
