//! What clients do in their own ways; where one says nothing, it does as most do. What is not here is the same for all of
//! them.

use serde_json::Value;

use crate::attribute::{ACTIVE, USER_NAME};
use crate::change::Change;
use crate::compare::Exchange;
use crate::error::Error;
use crate::list::id;
use crate::message;
use crate::model::{Group, Model, User};
use crate::play::Play;
use crate::users::Match;

/// A client of a kind.
pub(super) trait Provider {
    /// Whether it takes away values that are gone at its side.
    const CLEARS: bool = true;
    /// Whether it tells a group's id at its side.
    const NAMES_GROUPS: bool = false;
    /// Whether it sends references to managers.
    const REFERS: bool = false;

    /// What it works with.
    fn play(&self) -> &Play<'_>;

    /// Looks for a user.
    async fn find(&self, user: &User) -> Result<Match, Error> {
        self.play().find_user(user, USER_NAME, &[]).await
    }

    /// The body of the POST that makes a user.
    fn new_user(&self, user: &User) -> Value {
        message::user_with(&user.values, [])
    }

    /// Sends changes, of which there are some. `round` differs with each cycle.
    async fn send(&self, user: &mut User, changes: &[Change], round: usize) -> Result<(), Error>;

    /// Looks for a group; none where the answer cannot be used.
    async fn find_group(&self, group: &Group) -> Result<Option<Vec<Value>>, Error> {
        self.play().find_group(("displayName", &group.display_name), &[]).await
    }

    /// The body of the POST that makes a group.
    fn new_group(&self, group: &Group) -> Value;

    /// Sends a group's new name, which it already has here; gives what the answer shows, and none where it was refused.
    async fn send_name(&self, group: &Group, _round: usize) -> Result<Option<Value>, Error> {
        self.play().patch_group("rename group", group, message::rename(&group.display_name)).await
    }

    /// Sends who leaves a group and who comes, and compares the members afterwards.
    async fn exchange(&self, group: &mut Group, exchange: Exchange<'_>, round: usize) -> Result<(), Error>;

    /// Makes a user.
    async fn create(&self, user: &mut User) -> Result<(), Error> {
        let body = self.new_user(user);
        self.play().create_user(user, body).await
    }

    /// Looks for a user, and makes or changes it.
    async fn provision(&self, user: &mut User) -> Result<(), Error> {
        match self.find(user).await? {
            Match::Unclear => Ok(()),
            Match::Nobody => self.create(user).await,
            Match::One(found) => {
                let changes = self.play().adopt(user, &found);
                self.change(user, changes, 0).await
            }
        }
    }

    /// Sends those changes that are some, of attributes that are mapped.
    async fn change(&self, user: &mut User, mut changes: Vec<Change>, round: usize) -> Result<(), Error> {
        changes.retain(|change| change.is_one() && self.play().mapped.contains(&change.attribute));
        if changes.is_empty() || user.life.id().is_none() {
            return Ok(());
        }
        self.send(user, &changes, round).await
    }

    /// Activates or deactivates.
    async fn set_active(&self, user: &mut User, active: bool, round: usize) -> Result<(), Error> {
        let change = Change::of(&user.values, ACTIVE, Some(active.into()));
        self.change(user, vec![change], round).await
    }

    /// Who comes back is looked for again, activated, and must be the same one.
    async fn restore(&self, user: &mut User, round: usize) -> Result<(), Error> {
        let Some(before) = user.life.id().map(str::to_owned) else { return Ok(()) };
        match self.find(user).await? {
            Match::Unclear => return Ok(()),
            Match::Nobody => {
                self.play().create_unfound(user, self.new_user(user)).await?;
                return self.set_active(user, true, round).await;
            }
            Match::One(found) => self.play().is_still(user, &before, id(&found)),
        }
        self.set_active(user, true, round).await?;
        if let Match::One(found) = self.find(user).await? {
            self.play().is_still(user, &before, id(&found));
        }
        Ok(())
    }

    /// What becomes of a user that is deleted at the client's side.
    async fn end(&self, user: &mut User) -> Result<(), Error> {
        self.play().delete_user(user).await
    }

    /// Sends the manager of a user in a cycle, the initial one being 0.
    async fn refer(&self, _: &mut User, _ids: &[Option<String>], _cycle: usize) -> Result<(), Error> {
        Ok(())
    }

    /// Looks for a group, and makes it where it is missing, or renames it.
    async fn provision_group(&self, group: &mut Group) -> Result<(), Error> {
        let Some(found) = self.find_group(group).await? else { return Ok(()) };
        self.play().several_groups(group, &found);
        let Some(found) = found.first() else {
            let body = self.new_group(group);
            return self.play().create_group(group, body).await;
        };
        if self.play().adopt_group(group, id(found)).await? {
            return Ok(());
        }
        match self.send_name(group, 0).await? {
            Some(answer) => self.play().is_renamed(group, "", &answer).await,
            None => Ok(()),
        }
    }

    /// Renames a group.
    async fn rename(&self, group: &mut Group, name: String, round: usize) -> Result<(), Error> {
        let before = std::mem::replace(&mut group.display_name, name);
        if let Some(answer) = self.send_name(group, round).await? {
            return self.play().is_renamed(group, &before, &answer).await;
        }
        group.display_name = before;
        Ok(())
    }

    /// What it does after the cycles and before everything is read back.
    async fn afterwards(&self, _: &mut Model) -> Result<(), Error> {
        Ok(())
    }
}
