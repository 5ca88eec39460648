//! `scimgate mapping plan`: what a revision would do to the stored documents.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, Error};
use crate::failure::Failure;
use crate::job;
use crate::mapping::diff::{ADDED, REMOVED};
use crate::output::{Output, printable, write_styled};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The tenant's name.
    tenant: String,
    /// The revision; the newest draft by default.
    #[arg(long, value_name = "NUMBER")]
    draft: Option<i64>,
    /// Look at about so many documents, and not at all.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// Chooses the documents of the sample: the same seed, the same documents.
    #[arg(long, default_value_t = 0)]
    seed: i64,
    /// Follow it until it is complete, and show it.
    #[arg(long, conflicts_with = "show")]
    wait: bool,
    /// Show the plan that there is, and make none.
    #[arg(long)]
    show: bool,
}

pub(super) async fn run(client: &AdminClient, output: Output, it: &Arguments) -> Result<(), Failure> {
    let draft = match it.draft {
        Some(draft) => draft,
        None => newest_draft(client, &it.tenant).await?,
    };
    let path = path(client, &it.tenant, draft)?;
    if it.show {
        return show(output, &client.get(&path).await?);
    }
    let begun = client.put(Method::POST, &path, &json!({ "sample": it.sample, "seed": it.seed })).await?;
    if !it.wait {
        if output == Output::Json {
            return Ok(output.json(&begun)?);
        }
        let tenant = &it.tenant;
        let sentence = format!(
            "The plan of revision {draft} is being made. `scimgate mapping plan {tenant} --draft {draft} --show` shows it."
        );
        return Ok(output.say(&sentence)?);
    }
    let _ = job::follow(client, &it.tenant, "plan").await?;
    show(output, &client.get(&path).await?)
}

fn path(client: &AdminClient, tenant: &str, revision: i64) -> Result<String, Failure> {
    Ok(client.path(&["tenants", tenant, "mapping", "revisions", &revision.to_string(), "plan"])?)
}

pub(super) async fn newest_draft(client: &AdminClient, tenant: &str) -> Result<i64, Failure> {
    let path = client.path(&["tenants", tenant, "mapping", "revisions"])?;
    let newest = client.get(&format!("{path}?limit=1")).await?["revisions"][0].clone();
    match (newest["state"].as_str(), newest["revision"].as_i64()) {
        (Some("draft"), Some(revision)) => Ok(revision),
        _ => Err(Failure::new(
            "the newest revision is not a draft; name one with --draft, or make one with `mapping draft`",
        )),
    }
}

/// Shows the plan of a revision that is to be activated, and asks where users would vanish. Returns whether that was confirmed.
pub(super) async fn confirm(
    client: &AdminClient,
    output: Output,
    (tenant, revision): (&str, i64),
    yes: bool,
) -> Result<bool, Failure> {
    let plan = match client.get(&path(client, tenant, revision)?).await {
        Ok(plan) => plan,
        Err(Error::Refused(_)) => {
            let hint = format!(
                "Revision {revision} has no plan, so what it changes is not shown. `scimgate mapping plan {tenant}` shows it before an \
                 activation."
            );
            output.say(&hint)?;
            return Ok(yes);
        }
        Err(other) => return Err(other.into()),
    };
    if output == Output::Table {
        write_styled(&summary(&plan))?;
    }
    let users = plan["vanishingUsers"].as_i64().unwrap_or_default();
    if yes || plan["needsConfirmation"] != true {
        return Ok(yes);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(format!("{users} users would vanish from the product; confirm that with --yes")));
    }
    let mut error = std::io::stderr().lock();
    write!(error, "{users} users would vanish from the product. Activate the revision? [y/N] ")?;
    error.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(true) } else { Err(Failure::new("nothing was activated")) }
}

fn show(output: Output, plan: &Value) -> Result<(), Failure> {
    match output {
        Output::Json => Ok(output.json(plan)?),
        Output::Table | Output::Csv => Ok(write_styled(&(summary(plan) + &details(plan)))?),
    }
}

/// The counts, each on a line.
const COUNTS: [(&str, &str); 10] = [
    ("unchanged", "unchanged"),
    ("changed", "changed"),
    ("  of them deactivated", "deactivated"),
    ("newly excluded", "newlyExcluded"),
    ("  of them users, who vanish from the product", "vanishingUsers"),
    ("newly included", "newlyIncluded"),
    ("rejected", "rejected"),
    ("failed", "failed"),
    ("do not comply with the directory schema", "nonCompliant"),
    ("have a value that another one has", "conflicts"),
];

fn summary(plan: &Value) -> String {
    let mut text = format!(
        "Plan of revision {} against revision {}: {} of {} documents",
        plan["revision"], plan["baseRevision"], plan["examined"], plan["total"]
    );
    match plan["state"].as_str() {
        Some("running") => text.push_str(", not complete yet"),
        Some("incomplete") => text.push_str(", ended before it was complete"),
        _ => {}
    }
    text.push_str(".\n\n");
    text.push_str(&counts(plan));
    text.push_str(&held(plan));
    if plan["outdated"] == true {
        text.push_str("\nThe active mapping or the schemas have changed since: make another plan.\n");
    }
    if let Some(seconds) = plan["remapSeconds"].as_u64() {
        let _ = writeln!(
            text,
            "\nA remap takes about {}.",
            indicatif::HumanDuration(std::time::Duration::from_secs(seconds))
        );
    }
    text
}

/// What the guard would hold.
fn held(plan: &Value) -> String {
    let held = |kind: &str| plan["guard"]["held"][kind].as_i64().unwrap_or_default();
    let parts =
        [(held("users"), "users"), (held("memberships"), "memberships"), (held("protected"), "protected users")];
    let parts: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if parts.is_empty() {
        return String::new();
    }
    let parts = parts.join(", ");
    format!("\nThe guard would hold at least {parts} until an operator releases them: `scimgate held list`.\n")
}

pub(super) fn counts(report: &Value) -> String {
    let mut text = String::new();
    for (label, name) in COUNTS {
        let count = report[name].as_i64().unwrap_or_default();
        if count > 0 || !label.starts_with(' ') {
            let _ = writeln!(text, "{count:>9}  {label}");
        }
    }
    text
}

/// The changed attributes and the examples.
pub(super) fn details(report: &Value) -> String {
    let mut text = String::new();
    for (resource_type, attributes) in report["attributes"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "\nChanged attributes of {}:", printable(resource_type));
        for (attribute, count) in attributes.as_object().into_iter().flatten() {
            let _ = writeln!(text, "{:>9}  {}", count.as_i64().unwrap_or_default(), printable(attribute));
        }
    }
    let examples = report["examples"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !examples.is_empty() {
        text.push_str("\nExamples:\n");
    }
    for example in examples {
        text.push_str(&self::example(example));
    }
    text
}

fn example(example: &Value) -> String {
    let shown = |value: &Value| value.as_str().map(printable).unwrap_or_default();
    let change = shown(&example["change"]).replace('-', " ");
    let name = example["name"].as_str().map_or_else(|| shown(&example["id"]), printable);
    let mut text = format!("\n  {} {name}: {change}", shown(&example["resourceType"]));
    match example["reason"].as_str() {
        Some(reason) => {
            let _ = writeln!(text, ": {}", printable(reason));
        }
        None => text.push('\n'),
    }
    for difference in example["differences"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "    {}", shown(&difference["path"]));
        for (at, sign, style) in [("before", '-', REMOVED), ("after", '+', ADDED)] {
            if let Some(value) = difference[at].as_str() {
                let _ = writeln!(text, "      {style}{sign} {}{style:#}", printable(value));
            }
        }
    }
    text
}
