//! Groups in Entra's cycles: looked for by name, made empty, renamed, deleted. Their members are in `members`.

use reqwest::Method;
use serde_json::Value;

use super::{Entra, wire};
use crate::simulate::client::Ask;
use crate::simulate::compare;
use crate::simulate::error::Error;
use crate::simulate::exchange::{Search, Type, quoted};
use crate::simulate::finding::{Finding, Kind};
use crate::simulate::list::id;
use crate::simulate::model::{Group, Life};

/// Every so many groups are renamed, and as many deleted in the last cycle.
const RENAMED: usize = 4;
const DELETED: usize = 5;

impl Entra<'_> {
    /// Looks for a group, and makes it where it is missing, or renames it.
    pub(super) async fn provision_group(&self, group: &mut Group) -> Result<(), Error> {
        let Some(mut found) = self.find_group("displayName", &group.display_name).await? else { return Ok(()) };
        if found.is_empty() && self.options.match_external_id {
            found = self.find_group("externalId", &group.external_id).await?.unwrap_or_default();
        }
        if found.len() > 1 {
            let finding = Finding::new(Kind::SeveralMatches, group.label()).attribute("displayName");
            self.session.found(finding.expected("one at most").seen(format!("{} groups", found.len())));
        }
        match found.first() {
            Some(found) => self.adopt_group(group, id(found).to_owned()).await,
            None => self.create_group(group).await,
        }
    }

    pub(super) async fn find_group(&self, by: &str, wanted: &str) -> Result<Option<Vec<Value>>, Error> {
        let filter = format!("{by} eq {}", quoted(wanted));
        let query = vec![("excludedAttributes", "members")];
        self.session.search(&Search { what: "find group", of: Type::Group, filter, query }).await
    }

    async fn create_group(&self, group: &mut Group) -> Result<(), Error> {
        let ask = Ask::new("create group", Method::POST, Type::Group.path()).body(wire::create_group(group));
        if let Some(made) = self.session.create(ask, Type::Group, &group.label()).await? {
            group.life = Life::Living(id(&made).to_owned());
        }
        Ok(())
    }

    /// A group of an earlier run. Entra does not read its members, and those that it knows nothing of stay; they are read
    /// here to know what must be there.
    async fn adopt_group(&self, group: &mut Group, id: String) -> Result<(), Error> {
        let ask = Ask::new("read group", Method::GET, Type::Group.one(&id));
        group.life = Life::Living(id);
        let Some(seen) = self.session.read(ask, &group.label()).await? else { return Ok(()) };
        group.members = compare::members(&seen);
        let name = seen.get("displayName").and_then(Value::as_str).unwrap_or_default();
        if name == group.display_name {
            return Ok(());
        }
        let wanted = group.display_name.clone();
        self.rename(group, wanted, 0).await
    }

    /// What a cycle changes of a group.
    pub(super) async fn change_group(
        &self,
        group: &mut Group,
        ids: &[Option<String>],
        cycle: usize,
    ) -> Result<(), Error> {
        if group.life.id().is_none() {
            return Ok(());
        }
        if group.index.is_multiple_of(RENAMED) {
            // The next cycle takes the name back.
            let mut name = self.population.group(group.index).display_name;
            if cycle % 2 == 1 {
                name.push_str(", renamed");
            }
            self.rename(group, name, cycle).await?;
        }
        self.exchange_members(group, ids, cycle).await?;
        if group.index % DELETED == DELETED - 1 && cycle == self.options.size.cycles {
            self.delete_group(group).await?;
        }
        Ok(())
    }

    async fn rename(&self, group: &mut Group, name: String, cycle: usize) -> Result<(), Error> {
        let (Some(id), label) = (group.life.id(), group.label()) else { return Ok(()) };
        let path = Type::Group.one(id);
        let body = wire::rename_group(self.form("rename", group.index + cycle * self.options.size.groups), &name);
        let ask = Ask::new("rename group", Method::PATCH, path.clone()).body(body);
        if !self.session.patch(ask, &label).await? {
            return Ok(());
        }
        let before = std::mem::replace(&mut group.display_name, name);
        let ask = Ask::new("read group head", Method::GET, path).query("excludedAttributes", "members");
        let Some(seen) = self.session.read(ask, &label).await? else { return Ok(()) };
        let shown = seen.get("displayName").and_then(Value::as_str).unwrap_or_default();
        if shown != group.display_name {
            let kind = if shown == before { Kind::ChangeIgnored } else { Kind::ValueAltered };
            let finding = Finding::new(kind, &label).attribute("displayName");
            self.session.found(finding.expected(&group.display_name).seen(shown));
        }
        Ok(())
    }

    async fn delete_group(&self, group: &mut Group) -> Result<(), Error> {
        let (Some(id), label) = (group.life.id().map(str::to_owned), group.label()) else { return Ok(()) };
        if self.session.delete(("delete group", "delete group again"), (Type::Group, &id), &label).await? {
            self.session.is_gone("read deleted group", (Type::Group, &id), &label).await?;
            group.life = Life::Deleted(id);
        }
        Ok(())
    }
}
