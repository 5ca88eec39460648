//! Provisioning on demand: one user and its membership, at once, and in the default dialect whatever the flag says.

use super::Entra;
use super::wire::Form;
use crate::attribute::TITLE;
use crate::change::Change;
use crate::error::Error;
use crate::model::{Life, Model};
use crate::population::Part;
use crate::provider::Provider as _;
use crate::step::Step;

impl Entra<'_> {
    /// Probe, then a new user and one that is there, then the membership of the new one.
    pub(super) async fn on_demand(&self, model: &mut Model) -> Result<(), Error> {
        self.play.session.begin(Step::OnDemand, 0);
        self.probe_users().await?;
        let mut new = self.play.population.user(model.users.len());
        new.values.retain(|attribute, _| self.play.mapped.contains(attribute));
        self.provision(&mut new).await?;
        let at_rest = |index| self.play.population.part(index) == Part::Constant;
        if let Some(user) = model.users.iter_mut().find(|user| at_rest(user.index)) {
            self.provision(user).await?;
            let title = Change::of(&user.values, TITLE, Some("Provisioned on demand".into()));
            if title.is_one() && self.play.mapped.contains(&TITLE) {
                self.change_in(Form::Default, user, &[title]).await?;
            }
        }
        let group = model.groups.iter_mut().find(|group| matches!(group.life, Life::Living(_)));
        if let (Some(group), Some(id)) = (group, new.life.id().map(str::to_owned)) {
            let found = self.find_group(group).await?;
            if found.is_some_and(|found| !found.is_empty()) && !group.members.contains(&id) {
                self.add_members(Form::Default, group, &[id]).await?;
            }
        }
        model.users.push(new);
        Ok(())
    }
}
