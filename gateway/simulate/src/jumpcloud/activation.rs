//! The button *Activate*: a test user and a test group are created, the user joins and leaves the group, the group is
//! renamed, and both are deleted without a trace.

use std::collections::BTreeSet;

use reqwest::Method;

use super::JumpCloud;
use crate::attribute::{ACTIVE, DISPLAY_NAME, EXTERNAL_ID, FAMILY_NAME, GIVEN_NAME, MAIL, USER_NAME};
use crate::client::Request;
use crate::compare::MemberChange;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::model::{Group, Presence, User, Values};
use crate::provider::Provider as _;
use crate::requests::quote;
use crate::resource_type::ResourceType;
use crate::step::Step;

impl JumpCloud<'_> {
    /// The button *Test Connection*.
    pub(super) async fn connect(&self) -> Result<(), Error> {
        self.simulation.session.begin_step(Step::TestConnection, 0);
        let request = Request::new("probe users", Method::GET, ResourceType::User.path());
        let filter = format!("userName eq {}", quote(self.test_user().text(USER_NAME)));
        let _ = self.simulation.probe_users(request.query("filter", filter)).await?;
        if self.simulation.options.size.groups > 0 {
            let request = Request::new("probe groups", Method::GET, ResourceType::Group.path());
            let filter = format!("displayName eq {}", quote(&self.test_group().display_name));
            let _ = self.simulation.probe_groups(request.query("filter", filter)).await?;
        }
        Ok(())
    }

    /// The button *Activate*.
    pub(super) async fn activate(&self) -> Result<(), Error> {
        self.simulation.session.begin_step(Step::Activation, 0);
        let mut user = self.test_user();
        self.provision(&mut user).await?;
        if self.simulation.options.size.groups > 0 {
            let mut group = self.test_group();
            self.provision_group(&mut group).await?;
            self.join_and_leave(&user, &mut group).await?;
            let name = format!("{} renamed", group.name);
            self.rename(&mut group, name, 0).await?;
            self.simulation.delete_group(&mut group).await?;
            self.check_group_gone(&group).await?;
        }
        // Deleting a user includes a search by its name.
        self.simulation.delete_user(&mut user).await
    }

    async fn join_and_leave(&self, user: &User, group: &mut Group) -> Result<(), Error> {
        let (Presence::Present(member), Presence::Present(_)) = (&user.presence, &group.presence) else {
            return Ok(());
        };
        let one = std::slice::from_ref(member);
        self.change_members(group, MemberChange { removed: &[], added: one }, 0).await?;
        self.change_members(group, MemberChange { removed: one, added: &[] }, 0).await
    }

    async fn check_group_gone(&self, group: &Group) -> Result<(), Error> {
        if matches!(group.presence, Presence::Deleted(_))
            && self.find_group(group).await?.is_some_and(|it| !it.is_empty())
        {
            let finding = Finding::new(Kind::DeletedStillThere, group.label());
            self.simulation.session.report(finding.expected("an empty list for its name").seen("the deleted group"));
        }
        Ok(())
    }

    /// The test user has the address that an administrator enters.
    fn test_user(&self) -> User {
        let name = format!("scim-test@{}", self.simulation.population.domain());
        let values = Values::from([
            (USER_NAME, name.as_str().into()),
            (EXTERNAL_ID, self.simulation.population.seed.guid("test user", 0).into()),
            (ACTIVE, true.into()),
            (DISPLAY_NAME, "SCIM Test".into()),
            (GIVEN_NAME, "SCIM".into()),
            (FAMILY_NAME, "Test".into()),
            (MAIL, name.as_str().into()),
        ]);
        User { index: usize::MAX, name, presence: Presence::Absent, values }
    }

    fn test_group(&self) -> Group {
        let name = format!("SCIM test group (seed {})", self.simulation.population.seed.0);
        Group {
            index: 0,
            presence: Presence::Absent,
            display_name: name.clone(),
            name,
            external_id: String::new(),
            initial_members: Vec::new(),
            members: BTreeSet::new(),
        }
    }
}
