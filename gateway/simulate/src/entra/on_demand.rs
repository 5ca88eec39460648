//! Provisioning on demand: one user and its membership, immediately, and always in the default dialect.

use super::Entra;
use super::bodies::Style;
use crate::attribute::TITLE;
use crate::change::Change;
use crate::error::Error;
use crate::model::{Model, Presence};
use crate::population::Role;
use crate::provider::Provider as _;
use crate::step::Step;

impl Entra<'_> {
    /// Sends the probe, then a new user and an existing one, then the membership of the new one.
    pub(super) async fn on_demand(&self, model: &mut Model) -> Result<(), Error> {
        self.simulation.session.begin_step(Step::OnDemand, 0);
        self.probe_users().await?;
        let mut new = self.simulation.population.user(model.users.len());
        new.values.retain(|attribute, _| self.simulation.mapped.contains(attribute));
        self.provision(&mut new).await?;
        let is_unchanged = |index| self.simulation.population.role(index) == Role::Unchanged;
        if let Some(user) = model.users.iter_mut().find(|user| is_unchanged(user.index)) {
            self.provision(user).await?;
            let title = Change::of(&user.values, TITLE, Some("Provisioned on demand".into()));
            if title.is_effective() && self.simulation.mapped.contains(&TITLE) {
                self.patch_user(Style::Default, user, &[title]).await?;
            }
        }
        let group = model.groups.iter_mut().find(|group| matches!(group.presence, Presence::Present(_)));
        if let (Some(group), Some(id)) = (group, new.presence.id().map(str::to_owned)) {
            let found = self.find_group(group).await?;
            if found.is_some_and(|found| !found.is_empty()) && !group.members.contains(&id) {
                self.add_members(Style::Default, group, &[id]).await?;
            }
        }
        model.users.push(new);
        Ok(())
    }
}
