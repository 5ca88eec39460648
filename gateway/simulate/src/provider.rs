//! What providers do differently, with the behaviour of most of them as the default. Everything else is the same for all.

use serde_json::Value;

use crate::attribute::{ACTIVE, USER_NAME};
use crate::change::Change;
use crate::compare::MemberChange;
use crate::error::Error;
use crate::list::id;
use crate::message;
use crate::model::{Group, Model, User};
use crate::simulation::Simulation;
use crate::users::Match;

/// A simulated identity provider.
pub(crate) trait Provider {
    /// Whether it clears values that were removed at its side.
    const CLEARS_ATTRIBUTES: bool = true;
    /// Whether it sends a group's id as `externalId`.
    const SENDS_GROUP_EXTERNAL_ID: bool = false;
    /// Whether it sends references to managers.
    const SENDS_MANAGERS: bool = false;

    fn simulation(&self) -> &Simulation<'_>;

    /// Looks a user up.
    async fn find(&self, user: &User) -> Result<Match, Error> {
        self.simulation().find_user(user, USER_NAME, &[]).await
    }

    /// The body of the POST that creates a user.
    fn user_body(&self, user: &User) -> Value {
        message::user_with(&user.values, [])
    }

    /// Sends changes, of which there is at least one.
    async fn send_changes(&self, user: &mut User, changes: &[Change], cycle: usize) -> Result<(), Error>;

    /// Looks a group up; `None` if the response cannot be used.
    async fn find_group(&self, group: &Group) -> Result<Option<Vec<Value>>, Error> {
        self.simulation().find_group(("displayName", &group.display_name), &[]).await
    }

    /// The body of the POST that creates a group.
    fn group_body(&self, group: &Group) -> Value;

    /// Sends a group's new name, which the model already has. Returns the body of the response; `None` if it was refused.
    async fn send_group_name(&self, group: &Group, _cycle: usize) -> Result<Option<Value>, Error> {
        self.simulation().patch_group("rename group", group, message::rename(&group.display_name)).await
    }

    /// Removes and adds members, and compares the members afterwards.
    async fn change_members(&self, group: &mut Group, change: MemberChange<'_>, cycle: usize) -> Result<(), Error>;

    /// Creates a user.
    async fn create(&self, user: &mut User) -> Result<(), Error> {
        let body = self.user_body(user);
        self.simulation().create_user(user, body).await
    }

    /// Looks a user up, and creates or changes it.
    async fn provision(&self, user: &mut User) -> Result<(), Error> {
        match self.find(user).await? {
            Match::Unusable => Ok(()),
            Match::None => self.create(user).await,
            Match::One(found) => {
                let changes = self.simulation().adopt(user, &found);
                self.change(user, changes, 0).await
            }
        }
    }

    /// Sends those changes that are effective and concern mapped attributes.
    async fn change(&self, user: &mut User, mut changes: Vec<Change>, cycle: usize) -> Result<(), Error> {
        changes.retain(|change| change.is_effective() && self.simulation().mapped.contains(&change.attribute));
        if changes.is_empty() || user.presence.id().is_none() {
            return Ok(());
        }
        self.send_changes(user, &changes, cycle).await
    }

    /// Activates or deactivates a user.
    async fn set_active(&self, user: &mut User, active: bool, cycle: usize) -> Result<(), Error> {
        let change = Change::of(&user.values, ACTIVE, Some(active.into()));
        self.change(user, vec![change], cycle).await
    }

    /// Looks a deactivated user up and activates it; it must keep its id.
    async fn reactivate(&self, user: &mut User, cycle: usize) -> Result<(), Error> {
        let Some(before) = user.presence.id().map(str::to_owned) else { return Ok(()) };
        match self.find(user).await? {
            Match::Unusable => return Ok(()),
            Match::None => {
                self.simulation().recreate_unfound(user, self.user_body(user)).await?;
                return self.set_active(user, true, cycle).await;
            }
            Match::One(found) => self.simulation().check_same_id(user, &before, id(&found)),
        }
        self.set_active(user, true, cycle).await?;
        if let Match::One(found) = self.find(user).await? {
            self.simulation().check_same_id(user, &before, id(&found));
        }
        Ok(())
    }

    /// Sends what the provider sends for a deleted user.
    async fn delete(&self, user: &mut User) -> Result<(), Error> {
        self.simulation().delete_user(user).await
    }

    /// Sends the manager of a user in a cycle, the initial one being 0.
    async fn send_manager(&self, _: &mut User, _ids: &[Option<String>], _cycle: usize) -> Result<(), Error> {
        Ok(())
    }

    /// Looks a group up, and creates it if it is missing, or renames it.
    async fn provision_group(&self, group: &mut Group) -> Result<(), Error> {
        let Some(found) = self.find_group(group).await? else { return Ok(()) };
        self.simulation().check_single_group(group, &found);
        let Some(found) = found.first() else {
            let body = self.group_body(group);
            return self.simulation().create_group(group, body).await;
        };
        if self.simulation().adopt_group(group, id(found)).await? {
            return Ok(());
        }
        match self.send_group_name(group, 0).await? {
            Some(response) => self.simulation().check_renamed(group, "", &response).await,
            None => Ok(()),
        }
    }

    /// Renames a group.
    async fn rename(&self, group: &mut Group, name: String, cycle: usize) -> Result<(), Error> {
        let before = std::mem::replace(&mut group.display_name, name);
        if let Some(response) = self.send_group_name(group, cycle).await? {
            return self.simulation().check_renamed(group, &before, &response).await;
        }
        group.display_name = before;
        Ok(())
    }

    /// What the provider does after the cycles, before everything is read back.
    async fn after_cycles(&self, _: &mut Model) -> Result<(), Error> {
        Ok(())
    }
}
