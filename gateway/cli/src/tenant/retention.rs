//! `scimgate tenant retention`: for how many days a tenant keeps what.

use std::str::FromStr;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::AdminClient;
use crate::failure::Failure;
use crate::output::{Column, Output};

const COLUMNS: [Column; 4] = [
    ("name", "/name"),
    ("deleted resources, in days", "/retention/tombstoneDays"),
    ("events, in days", "/retention/eventDays"),
    ("provisioning log, in days", "/retention/logDays"),
];

#[derive(Debug, clap::Args)]
pub(super) struct Retention {
    /// The tenant's name.
    name: String,
    /// How long deleted resources are kept, such as 30d; `default` follows the default, 30 days.
    #[arg(long, value_name = "DAYS")]
    tombstones: Option<Days>,
    /// How long events are kept, likewise.
    #[arg(long, value_name = "DAYS")]
    events: Option<Days>,
    /// How long the provisioning log is kept, likewise.
    ///
    /// At most 366 days.
    #[arg(long, value_name = "DAYS")]
    provisioning_log: Option<Days>,
}

/// A number of days; none for the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Days(Option<u32>);

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self(None));
        }
        let days = text.strip_suffix('d').unwrap_or(text).parse();
        days.map(|days| Self(Some(days))).map_err(|_| format!("\"{text}\" is not a number of days, such as 30d"))
    }
}

/// Changes what is given; the rest stays.
pub(super) async fn run(client: &AdminClient, output: Output, it: &Retention) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.name])?;
    let mut tenant = client.get(&path).await?;
    let given = [("tombstoneDays", it.tombstones), ("eventDays", it.events), ("logDays", it.provisioning_log)];
    if given.iter().any(|(_, days)| days.is_some()) {
        let mut retention = tenant["retention"].take();
        for (name, days) in given.into_iter().filter_map(|(name, days)| Some((name, days?))) {
            retention[name] = days.0.map_or(Value::Null, Value::from);
        }
        tenant = client.put(Method::PATCH, &path, &json!({ "retention": retention })).await?;
    }
    Ok(output.record(&tenant, &COLUMNS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_numbers() {
        assert_eq!(["30d", "7", "default"].map(str::parse), [Ok(Days(Some(30))), Ok(Days(Some(7))), Ok(Days(None))]);
        for text in ["", "d", "1w", "-1d", "1.5d"] {
            assert!(text.parse::<Days>().unwrap_err().contains("number of days"), "{text}");
        }
    }
}
