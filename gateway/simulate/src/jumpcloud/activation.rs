//! The button *Activate*: a test user and a test group are made, joined, parted, renamed and deleted, and nothing may be
//! left behind.

use std::collections::BTreeSet;

use reqwest::Method;

use super::JumpCloud;
use crate::attribute::{ACTIVE, DISPLAY_NAME, EXTERNAL_ID, FAMILY_NAME, GIVEN_NAME, MAIL, USER_NAME};
use crate::client::Ask;
use crate::compare::Exchange;
use crate::error::Error;
use crate::exchange::{Type, quoted};
use crate::finding::{Finding, Kind};
use crate::model::{Group, Life, User, Values};
use crate::provider::Provider as _;
use crate::step::Step;

impl JumpCloud<'_> {
    /// The button *Test Connection*.
    pub(super) async fn connect(&self) -> Result<(), Error> {
        self.play.session.begin(Step::TestConnection, 0);
        let ask = Ask::new("probe users", Method::GET, Type::User.path());
        let filter = format!("userName eq {}", quoted(self.test_user().text(USER_NAME)));
        let _ = self.play.probe_users(ask.query("filter", filter)).await?;
        if self.play.options.size.groups > 0 {
            let ask = Ask::new("probe groups", Method::GET, Type::Group.path());
            let filter = format!("displayName eq {}", quoted(&self.test_group().display_name));
            let _ = self.play.probe_groups(ask.query("filter", filter)).await?;
        }
        Ok(())
    }

    /// The button *Activate*.
    pub(super) async fn activate(&self) -> Result<(), Error> {
        self.play.session.begin(Step::Activation, 0);
        let mut user = self.test_user();
        self.provision(&mut user).await?;
        if self.play.options.size.groups > 0 {
            let mut group = self.test_group();
            self.provision_group(&mut group).await?;
            self.join_and_part(&user, &mut group).await?;
            let name = format!("{} renamed", group.name);
            self.rename(&mut group, name, 0).await?;
            self.play.delete_group(&mut group).await?;
            self.leaves_no_group(&group).await?;
        }
        // It looks by the user's name afterwards, too.
        self.play.delete_user(&mut user).await
    }

    async fn join_and_part(&self, user: &User, group: &mut Group) -> Result<(), Error> {
        let (Life::Living(member), Life::Living(_)) = (&user.life, &group.life) else { return Ok(()) };
        let one = std::slice::from_ref(member);
        self.exchange(group, Exchange { removed: &[], added: one }, 0).await?;
        self.exchange(group, Exchange { removed: one, added: &[] }, 0).await
    }

    async fn leaves_no_group(&self, group: &Group) -> Result<(), Error> {
        if matches!(group.life, Life::Deleted(_)) && self.find_group(group).await?.is_some_and(|it| !it.is_empty()) {
            let finding = Finding::new(Kind::DeletedStillThere, group.label());
            self.play.session.found(finding.expected("an empty list for its name").seen("the deleted group"));
        }
        Ok(())
    }

    /// The test user has the address that the administrator gave.
    fn test_user(&self) -> User {
        let name = format!("scim-test@{}", self.play.population.domain());
        let values = Values::from([
            (USER_NAME, name.as_str().into()),
            (EXTERNAL_ID, self.play.population.chance.guid("test user", 0).into()),
            (ACTIVE, true.into()),
            (DISPLAY_NAME, "SCIM Test".into()),
            (GIVEN_NAME, "SCIM".into()),
            (FAMILY_NAME, "Test".into()),
            (MAIL, name.as_str().into()),
        ]);
        User { index: usize::MAX, name, life: Life::Absent, values }
    }

    fn test_group(&self) -> Group {
        let name = format!("SCIM test group (seed {})", self.play.population.chance.seed());
        Group {
            index: 0,
            life: Life::Absent,
            display_name: name.clone(),
            name,
            external_id: String::new(),
            first_members: Vec::new(),
            members: BTreeSet::new(),
        }
    }
}
