//! Group rules: the members of a group have a role or an entitlement. The directory shows it beside what the mapped document has; no
//! document is changed.

pub mod shown;

use std::collections::{HashMap, HashSet};

use scimgate_scim::error::ScimError;
use scimgate_scim::fold::fold;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::operation::error::Error;
use crate::store::group_rules::{GroupKeys, GroupNames};

/// Most rules of a tenant.
pub const MAX_RULES: usize = 200;
/// Longest text in a rule, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;

/// What a rule gives: an attribute of a user with several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrantedAttribute {
    /// A role.
    Roles,
    /// An entitlement.
    Entitlements,
}

impl GrantedAttribute {
    /// The attribute's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Roles => "roles",
            Self::Entitlements => "entitlements",
        }
    }

    /// The word for one value.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::Roles => "role",
            Self::Entitlements => "entitlement",
        }
    }
}

/// A value that a rule gives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// The attribute that gets it.
    pub attribute: GrantedAttribute,
    /// What the product compares.
    pub value: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The kind of value.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether it is the primary one.
    #[serde(default)]
    pub primary: bool,
}

/// What names a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupName {
    /// Its id in the gateway.
    Id(Uuid),
    /// Its externalId, exactly.
    ExternalId(String),
    /// Its displayName, in any case.
    DisplayName(String),
}

/// A rule: the members of the groups with a name have a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The groups.
    pub group: GroupName,
    /// The value.
    pub grant: Grant,
}

/// A tenant's rules, in the operator's order, by what names their groups.
#[derive(Clone, Debug, Default)]
pub struct GroupRules {
    rules: Vec<Rule>,
    keys: GroupKeys,
    by_id: HashMap<Uuid, Vec<usize>>,
    by_external_id: HashMap<String, Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
}

impl GroupRules {
    /// Reads rules.
    ///
    /// # Errors
    /// 400 that names the rule: a text that is empty or too long, a value that another rule gives already or describes differently,
    /// too many rules.
    pub fn read(rules: Vec<Rule>) -> Result<Self, ScimError> {
        if rules.len() > MAX_RULES {
            let detail = format!("There are {} group rules; a tenant has at most {MAX_RULES}.", rules.len());
            return Err(ScimError::new(400, detail));
        }
        let mut known = Known::default();
        for (index, rule) in rules.iter().enumerate() {
            known.add(index, rule).map_err(|why| ScimError::new(400, format!("Rule {}: {why}", index + 1)))?;
        }
        Ok(Self::of(rules))
    }

    /// Rules that were read before.
    fn of(rules: Vec<Rule>) -> Self {
        let mut read = Self::default();
        for (index, rule) in rules.iter().enumerate() {
            match &rule.group {
                GroupName::Id(id) => read.by_id.entry(*id).or_default().push(index),
                GroupName::ExternalId(text) => {
                    read.by_external_id.entry(GroupKeys::external_id(text)).or_default().push(index);
                }
                GroupName::DisplayName(text) => read.by_name.entry(GroupKeys::name(text)).or_default().push(index),
            }
        }
        read.keys = GroupKeys {
            ids: read.by_id.keys().copied().collect(),
            external_ids: read.by_external_id.keys().cloned().collect(),
            names: read.by_name.keys().cloned().collect(),
        };
        Self { rules, ..read }
    }

    /// The rules, in the operator's order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the store looks the groups up by.
    #[must_use]
    pub fn keys(&self) -> &GroupKeys {
        &self.keys
    }

    /// Whether a change of a group's source may change which rules name it.
    #[must_use]
    pub fn have_names(&self) -> bool {
        !self.by_external_id.is_empty() || !self.by_name.is_empty()
    }

    /// The rules that name a group, by their indices, in order.
    #[must_use]
    pub fn naming(&self, group: &GroupNames) -> Vec<usize> {
        let by_id = self.by_id.get(&group.id);
        let by_external_id = group.external_id.as_ref().and_then(|key| self.by_external_id.get(key));
        let by_name = group.name.as_ref().and_then(|key| self.by_name.get(key));
        let mut found: Vec<usize> = [by_id, by_external_id, by_name].into_iter().flatten().flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What the members of a group have by the rules that name it, in order, each value once.
    #[must_use]
    pub fn grants(&self, group: &GroupNames) -> Vec<&Grant> {
        let mut grants: Vec<&Grant> = Vec::new();
        for grant in self.naming(group).into_iter().filter_map(|index| self.rules.get(index)).map(|rule| &rule.grant) {
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
        grants
    }

    /// The stored text.
    ///
    /// # Errors
    /// Never: a rule is made of texts.
    pub fn text(&self) -> Result<String, Error> {
        serde_json::to_string(&self.rules).map_err(|why| Error::Corrupt(format!("group rules: {why}")))
    }

    /// Rules from their stored text.
    ///
    /// # Errors
    /// What is stored cannot be understood.
    pub fn stored(text: &str) -> Result<Self, Error> {
        let rules = serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("group rules: {why}")))?;
        Ok(Self::of(rules))
    }
}

/// The rules before the one that is checked.
#[derive(Default)]
struct Known<'a> {
    /// What they give to which groups.
    given: HashSet<(String, GrantedAttribute, String)>,
    /// The first rule that gives a value.
    values: HashMap<(GrantedAttribute, String), (usize, &'a Grant)>,
    /// The first rule that gives a primary value of an attribute.
    primary: HashMap<GrantedAttribute, (usize, String)>,
}

impl<'a> Known<'a> {
    fn add(&mut self, index: usize, rule: &'a Rule) -> Result<(), String> {
        let Rule { group, grant } = rule;
        let group = match group {
            GroupName::Id(id) => format!("id {id}"),
            GroupName::ExternalId(text) => format!("externalId {}", checked("group.externalId", text)?),
            GroupName::DisplayName(text) => format!("displayName {}", fold(checked("group.displayName", text)?)),
        };
        let (attribute, one) = (grant.attribute, grant.attribute.singular());
        checked(&format!("{one}.value"), &grant.value)?;
        for (name, text) in [("display", &grant.display), ("type", &grant.kind)] {
            text.as_deref().map_or(Ok(""), |text| checked(&format!("{one}.{name}"), text))?;
        }
        let value = fold(&grant.value);
        if !self.given.insert((group, attribute, value.clone())) {
            return Err(format!("an earlier rule gives the {one} {} to the same group.", grant.value));
        }
        let (first, other) = *self.values.entry((attribute, value.clone())).or_insert((index, grant));
        if other != grant {
            return Err(format!(
                "rule {} describes the {one} {} differently; value, display, type and primary must be the same wherever it is given.",
                first + 1,
                grant.value
            ));
        }
        if grant.primary {
            let (first, other) = self.primary.entry(attribute).or_insert_with(|| (index, value.clone()));
            if *other != value {
                return Err(format!(
                    "rule {} gives another primary {one}; a member of both groups would have two.",
                    *first + 1
                ));
            }
        }
        Ok(())
    }
}

/// A text of a rule.
fn checked<'t>(name: &str, text: &'t str) -> Result<&'t str, String> {
    if text.trim().is_empty() {
        return Err(format!("{name} is empty."));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("{name} is longer than {MAX_TEXT_BYTES} bytes."));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{name} has a control character."));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
