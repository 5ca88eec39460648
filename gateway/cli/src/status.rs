//! `scimgate status`: the health of a tenant with all that it follows from, or that of all tenants, those in trouble first.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output, printable};

const LISTED: [Column; 7] = [
    ("tenant", "/tenant"),
    ("health", "/health"),
    ("since", "/since"),
    ("last seen", "/lastSeen"),
    ("cycle", "/cycle"),
    ("failed in 1h", "/failed"),
    ("found", "/findings"),
];

const SHOWN: [Column; 12] = [
    ("tenant", "/tenant"),
    ("health", "/health"),
    ("since", "/since"),
    ("client", "/shown/client"),
    ("first seen", "/traffic/firstSeen"),
    ("last seen", "/traffic/lastSeen"),
    ("last write", "/traffic/lastWrite"),
    ("cycle", "/shown/cycle"),
    ("last hour", "/shown/hour"),
    ("last day", "/shown/day"),
    ("resources", "/shown/resources"),
    ("not seen by the product", "/shown/unseen"),
];

/// Tenants of one request.
const MAX_PAGE: usize = 100;

/// Which tenant to show.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    /// The tenant's name; without it all tenants are listed, those in trouble first.
    tenant: Option<String>,
    /// List the tenants by name.
    #[arg(long, conflicts_with = "tenant")]
    by_name: bool,
    /// The maximum number of listed tenants.
    #[arg(long, value_name = "TENANTS", default_value_t = 50, conflicts_with_all = ["tenant", "all"])]
    limit: usize,
    /// List all of them.
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match &arguments.tenant {
        Some(tenant) => show(&client, output, tenant).await,
        None => list(&client, output, &arguments).await,
    }
}

async fn list(client: &AdminClient, output: Output, arguments: &Arguments) -> Result<(), Failure> {
    let order = if arguments.by_name { "name" } else { "health" };
    let limit = if arguments.all { usize::MAX } else { arguments.limit };
    let (mut tenants, mut cursor) = (Vec::new(), None::<String>);
    while tenants.len() < limit {
        let wanted = MAX_PAGE.min(limit - tenants.len());
        let mut path = format!("{}?order={order}&limit={wanted}", client.path(&["health"])?);
        if let Some(cursor) = &cursor {
            path = format!("{path}&cursor={}", utf8_percent_encode(cursor, NON_ALPHANUMERIC));
        }
        let mut page = client.get(&path).await?;
        tenants.extend(page["tenants"].as_array_mut().map(std::mem::take).unwrap_or_default());
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let in_trouble =
        tenants.iter().filter(|it| matches!(it["health"].as_str(), Some("unhealthy" | "attention"))).count();
    output.list(&json!({ "tenants": tenants }), "tenants", &LISTED)?;
    if cursor.is_some() {
        output.say("\nThere are more: --limit or --all lists them.")?;
    }
    if in_trouble > 0 {
        output.say("\nWhat is wrong with a tenant, and what to do: scimgate status TENANT")?;
    }
    Ok(())
}

async fn show(client: &AdminClient, output: Output, tenant: &str) -> Result<(), Failure> {
    let mut health = client.get(&client.path(&["tenants", tenant, "health"])?).await?;
    if output == Output::Json {
        return Ok(output.json(&health)?);
    }
    health["shown"] = shown(&health);
    output.record(&health, &SHOWN)?;
    for sentence in health["notKnown"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        output.say(&format!("\n{sentence}"))?;
    }
    for found in health["findings"].as_array().into_iter().flatten() {
        let text = |name: &str| printable(found[name].as_str().unwrap_or_default());
        let code = text("code");
        output.say(&format!("\n{code}: {}\n  To do: {}", text("what"), text("remedy")))?;
    }
    let causes = &health["traffic"]["lastDay"]["causes"];
    if causes.as_array().is_some_and(|causes| !causes.is_empty()) {
        output.say("\nWhy requests failed in the last day, the most frequent causes first:")?;
    }
    for cause in causes.as_array().into_iter().flatten() {
        let text = |name: &str| printable(cause[name].as_str().unwrap_or_default());
        output.say(&format!(
            "  {} times {}: {}\n    At the provider: {}",
            cause["count"],
            text("code"),
            text("cause"),
            text("remedy")
        ))?;
    }
    Ok(())
}

/// What the reply says, in a few words each.
fn shown(health: &Value) -> Value {
    let traffic = &health["traffic"];
    let client = match (health["client"]["profile"].as_str(), health["client"]["recognised"].as_str()) {
        (Some("auto"), Some(found)) => format!("{found} (recognised)"),
        (Some("auto"), None) | (None, _) => "not recognised".to_owned(),
        (Some(chosen), _) => format!("{chosen} (chosen)"),
    };
    let resources = health["resources"].as_array().into_iter().flatten();
    let resources: Vec<String> = resources
        .map(|it| format!("{} {}", it["count"], printable(it["resourceType"].as_str().unwrap_or_default())))
        .collect();
    let unseen = &health["unseen"];
    json!({
        "client": client,
        "cycle": cycle(&traffic["cycle"]),
        "hour": period(&traffic["lastHour"]),
        "day": period(&traffic["lastDay"]),
        "resources": resources.join(", "),
        "unseen": format!("{} held, {} stale, {} never mapped", unseen["held"], unseen["stale"], unseen["never"]),
    })
}

fn cycle(cycle: &Value) -> Option<String> {
    let text = |name: &str| cycle[name].as_str().unwrap_or_default();
    cycle.is_object().then(|| {
        let state = if cycle["isRunning"] == true { "running" } else { "over" };
        let pages = match (cycle["listed"].as_i64(), cycle["pages"].as_i64()) {
            (Some(listed), Some(pages)) if listed > 0 => {
                let page = if pages == 1 { "page" } else { "pages" };
                format!("; {listed} resources listed on {pages} {page}, of {}", cycle["listedOf"])
            }
            _ => String::new(),
        };
        format!(
            "{} (number {}), {state}, begun {}: {}{pages}",
            text("kind"),
            cycle["number"],
            text("begunAt"),
            sent(&cycle["sent"])
        )
    })
}

fn period(period: &Value) -> Option<String> {
    period.is_object().then(|| {
        let refused = period["refusedCredentials"].as_i64().unwrap_or_default();
        let refused = if refused > 0 { format!("; {refused} with a refused credential") } else { String::new() };
        format!("{}{refused}", sent(period))
    })
}

fn sent(sent: &Value) -> String {
    let others = match sent["othersCreated"].as_i64() {
        Some(count) if count > 0 => format!(" and {count} others"),
        _ => String::new(),
    };
    let requests = if sent["requests"] == 1 { "request" } else { "requests" };
    format!(
        "{} {requests}, {} users and {} groups{others} created, {} changed, {} deleted, {} failed",
        sent["requests"], sent["usersCreated"], sent["groupsCreated"], sent["changed"], sent["deleted"], sent["failed"]
    )
}
