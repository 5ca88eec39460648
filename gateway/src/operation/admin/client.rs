//! A tenant's SCIM client: its profile, what was recognised, and the leniencies that an operator decides.

use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::{Choice, Leniency};
use scimgate_scim::profile::Profile;
use serde_json::{Value, json};

use crate::operation::client::{Client, Switch};
use crate::operation::error::Error;
use crate::operation::leniency_use;
use crate::operation::operator::{Operator, log_change};
use crate::operation::resource::write::MAX_ATTEMPTS;
use crate::store::tenant::client::ClientRow;
use crate::store::tenant::leniency_use::Use;

/// An operator's change of a tenant's SCIM client.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Another profile, or the same again: either resets which client was recognised.
    pub profile: Option<String>,
    /// Leniencies and choices to allow, whatever the profile says.
    pub allow: Vec<String>,
    /// Those to refuse.
    pub refuse: Vec<String>,
    /// Those to leave to the profile again.
    pub reset: Vec<String>,
}

/// A tenant's SCIM client and the leniencies it used. Uses that other replicas counted within the last second may be missing.
///
/// # Errors
/// 404 where there is no such tenant.
pub async fn show(operator: &Operator, name: &str) -> Result<(Client, Vec<Use>), Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(name).await?);
    leniency_use::flush::write_of(gateway, tenant.id).await?;
    let used = gateway.store.tenant(tenant.id).uses().await?;
    Ok((Client::read(tenant.client), used))
}

/// Chooses a profile, or allows or refuses single leniencies and choices. Two concurrent changes are both kept.
///
/// # Errors
/// 400 for an unknown name, 404 where there is no such tenant, 503 where other changes kept coming first.
pub async fn set(operator: &Operator, name: &str, change: &Change) -> Result<Client, Error> {
    let gateway = &operator.gateway;
    for _ in 0..MAX_ATTEMPTS {
        let tenant = operator.tenant(name).await?;
        let row = change.apply(tenant.client.clone())?;
        let since = (tenant.config_epoch, gateway.clock.now());
        let entry = operator.change_of(&tenant, "client.set", name).before(&shown(&tenant.client)).after(&shown(&row));
        if gateway.store.tenant(tenant.id).audited(entry).set_client(&row, change.profile.is_some(), since).await? {
            gateway.forget_tenant(tenant.id).await;
            let client = Client::read(row);
            log_change!(
                operator, tenant.id = %tenant.id, profile = client.profile.name(), allow = ?change.allow,
                refuse = ?change.refuse, reset = ?change.reset, "SCIM client set"
            );
            return Ok(client);
        }
    }
    Err(Error::Contended)
}

fn shown(row: &ClientRow) -> Value {
    json!({ "profile": row.profile, "allowed": row.allowed, "refused": row.refused })
}

impl Change {
    /// The settings after the change.
    fn apply(&self, mut row: ClientRow) -> Result<ClientRow, Error> {
        if let Some(profile) = &self.profile {
            let known =
                Profile::find(profile).ok_or_else(|| unknown("profile", profile, &Profile::ALL.map(Profile::name)))?;
            known.name().clone_into(&mut row.profile);
            row.recognised = None;
        }
        for (names, decision) in [(&self.reset, None), (&self.refuse, Some(false)), (&self.allow, Some(true))] {
            for name in names {
                let switch = Switch::find(name).ok_or_else(|| unknown("leniency or choice", name, &switch_names()))?;
                decide(&mut row, switch, decision);
            }
        }
        Ok(row)
    }
}

fn decide(row: &mut ClientRow, switch: Switch, decision: Option<bool>) {
    let name = switch.name();
    row.allowed.retain(|it| it != name);
    row.refused.retain(|it| it != name);
    match decision {
        Some(true) => row.allowed.push(name.to_owned()),
        Some(false) => row.refused.push(name.to_owned()),
        None => {}
    }
}

fn switch_names() -> Vec<&'static str> {
    let leniencies = Leniency::ALL.iter().map(|it| it.name());
    leniencies.chain(Choice::ALL.iter().map(|it| it.name())).collect()
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    ScimError::new(400, format!("There is no {what} called \"{name}\"; there are {}.", known.join(", "))).into()
}
