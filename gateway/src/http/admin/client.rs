//! `/admin/v1/tenants/{tenant}/client`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use scimgate_scim::leniency::{Choice, Leniency};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Json, reply};
use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::operation::Gateway;
use crate::operation::client::{self, Client, Switch};
use crate::store::tenant::leniency_use::Use;

/// The body of a PATCH.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    profile: Option<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    refuse: Vec<String>,
    #[serde(default)]
    reset: Vec<String>,
}

pub(super) async fn get(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let (client, used) = client::show(&gateway, &name).await.map_err(Failure::internal)?;
    let mut body = shown(&client);
    body["used"] = used.iter().map(shown_use).collect();
    Ok(reply(StatusCode::OK, body))
}

pub(super) async fn patch(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
    Json(body): Json<Change>,
) -> Result<Response, Failure> {
    let Change { profile, allow, refuse, reset } = body;
    let change = client::Change { profile, allow, refuse, reset };
    let (tenant, client) = client::set(&gateway, &name, &change).await.map_err(Failure::internal)?;
    tracing::info!(
        actor = %access.actor, tenant.id = %tenant.id, profile = client.profile.name(),
        allow = ?change.allow, refuse = ?change.refuse, reset = ?change.reset, "SCIM client set"
    );
    Ok(reply(StatusCode::OK, shown(&client)))
}

fn shown_use(it: &Use) -> Value {
    json!({
        "leniency": it.leniency,
        "attribute": it.attribute,
        "uses": it.uses,
        "firstAt": rfc3339(it.first_at),
        "lastAt": rfc3339(it.last_at),
    })
}

fn shown(client: &Client) -> Value {
    let set = client.leniencies();
    let decided = |switch: Switch| {
        let decided = client.decided.iter().find(|(it, _)| *it == switch);
        decided.map_or("profile", |_| "operator")
    };
    let leniencies: Vec<Value> = Leniency::ALL
        .iter()
        .map(|leniency| {
            json!({
                "name": leniency.name(),
                "allowed": set.allows(*leniency),
                "by": decided(Switch::Leniency(*leniency)),
                "changesMeaning": leniency.changes_meaning(),
            })
        })
        .collect();
    let choices: Vec<Value> = Choice::ALL
        .iter()
        .map(|choice| json!({ "name": choice.name(), "made": set.chooses(*choice), "by": decided(Switch::Choice(*choice)) }))
        .collect();
    json!({
        "profile": client.profile.name(),
        "recognised": client.recognised.map(|found| json!({
            "profile": found.profile.name(),
            "signal": found.signal,
            "strength": found.strength.word(),
            "at": rfc3339(found.at),
        })),
        "leniencies": leniencies,
        "choices": choices,
    })
}
