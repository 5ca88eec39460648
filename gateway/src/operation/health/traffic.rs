//! Counts what providers send, by the rows of the provisioning log, and adds it to the tenants' rows of ten minutes now and then: a
//! request costs nothing more.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::operation::provisioning_log::row_id::moment_of;
use crate::operation::request_facts::Page;
use crate::store::health::CAUSES_HERE;
use crate::store::health::traffic::{Count, SLOT, Slot};
use crate::store::provisioning_log::LogRow;
use crate::store::{self, Store};
use crate::tenant::TenantId;

/// How long counts are only in memory: a process that is killed loses so much.
const FLUSH_INTERVAL: Duration = Duration::from_secs(2);
/// Rows of one statement.
const MAX_ROWS: usize = 1_000;
/// Tenants of which a process counts at once; what further ones send meanwhile is not counted.
const MAX_COUNTED_TENANTS: usize = 20_000;

/// What one process has counted and not stored yet.
#[derive(Debug, Default)]
pub struct Traffic {
    slots: HashMap<(TenantId, SystemTime), Slot>,
    flushed_at: Option<Instant>,
}

/// A list that was sent: its page, and whether it was asked for without a filter.
#[derive(Clone, Copy, Debug)]
pub struct ListSent {
    /// The page.
    pub page: Page,
    /// Whether it was of all resources.
    pub is_of_all: bool,
}

impl Traffic {
    /// Counts the rows of one request.
    pub fn note(&mut self, tenant: TenantId, rows: &[LogRow], list: Option<ListSent>) {
        for row in rows {
            let at = moment_of(row.id);
            let key = (tenant, slot_of(at));
            if self.slots.len() >= MAX_COUNTED_TENANTS && !self.slots.contains_key(&key) {
                return;
            }
            let slot = self.slots.entry(key).or_insert_with(|| Slot {
                begins: key.1,
                accepted: None,
                counts: crate::store::health::traffic::Counts::default(),
                total: 0,
            });
            count(slot, row, at, list);
        }
    }

    /// Stores what was counted, if it is time or `now` says so. What cannot be stored is kept.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn flush(&mut self, store: &Store, now: bool) -> Result<(), store::Error> {
        let is_due = self.flushed_at.is_none_or(|at| at.elapsed() >= FLUSH_INTERVAL);
        if !(now || is_due) || self.slots.is_empty() {
            return Ok(());
        }
        let all: Vec<(TenantId, Slot)> = self.slots.iter().map(|((tenant, _), slot)| (*tenant, *slot)).collect();
        for rows in all.chunks(MAX_ROWS) {
            store.control().add_traffic(rows).await?;
            for (tenant, slot) in rows {
                self.slots.remove(&(*tenant, slot.begins));
            }
        }
        self.flushed_at = Some(Instant::now());
        Ok(())
    }
}

/// When the ten minutes of a moment begin.
pub(super) fn slot_of(at: SystemTime) -> SystemTime {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UNIX_EPOCH + Duration::from_secs(seconds - seconds % SLOT.as_secs())
}

fn count(slot: &mut Slot, row: &LogRow, at: SystemTime, list: Option<ListSent>) {
    let counts = &mut slot.counts;
    if row.credential.is_none() {
        counts.add(Count::Refused, i64::from(row.status == 401));
        return;
    }
    slot.accepted = Some(slot.accepted.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    counts.add(Count::Requests, 1);
    if row.status >= 400 {
        if let Some(of) = failure(row) {
            counts.add(of, 1);
        }
        return;
    }
    match row.effect.as_deref() {
        Some("created") => counts.add(created(row), 1),
        Some("deleted") => counts.add(Count::Deleted, 1),
        Some(_) => counts.add(Count::Changed, 1),
        None => lookup(slot, row, list),
    }
}

fn created(row: &LogRow) -> Count {
    match row.resource_type.as_deref() {
        Some("User") => Count::Users,
        Some("Group") => Count::Groups,
        _ => Count::Others,
    }
}

/// What a refusal counts as. A 404 to a read or a deletion is an answer, and what an operator or the database is the cause of is not the
/// provider's failure.
fn failure(row: &LogRow) -> Option<Count> {
    if row.cause.as_deref().is_some_and(|cause| CAUSES_HERE.contains(&cause)) {
        return None;
    }
    match (row.status, row.operation.as_ref()) {
        (429, _) => Some(Count::Throttled),
        (404, "get" | "delete") | (_, "me") => None,
        _ => Some(Count::Failed),
    }
}

fn lookup(slot: &mut Slot, row: &LogRow, list: Option<ListSent>) {
    let counts = &mut slot.counts;
    match row.operation.as_ref() {
        "get" => {
            counts.add(Count::Lookups, 1);
            counts.add(Count::Found, 1);
        }
        "list" | "search" => {
            counts.add(Count::Lookups, 1);
            let Some(ListSent { page, is_of_all }) = list else { return };
            let returned = i64::try_from(page.returned).unwrap_or(i64::MAX);
            if is_of_all {
                counts.add(Count::Pages, 1);
                counts.add(Count::Listed, returned);
                slot.total = slot.total.max(page.total.and_then(|total| i64::try_from(total).ok()).unwrap_or(0));
            } else {
                counts.add(Count::Found, i64::from(returned > 0));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::operation::provisioning_log::row_id::id_at;

    type Case = (LogRow, Option<ListSent>, &'static [(Count, i64)]);

    fn row(operation: &'static str, status: i16, effect: Option<&'static str>) -> LogRow {
        LogRow {
            id: id_at(UNIX_EPOCH + Duration::from_secs(1_301), 1),
            operation: operation.into(),
            status,
            credential: Some(Uuid::nil()),
            resource_type: Some("User".into()),
            effect: effect.map(Into::into),
            ..LogRow::default()
        }
    }

    #[test]
    fn each_row_counts_as_what_it_means_for_the_health() {
        use Count::{Changed, Deleted, Failed, Found, Listed, Lookups, Pages, Refused, Requests, Throttled, Users};
        let list = |returned, is_of_all| {
            Some(ListSent { page: Page { start_index: Some(1), returned, total: Some(7) }, is_of_all })
        };
        let stranger = LogRow { credential: None, ..row("list", 401, None) };
        let here = |status, cause: &'static str| LogRow { cause: Some(cause.into()), ..row("create", status, None) };
        let cases: [Case; 15] = [
            (here(403, "tenant-suspended"), None, &[(Requests, 1)]),
            (here(503, "database-unavailable"), None, &[(Requests, 1)]),
            (here(409, "value-in-use"), None, &[(Requests, 1), (Failed, 1)]),
            (row("create", 201, Some("created")), None, &[(Requests, 1), (Users, 1)]),
            (row("patch", 200, Some("unchanged")), None, &[(Requests, 1), (Changed, 1)]),
            (row("delete", 204, Some("deleted")), None, &[(Requests, 1), (Deleted, 1)]),
            (row("list", 200, None), list(0, false), &[(Requests, 1), (Lookups, 1)]),
            (row("list", 200, None), list(1, false), &[(Requests, 1), (Lookups, 1), (Found, 1)]),
            (row("list", 200, None), list(5, true), &[(Requests, 1), (Lookups, 1), (Pages, 1), (Listed, 5)]),
            (row("get", 404, None), None, &[(Requests, 1)]),
            (row("delete", 404, None), None, &[(Requests, 1)]),
            (row("patch", 404, None), None, &[(Requests, 1), (Failed, 1)]),
            (row("create", 409, None), None, &[(Requests, 1), (Failed, 1)]),
            (row("create", 429, None), None, &[(Requests, 1), (Throttled, 1)]),
            (stranger, None, &[(Refused, 1)]),
        ];
        for (row, list, expected) in cases {
            let mut traffic = Traffic::default();
            traffic.note(TenantId(Uuid::nil()), std::slice::from_ref(&row), list);
            let slot = traffic.slots.into_values().next().unwrap();
            let mut counts = crate::store::health::traffic::Counts::default();
            expected.iter().for_each(|(of, number)| counts.add(*of, *number));
            assert_eq!(slot.counts, counts, "{row:?}");
            assert_eq!(slot.begins, UNIX_EPOCH + Duration::from_mins(20));
        }
    }
}
