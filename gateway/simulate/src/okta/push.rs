//! Group push: the name first, then the changed members or all members; sometimes an empty list.

use serde_json::Value;

use super::{Okta, OktaApp, bodies};
use crate::compare::MemberChange;
use crate::error::Error;
use crate::model::Group;

/// How members are pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PushForm {
    /// Removed members by path and added ones in a list, in one request.
    Changes,
    /// All members, with the path `members`.
    All,
    /// All members, without a path and with the name.
    Pathless,
    /// An empty list, then all members, as for a group that was emptied and filled between two pushes.
    Emptied,
}

const PUSH_FORMS: [PushForm; 4] = [PushForm::Changes, PushForm::All, PushForm::Pathless, PushForm::Emptied];

impl Okta<'_> {
    /// Pushes the name, as before every push of members.
    pub(super) async fn push_name(&self, group: &Group) -> Result<Option<Value>, Error> {
        if self.app == OktaApp::Wizard {
            return self.simulation.put_group(group).await;
        }
        let body = bodies::rename(group.presence.id().unwrap_or_default(), &group.display_name);
        self.simulation.patch_group("push name", group, body).await
    }

    /// Pushes a change of members.
    pub(super) async fn push(&self, group: &mut Group, change: MemberChange<'_>, cycle: usize) -> Result<(), Error> {
        if self.app == OktaApp::Wizard {
            return self.simulation.change_members_in_one_request(group, change, true).await;
        }
        let response = self.push_name(group).await?.unwrap_or_default();
        if !group.members.is_empty() {
            // A push of the name must keep the members.
            let _ = self.simulation.compare_members(group, MemberChange::default(), &response).await?;
        }
        let mut members = group.members.clone();
        change.apply(&mut members);
        let all: Vec<String> = members.into_iter().collect();
        match PUSH_FORMS[(group.index + cycle) % PUSH_FORMS.len()] {
            PushForm::Changes => {
                let body = bodies::change_members(change.removed, change.added);
                self.push_members(group, body, change).await
            }
            PushForm::All => self.push_members(group, bodies::replace(&all), change).await,
            PushForm::Pathless => {
                let id = group.presence.id().unwrap_or_default();
                let body = bodies::replace_pathless(id, &group.display_name, &all);
                self.push_members(group, body, change).await
            }
            PushForm::Emptied => {
                let before: Vec<String> = group.members.iter().cloned().collect();
                self.push_members(group, bodies::replace(&[]), MemberChange { removed: &before, added: &[] }).await?;
                self.push_members(group, bodies::replace(&all), MemberChange { removed: &[], added: &all }).await
            }
        }
    }

    async fn push_members(&self, group: &mut Group, body: Value, change: MemberChange<'_>) -> Result<(), Error> {
        let Some(response) = self.simulation.patch_group("push members", group, body).await? else { return Ok(()) };
        change.apply(&mut group.members);
        self.simulation.compare_members(group, change, &response).await.map(drop)
    }
}
