//! What an operator sets of group rules, which groups they name, and whether the product was sent what they change.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::operation::error::Error;
use crate::operation::group_rules::{GroupRules, Rule};
use crate::operation::operator::{Operator, log_change};

/// A tenant's group rules.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The rules, each with the number of groups that it names and the product sees.
    pub rules: Vec<(Rule, usize)>,
    /// When they were set; none where none ever were.
    pub changed_at: Option<SystemTime>,
    /// The operator key's id, or the name of a command.
    pub changed_by: Option<String>,
    /// Whether the product was sent an event of every user of whom it sees something else by them.
    pub announced: bool,
}

/// A tenant's rules.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn get(operator: &Operator, tenant: &str) -> Result<Shown, Error> {
    let row = operator.tenant(tenant).await?;
    let store = operator.gateway.store.tenant(row.id);
    let Some(found) = store.group_rules().await? else {
        return Ok(Shown { rules: Vec::new(), changed_at: None, changed_by: None, announced: true });
    };
    let rules = GroupRules::stored(&found.rules)?;
    let mut named = vec![0; rules.rules().len()];
    if !rules.is_empty() {
        for group in store.ruled_groups(rules.keys()).await? {
            for index in rules.naming(&group) {
                named[index] += 1;
            }
        }
    }
    Ok(Shown {
        rules: rules.rules().iter().cloned().zip(named).collect(),
        changed_at: Some(found.changed_at),
        changed_by: Some(found.changed_by),
        announced: store.is_announced().await?,
    })
}

/// Sets them. The directory shows what they give at once; a job announces the users of whom it shows something else.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a rule that cannot hold.
pub async fn set(operator: &Operator, tenant: &str, rules: Vec<Rule>) -> Result<Shown, Error> {
    let row = operator.tenant(tenant).await?;
    let rules = GroupRules::read(rules)?;
    let (gateway, store) = (&operator.gateway, operator.gateway.store.tenant(row.id));
    let before = store.group_rules().await?.map(|found| GroupRules::stored(&found.rules)).transpose()?;
    let entry = operator.change_of(&row, "group-rules.set", tenant);
    let entry = entry.before(&shown(&before.unwrap_or_default())).after(&shown(&rules));
    store.audited(entry).set_group_rules(&rules.text()?, (&operator.actor, gateway.clock.now())).await?;
    gateway.forget_tenant(row.id).await;
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %row.id, rules = rules.rules().len(), "group rules set");
    get(operator, tenant).await
}

/// Rules as the audit has them.
fn shown(rules: &GroupRules) -> Value {
    json!(rules.rules())
}
