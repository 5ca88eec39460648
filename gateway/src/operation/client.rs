//! A tenant's SCIM client: which profile was chosen for it, who was recognised, and what follows from both.

use std::time::{Duration, SystemTime};

use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::{Choice, Leniencies, Leniency};
use scimgate_scim::profile::Profile;
use scimgate_scim::recognition::{self, Signal, Strength};

use crate::operation::admin::tenants;
use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::operation::leniency_use;
use crate::operation::resource::write::MAX_ATTEMPTS;
use crate::store::tenant::Tenant;
use crate::store::tenant::client::ClientRow;
use crate::store::tenant::leniency_use::Use;

/// From when on a certain signal for another client is believed over an earlier one. Where two providers write to one
/// tenant, that is how often it is written down anew.
const OLD: Duration = Duration::from_hours(1);

/// A leniency or a choice: one name is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// A leniency.
    Leniency(Leniency),
    /// A choice.
    Choice(Choice),
}

impl Switch {
    fn find(name: &str) -> Option<Self> {
        Leniency::find(name).map(Self::Leniency).or_else(|| Choice::find(name).map(Self::Choice))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Leniency(leniency) => leniency.name(),
            Self::Choice(choice) => choice.name(),
        }
    }

    fn set(self, set: Leniencies, on: bool) -> Leniencies {
        match self {
            Self::Leniency(leniency) if on => set.with(leniency),
            Self::Leniency(leniency) => set.without(leniency),
            Self::Choice(choice) => set.choosing(choice, on),
        }
    }
}

/// Who was recognised, by what, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recognised {
    /// The client.
    pub profile: Profile,
    /// The signal's name.
    pub signal: &'static str,
    /// How certain the signal is.
    pub strength: Strength,
    /// When it was seen first.
    pub at: SystemTime,
}

/// What is set of a tenant's SCIM client, and what was found out.
#[derive(Clone, Debug)]
pub struct Client {
    /// The profile that was chosen.
    pub profile: Profile,
    /// What was decided beside it, each with what was decided.
    pub decided: Vec<(Switch, bool)>,
    /// Who was recognised.
    pub recognised: Option<Recognised>,
    /// As it is stored.
    pub(crate) row: ClientRow,
}

impl Client {
    /// Reads what is stored. A word of a newer version is passed over: the older one does what it can.
    pub(crate) fn read(row: ClientRow) -> Self {
        let recognised = row.recognised.as_ref().and_then(|found| {
            Some(Recognised {
                profile: Profile::find(&found.profile)?,
                signal: recognition::find(&found.signal)?.name,
                strength: Strength::from_word(&found.strength)?,
                at: found.at,
            })
        });
        let decided = |names: &[String], on: bool| -> Vec<(Switch, bool)> {
            names.iter().filter_map(|name| Switch::find(name)).map(|switch| (switch, on)).collect()
        };
        let decided = [decided(&row.refused, false), decided(&row.allowed, true)].concat();
        Self { profile: Profile::find(&row.profile).unwrap_or(Profile::Auto), decided, recognised, row }
    }

    /// What the client gets. A restore gives one person's account to whoever comes with the name, and a PUT that clears
    /// nothing keeps what is to go: a habit that others may have, too, is not enough for that.
    #[must_use]
    pub fn leniencies(&self) -> Leniencies {
        let mut by_profile = self.profile.leniencies(self.recognised.map(|found| found.profile));
        let is_guessed = self.recognised.is_some_and(|found| found.strength == Strength::Likely);
        if self.profile == Profile::Auto && is_guessed {
            by_profile = by_profile
                .without(Leniency::RestoreDeactivated)
                .without(Leniency::RestoreDeleted)
                .choosing(Choice::PutKeepsOmitted, false);
        }
        self.decided.iter().fold(by_profile, |set, (switch, on)| switch.set(set, *on))
    }

    pub(crate) fn is_news(&self, signal: &Signal, now: SystemTime) -> bool {
        let known = self.recognised.as_ref();
        let is_old = known.is_some_and(|it| now.duration_since(it.at).is_ok_and(|age| age >= OLD));
        recognition::outranks((signal.profile, signal.strength), known.map(|it| (it.profile, it.strength)), is_old)
    }
}

/// What an operator wants changed.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Another profile, or the same anew: who was recognised is forgotten.
    pub profile: Option<String>,
    /// Leniencies and choices to allow, whatever the profile says.
    pub allow: Vec<String>,
    /// Those to refuse.
    pub refuse: Vec<String>,
    /// Those to leave to the profile again.
    pub reset: Vec<String>,
}

/// A tenant's SCIM client, and what of the leniencies it used; of other replicas what is older than a second.
///
/// # Errors
/// 404 where there is no such tenant.
pub async fn show(gateway: &Gateway, name: &str) -> Result<(Client, Vec<Use>), Error> {
    let tenant = tenants::get(gateway, name).await?;
    leniency_use::flush::write_of(gateway, tenant.id).await?;
    let used = gateway.store.tenant(tenant.id).uses().await?;
    Ok((Client::read(tenant.client), used))
}

/// Chooses a profile, or decides single leniencies and choices. Two that do so at once lose neither's decision.
///
/// # Errors
/// 400 for a name that is none, 404 where there is no such tenant, 503 where its settings change all the time.
pub async fn set(gateway: &Gateway, name: &str, change: &Change) -> Result<(Tenant, Client), Error> {
    for _ in 0..MAX_ATTEMPTS {
        let tenant = tenants::get(gateway, name).await?;
        let row = change.apply(tenant.client.clone())?;
        let since = (tenant.config_epoch, gateway.clock.now());
        if gateway.store.tenant(tenant.id).set_client(&row, change.profile.is_some(), since).await? {
            gateway.forget(tenant.id).await;
            let client = Client::read(row.clone());
            return Ok((Tenant { client: row, ..tenant }, client));
        }
    }
    Err(Error::Contended)
}

impl Change {
    /// What the settings are with it.
    fn apply(&self, mut row: ClientRow) -> Result<ClientRow, Error> {
        if let Some(profile) = &self.profile {
            let known =
                Profile::find(profile).ok_or_else(|| unknown("profile", profile, &Profile::ALL.map(Profile::name)))?;
            known.name().clone_into(&mut row.profile);
            row.recognised = None;
        }
        for (names, decision) in [(&self.reset, None), (&self.refuse, Some(false)), (&self.allow, Some(true))] {
            for name in names {
                let switch = Switch::find(name).ok_or_else(|| unknown("leniency or choice", name, &switches()))?;
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

fn switches() -> Vec<&'static str> {
    let leniencies = Leniency::ALL.iter().map(|it| it.name());
    leniencies.chain(Choice::ALL.iter().map(|it| it.name())).collect()
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    ScimError::new(400, format!("There is no {what} called \"{name}\"; there are {}.", known.join(", "))).into()
}
