//! A tenant's SCIM client: the profile that was chosen, the client that was recognised, and the leniencies that follow.

use std::time::{Duration, SystemTime};

use scimgate_scim::leniency::{Choice, Leniencies, Leniency};
use scimgate_scim::profile::Profile;
use scimgate_scim::recognition::{self, Signal, Strength};

use crate::store::tenant::client::ClientRow;

/// Age after which a signal is outranked by an equally certain one for another client. Where two providers write to one
/// tenant, the recognised client changes at most that often.
const OLD: Duration = Duration::from_hours(1);

/// A leniency or a choice; the two share one set of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// A leniency.
    Leniency(Leniency),
    /// A choice.
    Choice(Choice),
}

impl Switch {
    pub(crate) fn find(name: &str) -> Option<Self> {
        Leniency::find(name).map(Self::Leniency).or_else(|| Choice::find(name).map(Self::Choice))
    }

    pub(crate) fn name(self) -> &'static str {
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

/// The client that was recognised, by which signal, and when.
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

/// What an operator set for a tenant's SCIM client, and what was recognised.
#[derive(Clone, Debug)]
pub struct Client {
    /// The profile that was chosen.
    pub profile: Profile,
    /// Single leniencies and choices that an operator allowed (`true`) or refused.
    pub decided: Vec<(Switch, bool)>,
    /// The client that was recognised.
    pub recognised: Option<Recognised>,
    /// As it is stored.
    pub(crate) row: ClientRow,
}

impl Client {
    /// Reads what is stored. Ignores names that a newer version wrote.
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

    /// The leniencies of the client. A restore gives one person's account to another with the same name, and a PUT that keeps
    /// omitted values keeps some that should go. So a signal that other clients may send, too, does not switch these on.
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
