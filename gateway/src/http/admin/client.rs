//! `/admin/v1/tenants/{tenant}/client`.

use axum::extract::Path;
use scimgate_scim::leniency::{Choice, Leniency};
use scimgate_scim::recognition::Strength;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::client;
use crate::operation::client::{Client, Recognised, Switch};
use crate::store::tenant::leniency_use::Use;

/// What to change of a tenant's SCIM client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientChange {
    /// Another profile, or the same again: either resets which client was recognised.
    profile: Option<String>,
    /// Leniencies and choices to allow, whatever the profile says.
    #[serde(default)]
    allow: Vec<String>,
    /// Those to refuse.
    #[serde(default)]
    refuse: Vec<String>,
    /// Those to leave to the profile again.
    #[serde(default)]
    reset: Vec<String>,
}

/// A tenant's SCIM client.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScimClient {
    /// The profile that was chosen.
    profile: &'static str,
    #[schema(required)]
    recognised: Option<RecognisedClient>,
    leniencies: Vec<LeniencySetting>,
    choices: Vec<ChoiceSetting>,
}

/// A tenant's SCIM client, and the leniencies that it used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScimClientWithUses {
    #[serde(flatten)]
    client: ScimClient,
    used: Vec<LeniencyUse>,
}

/// Which client was recognised, and by what.
#[derive(Debug, Serialize, ToSchema)]
struct RecognisedClient {
    profile: &'static str,
    /// The name of the signal.
    signal: &'static str,
    strength: SignalStrength,
    /// When the signal was seen first.
    #[schema(format = DateTime)]
    at: String,
}

/// How certain a signal is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SignalStrength {
    Likely,
    Certain,
}

/// What decided a setting.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DecidedBy {
    Profile,
    Operator,
}

/// Whether a deviation from the protocol is accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LeniencySetting {
    name: &'static str,
    allowed: bool,
    by: DecidedBy,
    /// Whether the leniency changes the meaning of a request.
    changes_meaning: bool,
}

/// Whether one of the behaviours that the protocol leaves open is chosen.
#[derive(Debug, Serialize, ToSchema)]
struct ChoiceSetting {
    name: &'static str,
    made: bool,
    by: DecidedBy,
}

/// How often the client used a leniency on an attribute.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LeniencyUse {
    leniency: String,
    attribute: String,
    uses: i64,
    #[schema(format = DateTime)]
    first_at: String,
    #[schema(format = DateTime)]
    last_at: String,
}

/// Show a tenant's SCIM client.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/client", operation_id = "getClient", tag = "client",
    responses((status = 200, description = "The client and the leniencies it used.", body = ScimClientWithUses))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<ScimClientWithUses>, ApiFailure> {
    let (client, used) = client::show(&operator, &tenant).await?;
    Ok(Json(ScimClientWithUses { client: (&client).into(), used: used.into_iter().map(LeniencyUse::from).collect() }))
}

/// Choose a profile, or decide single leniencies and choices.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{tenant}/client", operation_id = "changeClient", tag = "client",
    request_body = ClientChange,
    responses((status = 200, description = "The client after the change.", body = ScimClient))
)]
pub(super) async fn patch(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<ClientChange>,
) -> Result<Json<ScimClient>, ApiFailure> {
    let ClientChange { profile, allow, refuse, reset } = body;
    let client = client::set(&operator, &tenant, &client::Change { profile, allow, refuse, reset }).await?;
    Ok(Json((&client).into()))
}

impl From<&Client> for ScimClient {
    fn from(client: &Client) -> Self {
        let set = client.leniencies();
        let by = |switch: Switch| {
            let decided = client.decided.iter().any(|(it, _)| *it == switch);
            if decided { DecidedBy::Operator } else { DecidedBy::Profile }
        };
        let leniency = |it: &Leniency| LeniencySetting {
            name: it.name(),
            allowed: set.allows(*it),
            by: by(Switch::Leniency(*it)),
            changes_meaning: it.changes_meaning(),
        };
        let choice =
            |it: &Choice| ChoiceSetting { name: it.name(), made: set.chooses(*it), by: by(Switch::Choice(*it)) };
        Self {
            profile: client.profile.name(),
            recognised: client.recognised.map(RecognisedClient::from),
            leniencies: Leniency::ALL.iter().map(leniency).collect(),
            choices: Choice::ALL.iter().map(choice).collect(),
        }
    }
}

impl From<Recognised> for RecognisedClient {
    fn from(found: Recognised) -> Self {
        let strength = match found.strength {
            Strength::Likely => SignalStrength::Likely,
            Strength::Certain => SignalStrength::Certain,
        };
        Self { profile: found.profile.name(), signal: found.signal, strength, at: rfc3339(found.at) }
    }
}

impl From<Use> for LeniencyUse {
    fn from(it: Use) -> Self {
        let (first_at, last_at) = (rfc3339(it.first_at), rfc3339(it.last_at));
        Self { leniency: it.leniency, attribute: it.attribute, uses: it.uses, first_at, last_at }
    }
}
