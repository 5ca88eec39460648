//! A tenant's mapping: drafted where it differs, planned, and activated if no users would vanish, or that is accepted.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Kind, Request};
use crate::client::AdminClient;
use crate::failure::Failure;
use crate::job;

/// The note of a revision.
const NOTE: &str = "applied from a file";

/// The active mapping; null where there is none.
pub(crate) struct Mapping;

impl Kind for Mapping {
    fn name(&self) -> &'static str {
        "mapping"
    }

    fn of(&self, settings: &Value) -> Value {
        let active = &settings["mapping"];
        if active["revision"] == 0 {
            return Value::Null;
        }
        json!({ "onFailure": active["onFailure"], "steps": active["steps"] })
    }

    /// The gateway shows a step's plugin by digest, name and version; a file names it by one of them.
    fn comparable(&self, mut now: Value, wanted: &Value) -> Value {
        let steps = now.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten();
        for (index, step) in steps.enumerate() {
            let wanted = &wanted["steps"][index];
            // As a header of an export has it.
            if wanted.get("name").is_some() {
                continue;
            }
            let title = format!(
                "{}@{}",
                step["name"].as_str().unwrap_or_default(),
                step["version"].as_str().unwrap_or_default()
            );
            let named = wanted["plugin"].as_str().unwrap_or_default();
            let is_same = step["plugin"] == named || step["name"] == named || title == named;
            let plugin = if is_same { named.to_owned() } else { title };
            *step = json!({ "plugin": plugin, "config": step["config"], "resourceTypes": step["resourceTypes"] });
        }
        now
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Map(after.clone())]
    }
}

/// Activates a mapping, or switches it off.
pub(super) async fn activate(
    client: &AdminClient,
    tenant: &str,
    mapping: &Value,
    accepts_vanishing: bool,
) -> Result<(), Failure> {
    let path = |rest: &[&str]| client.path(&[&["tenants", tenant, "mapping"], rest].concat());
    if mapping.is_null() {
        return Ok(client.delete(&path(&[])?).await?);
    }
    let mut draft = mapping.clone();
    draft["note"] = NOTE.into();
    let drafted = client.put(Method::POST, &path(&["revisions"])?, &draft).await?;
    let revision = drafted["revision"].to_string();
    let _ = client.put(Method::POST, &path(&["revisions", &revision, "plan"])?, &json!({})).await?;
    let _ = job::follow(client, tenant, "plan").await?;
    let plan = client.get(&path(&["revisions", &revision, "plan"])?).await?;
    if plan["needsConfirmation"] == true && !accepts_vanishing {
        let users = &plan["vanishingUsers"];
        return Err(Failure::new(format!(
            "{users} users would vanish from the product by the draft {revision}; `scimgate mapping plan {tenant} --draft \
             {revision} --show` shows which. Accept that with --accept-vanishing"
        )));
    }
    let body = json!({ "acceptVanishing": accepts_vanishing });
    client.put(Method::POST, &path(&["revisions", &revision, "activate"])?, &body).await?;
    Ok(())
}
