//! `scimgate log`: what a tenant's identity provider sent, how it ended, and what to change at the provider.

mod rows;

use std::collections::{HashSet, VecDeque};
use std::io::Write as _;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use scimgate::clock::{Clock, moment, rfc3339};
use scimgate::telemetry;
use serde_json::Value;

use crate::client::{self, AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Output, csv_heading, write};
use crate::provisioning_log::rows::{CSV, line, print_each, print_table, shown};

/// Rows of one request.
const MAX_PAGE: usize = 500;
/// Pause between two looks for new rows.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// Rows of a replica are there so much later than they say, at most.
const FOLLOW_OVERLAP: Duration = Duration::from_secs(5);
/// Rows that a following command remembers, so that it prints none twice.
const MAX_REMEMBERED: usize = 50_000;

/// Which rows to read.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    /// The tenant's name.
    tenant: String,
    /// Rows about the user with this userName, externalId or id.
    ///
    /// Without requests that only read and succeeded.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["group", "resource"])]
    user: Option<String>,
    /// Rows about the group with this displayName, externalId or id.
    ///
    /// Without requests that only read and succeeded.
    #[arg(long, value_name = "NAME", conflicts_with = "resource")]
    group: Option<String>,
    /// Rows about the resource with this name, externalId or id.
    ///
    /// Of any type; without requests that only read and succeeded.
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
    /// `ok`, `failed`, or a status such as 409.
    #[arg(long)]
    status: Option<String>,
    /// What was asked for, such as create.
    ///
    /// create, replace, patch, delete, get, list, search, bulk, discovery, me or other.
    #[arg(long)]
    operation: Option<String>,
    /// The request's id.
    ///
    /// As in `X-Request-Id` and the server's log.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// The code of a cause, such as value-in-use.
    #[arg(long, value_name = "CODE")]
    cause: Option<String>,
    /// From this time on, such as 1h ago.
    ///
    /// A time such as 2026-05-01T09:00:00Z, or how long ago: 90s, 30m, 1h, 7d.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Before this time.
    ///
    /// As with `--since`.
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    until: Option<Moment>,
    /// The maximum number of rows, the latest first.
    #[arg(long, value_name = "ROWS", default_value_t = 100, conflicts_with_all = ["all", "follow"])]
    limit: usize,
    /// Print all rows.
    #[arg(long, conflicts_with = "follow")]
    all: bool,
    /// Continue below the row with this id.
    #[arg(long, value_name = "ID", conflicts_with = "follow")]
    cursor: Option<String>,
    /// Print new rows as they come, until interrupted.
    #[arg(long)]
    follow: bool,
}

/// A time, or how long ago it was.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Moment {
    At(String),
    Ago(Duration),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
        let ago = units.iter().find_map(|(unit, seconds)| {
            let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
            Some(Self::Ago(Duration::from_secs(u64::from(count) * seconds)))
        });
        match ago {
            Some(ago) => Ok(ago),
            None if moment(text).is_some() => Ok(Self::At(text.to_owned())),
            None => Err(format!("\"{text}\" is not a time: write 2026-05-01T09:00:00Z, or how long ago, such as 1h")),
        }
    }
}

impl Moment {
    fn text(&self) -> String {
        match self {
            Self::At(text) => text.clone(),
            Self::Ago(ago) => {
                let now = Clock::system().now();
                rfc3339(now.checked_sub(*ago).unwrap_or(std::time::SystemTime::UNIX_EPOCH))
            }
        }
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    if arguments.follow {
        return follow(&client, output, &arguments).await;
    }
    let since = arguments.since.as_ref().map(Moment::text);
    let limit = if arguments.all { usize::MAX } else { arguments.limit };
    let (mut rows, mut cursor, mut printed) = (Vec::new(), arguments.cursor.clone(), 0);
    if output == Output::Csv {
        write(&csv_heading(&CSV))?;
    }
    loop {
        let wanted = MAX_PAGE.min(limit - printed);
        let mut page = client.get(&path(&client, &arguments, (since.as_deref(), cursor.as_deref()), wanted)?).await?;
        let of_page = page["rows"].as_array_mut().map(std::mem::take).unwrap_or_default();
        printed += of_page.len();
        cursor = page["next"].as_str().map(str::to_owned);
        match output {
            Output::Table => rows.extend(of_page),
            // Of a long export nothing is kept.
            Output::Json | Output::Csv => {
                if !print_each(output, &of_page)? {
                    return Ok(());
                }
            }
        }
        if cursor.is_none() || printed >= limit {
            break;
        }
    }
    if output == Output::Table {
        print_table(output, rows, cursor.as_deref())?;
    }
    Ok(())
}

/// Prints new rows, until standard output is closed.
async fn follow(client: &AdminClient, output: Output, arguments: &Arguments) -> Result<(), Failure> {
    // By the gateway's clock: that of this machine may be another.
    let mut since = match &arguments.since {
        Some(since) => since.text(),
        None => newest(client, arguments).await?,
    };
    let (mut known, mut order) = (HashSet::new(), VecDeque::new());
    if output == Output::Csv {
        write(&csv_heading(&CSV))?;
    }
    let mut is_away = false;
    loop {
        let mut new = match new_rows(client, arguments, &since, &known).await {
            Ok(new) => new,
            Err(error) if error.may_pass() => {
                if !std::mem::replace(&mut is_away, true) {
                    let error = telemetry::chain(&error);
                    let _ = writeln!(std::io::stderr(), "scimgate: {error} (asking again until it answers)");
                }
                tokio::time::sleep(FOLLOW_INTERVAL).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        is_away = false;
        new.reverse();
        let newest = new.last().and_then(|row| moment(row["at"].as_str()?));
        for row in new {
            let id = row["id"].as_str().unwrap_or_default().to_owned();
            order.push_back(id.clone());
            known.insert(id);
            let is_read = match output {
                Output::Table => write(&line(&shown(row)))?,
                Output::Json | Output::Csv => print_each(output, &[row])?,
            };
            if !is_read {
                return Ok(());
            }
        }
        while order.len() > MAX_REMEMBERED {
            known.remove(&order.pop_front().unwrap_or_default());
        }
        // Rows of another replica, and those that waited while the database was away, come later than newer ones.
        if let Some(later) = newest.and_then(|newest| newest.checked_sub(FOLLOW_OVERLAP)) {
            since = since.max(rfc3339(later));
        }
        tokio::time::sleep(FOLLOW_INTERVAL).await;
    }
}

/// The time after that of the newest row; of a log without one, that at which time began.
async fn newest(client: &AdminClient, arguments: &Arguments) -> Result<String, Failure> {
    let log = client.path(&["tenants", &arguments.tenant, "provisioning-log"])?;
    let page = client.get(&format!("{log}?limit=1")).await?;
    let at = page.pointer("/rows/0/at").and_then(Value::as_str).and_then(moment);
    Ok(rfc3339(at.map_or(SystemTime::UNIX_EPOCH, |at| at + Duration::from_millis(1))))
}

/// The rows since a time that are not known, the latest first.
async fn new_rows(
    client: &AdminClient,
    arguments: &Arguments,
    since: &str,
    known: &HashSet<String>,
) -> Result<Vec<Value>, client::Error> {
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut page = client.get(&path(client, arguments, (Some(since), cursor.as_deref()), MAX_PAGE)?).await?;
        let of_page = page["rows"].as_array_mut().map(std::mem::take).unwrap_or_default();
        rows.extend(of_page.into_iter().filter(|row| row["id"].as_str().is_none_or(|id| !known.contains(id))));
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() || rows.len() >= MAX_REMEMBERED {
            return Ok(rows);
        }
    }
}

fn path(
    client: &AdminClient,
    arguments: &Arguments,
    (since, cursor): (Option<&str>, Option<&str>),
    limit: usize,
) -> Result<String, client::Error> {
    let mut path = format!("{}?limit={limit}", client.path(&["tenants", &arguments.tenant, "provisioning-log"])?);
    let until = arguments.until.as_ref().map(Moment::text);
    let given = [
        ("user", arguments.user.as_deref()),
        ("group", arguments.group.as_deref()),
        ("resource", arguments.resource.as_deref()),
        ("status", arguments.status.as_deref()),
        ("operation", arguments.operation.as_deref()),
        ("requestId", arguments.request_id.as_deref()),
        ("cause", arguments.cause.as_deref()),
        ("since", since),
        ("until", until.as_deref()),
        ("cursor", cursor),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            path = format!("{path}&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_given_or_ago() {
        assert_eq!("1h".parse(), Ok(Moment::Ago(Duration::from_hours(1))));
        assert_eq!("7d".parse(), Ok(Moment::Ago(Duration::from_hours(168))));
        let at = "2026-05-01T09:00:00Z";
        assert_eq!(at.parse(), Ok(Moment::At(at.to_owned())));
        for text in ["", "1w", "-1h", "yesterday"] {
            assert!(text.parse::<Moment>().unwrap_err().contains("not a time"), "{text}");
        }
    }
}
