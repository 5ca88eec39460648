//! Requests that only read and succeeded: many of them in one row, since a row of its own would cost as much as a tenth of the request.
//! Identity providers read far more than they write.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::row_id::{id_at, low_of, moment_of};
use crate::store::provisioning_log::{LogRow, READS};

/// From the first to the last request of one row at most: searches by time look so much further.
pub const MAX_SPAN: Duration = Duration::from_secs(1);
/// The last bits of the row's id count its requests.
const INDEX_BITS: u64 = 0xffff;

/// A request in the row, without what is the same for all.
#[derive(Serialize, Deserialize)]
struct Read(
    /// Microseconds before the last one.
    u64,
    /// The request's id.
    String,
    /// The operation.
    String,
    /// Status.
    i16,
    /// Duration in microseconds.
    i64,
    /// Credential.
    Option<Uuid>,
    /// Client.
    Option<String>,
    /// Address.
    Option<String>,
    /// Resource type.
    Option<String>,
    /// Resource.
    Option<Uuid>,
    /// Details.
    Option<String>,
);

/// One row for several that only read, in the order of time and of one tenant. Their ids follow from the row's.
#[must_use]
pub(super) fn together(rows: Vec<LogRow>) -> Vec<LogRow> {
    let mut all = Vec::new();
    let mut part: Vec<LogRow> = Vec::new();
    for row in rows {
        let is_within =
            |first: &LogRow| moment_of(row.id).duration_since(moment_of(first.id)).is_ok_and(|span| span <= MAX_SPAN);
        if !part.first().is_none_or(is_within) {
            all.extend(one_row(std::mem::take(&mut part)));
        }
        part.push(row);
    }
    all.extend(one_row(part));
    all
}

fn one_row(mut rows: Vec<LogRow>) -> Option<LogRow> {
    if rows.len() < 2 {
        return rows.pop();
    }
    let last = moment_of(rows.last()?.id);
    let low = low_of(rows.last()?.id) & !INDEX_BITS | (rows.len() as u64 - 1);
    let before = |at: SystemTime| last.duration_since(at).unwrap_or_default();
    let count = rows.len();
    let reads: Vec<Read> = rows
        .into_iter()
        .map(|row| {
            Read(
                u64::try_from(before(moment_of(row.id)).as_micros()).unwrap_or_default(),
                row.request_id,
                row.operation.into_owned(),
                row.status,
                row.duration_us,
                row.credential,
                row.client.map(Into::into),
                row.address,
                row.resource_type,
                row.resource_id,
                row.facts,
            )
        })
        .collect();
    Some(LogRow {
        id: id_at(last, low),
        operation: READS.into(),
        rows: i64::try_from(count).ok(),
        facts: serde_json::to_string(&reads).ok(),
        ..LogRow::default()
    })
}

/// The requests that a row stands for: itself, unless it is one of several that only read.
#[must_use]
pub fn apart(row: LogRow) -> Vec<LogRow> {
    if row.operation != READS {
        return vec![row];
    }
    let reads: Vec<Read> = row.facts.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let (last, low) = (moment_of(row.id), low_of(row.id) & !INDEX_BITS);
    reads
        .into_iter()
        .zip(0_u64..)
        .map(|(read, index)| {
            let Read(before, request_id, operation, status, duration_us, credential, client, address, name, id, facts) =
                read;
            LogRow {
                id: id_at(last - Duration::from_micros(before), low | index),
                request_id,
                operation: operation.into(),
                status,
                duration_us,
                credential,
                client: client.map(Into::into),
                address,
                resource_type: name,
                resource_id: id,
                facts,
                ..LogRow::default()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn reads_lie_in_rows_of_a_second_and_come_out_as_they_were() {
        let read = |micros: u64| LogRow {
            id: id_at(UNIX_EPOCH + Duration::from_micros(1_790_000_000_000_000 + micros), micros << 16),
            request_id: format!("r{micros}"),
            operation: "get".into(),
            status: 200,
            duration_us: 7,
            resource_type: Some("User".into()),
            ..LogRow::default()
        };
        let times = [0, 3, 3, 900_000, 1_000_001, 1_500_000, 9_000_000];
        let rows = together(times.map(read).to_vec());
        let counts: Vec<Option<i64>> = rows.iter().map(|row| row.rows).collect();
        assert_eq!(counts, [Some(4), Some(2), None]);
        let again: Vec<LogRow> = rows.into_iter().flat_map(apart).collect();
        assert!(
            again.windows(2).all(|pair| pair[0].id < pair[1].id),
            "in the order of time, each with an id of its own"
        );
        for (before, after) in times.map(read).into_iter().zip(again) {
            assert_eq!(moment_of(before.id), moment_of(after.id));
            assert_eq!(LogRow { id: after.id, ..before }, after);
        }
    }
}
