//! Which roles and entitlements a user has by which group rule, as a member of which group.

use std::collections::HashMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::group_rules::Grant;
use crate::operation::group_rules::shown::has;
use crate::store::resource::read::Stored;

/// A value that a rule gives to a user by one group.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The rule's position among the tenant's rules, from 1.
    pub rule: usize,
    /// The value.
    pub grant: Grant,
    /// The group.
    pub group: Uuid,
    /// Its displayName; none where the membership is held, and gone at the source.
    pub group_name: Option<String>,
    /// Whether the mapped document has the value itself.
    pub is_in_document: bool,
}

/// What rules give to a user with this mapped document; nothing where the product does not see the user.
pub(super) async fn of(
    ctx: &Context,
    stored: &Stored,
    mapped: Option<&Map<String, Value>>,
) -> Result<Vec<Granted>, Error> {
    let rules = &ctx.settings.group_rules;
    let Some(mapped) = mapped.filter(|_| stored.resource_type == "User" && !rules.is_empty()) else {
        return Ok(Vec::new());
    };
    let names: HashMap<Uuid, &str> = stored.groups.iter().map(|group| (group.id, group.display.as_str())).collect();
    let mut all = Vec::new();
    for membership in ctx.store.ruled_memberships(&[stored.id], rules.keys()).await? {
        let group = membership.group.id;
        for index in rules.naming(&membership.group) {
            let Some(rule) = rules.rules().get(index) else { continue };
            all.push(Granted {
                rule: index + 1,
                grant: rule.grant.clone(),
                group,
                group_name: names.get(&group).map(|name| (*name).to_owned()),
                is_in_document: has(mapped, &rule.grant),
            });
        }
    }
    all.sort_by_key(|granted| (granted.rule, granted.group));
    Ok(all)
}
