//! What the database does for a request, counted: write-ahead log, rows, index entries, pages.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio_postgres::Client;

/// Counts per request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Work {
    /// Bytes of write-ahead log without full pages.
    pub(crate) wal_bytes: f64,
    /// Bytes of full pages: a page's first change after a checkpoint.
    pub(crate) full_page_bytes: f64,
    /// Rows inserted, updated or deleted.
    pub(crate) rows: f64,
    /// Entries added to B-tree indexes.
    pub(crate) index_entries: f64,
    /// Pages looked at.
    pub(crate) pages: f64,
}

/// A count that has begun.
pub(crate) struct Meter<'a> {
    superuser: &'a Client,
    from: String,
}

impl<'a> Meter<'a> {
    /// Begins to count.
    pub(crate) async fn start(superuser: &'a Client) -> Result<Self> {
        track(superuser, "top").await?;
        superuser.execute("SELECT pg_stat_statements_reset()", &[]).await.context("resetting pg_stat_statements")?;
        Ok(Self { superuser, from: flushed(superuser).await? })
    }

    /// Ends the count of a database's work for so many requests.
    pub(crate) async fn stop(self, programs: &Path, database: &str, requests: u64) -> Result<Work> {
        // All that was written so far is flushed with this.
        self.superuser.batch_execute("SELECT pg_logical_emit_message(true, 'bench', '')").await?;
        let to = flushed(self.superuser).await?;
        // Without the benchmark's own look at the events.
        let sql = "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8 FROM pg_stat_statements s \
             JOIN pg_database d ON d.oid = s.dbid WHERE datname = $1 AND query NOT LIKE 'SELECT $_ FROM event WHERE seq IS NULL LIMIT%'";
        let pages: f64 =
            self.superuser.query_one(sql, &[&database]).await.context("reading pg_stat_statements")?.get(0);
        track(self.superuser, "none").await?;
        let directory: String = self.superuser.query_one("SHOW data_directory", &[]).await?.get(0);
        let output = Command::new(programs.join("pg_waldump"))
            .args(["--stats=record", "--path", &format!("{directory}/pg_wal"), "--start", &self.from, "--end", &to])
            .output()
            .await
            .context("running pg_waldump")?;
        ensure!(output.status.success(), "pg_waldump: {}", String::from_utf8_lossy(&output.stderr));
        let mut work = read(&String::from_utf8_lossy(&output.stdout));
        work.pages = pages;
        #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
        let requests = requests.max(1) as f64;
        Ok(Work {
            wal_bytes: work.wal_bytes / requests,
            full_page_bytes: work.full_page_bytes / requests,
            rows: work.rows / requests,
            index_entries: work.index_entries / requests,
            pages: work.pages / requests,
        })
    }
}

/// Counting statements takes a few microseconds each, so it is on in a count only.
pub(crate) async fn track(superuser: &Client, value: &str) -> Result<()> {
    superuser.batch_execute(&format!("ALTER SYSTEM SET pg_stat_statements.track = '{value}'")).await?;
    superuser.batch_execute("SELECT pg_reload_conf()").await.context("configuring pg_stat_statements")
}

async fn flushed(superuser: &Client) -> Result<String> {
    Ok(superuser.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await?.get(0))
}

/// Reads the output of `pg_waldump --stats=record`.
fn read(text: &str) -> Work {
    let mut work = Work::default();
    for line in text.lines() {
        // A kind of record, then count, size, size of full pages and both, each with a percentage in brackets.
        let numbers: Vec<f64> = line
            .split(['(', ')'])
            .step_by(2)
            .filter_map(|part| part.split_whitespace().next_back()?.parse().ok())
            .collect();
        let (Some(kind), [count, bytes, full, _]) = (line.split_whitespace().next(), numbers.as_slice()) else {
            continue;
        };
        work.wal_bytes += bytes;
        work.full_page_bytes += full;
        match kind.split('+').next().unwrap_or_default() {
            "Heap/INSERT" | "Heap/UPDATE" | "Heap/HOT_UPDATE" | "Heap/DELETE" => work.rows += count,
            "Btree/INSERT_LEAF" | "Btree/INSERT_POST" | "Btree/SPLIT_L" | "Btree/SPLIT_R" => {
                work.index_entries += count;
            }
            _ => {}
        }
    }
    work
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_counts_and_sizes_of_the_kinds_of_records() {
        let text = "\
WAL statistics between 0/4000028 and 0/402B2F8:
Type                                           N      (%)          Record size      (%)             FPI size      (%)        Combined size      (%)
----                                           -      ---          -----------      ---             --------      ---        -------------      ---
Transaction/COMMIT                            20 ( 10.00)                 2000 (  9.90)                    0 (  0.00)                 2000 (  4.52)
Heap/INSERT                                   30 ( 15.00)                 6000 ( 29.70)                 8000 ( 33.33)                14000 ( 31.67)
Heap/INSERT+INIT                               1 (  0.50)                  200 (  0.99)                    0 (  0.00)                  200 (  0.45)
Heap/HOT_UPDATE                                4 (  2.00)                  400 (  1.98)                    0 (  0.00)                  400 (  0.90)
Btree/INSERT_LEAF                             40 ( 20.00)                 4000 ( 19.80)                    0 (  0.00)                 4000 (  9.05)
Btree/SPLIT_R                                  2 (  1.00)                 1000 (  4.95)                    0 (  0.00)                 1000 (  2.26)
                                        --------                      --------                      --------                      --------
Total                                         97                         13600 [62.96%]                 8000 [37.04%]                21600 [100%]
";
        let expected =
            Work { wal_bytes: 13_600.0, full_page_bytes: 8_000.0, rows: 35.0, index_entries: 42.0, pages: 0.0 };
        assert_eq!(read(text), expected);
    }
}
