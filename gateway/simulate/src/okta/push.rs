//! Group push: the name first, then who left and who came, or all members at once; an empty list now and then.

use serde_json::Value;

use super::{Form, Okta, wire};
use crate::compare::Exchange;
use crate::error::Error;
use crate::model::Group;

/// How members are pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Who left by their paths, and who came in a list, in one request.
    Changes,
    /// All of them, path `members`.
    All,
    /// All of them, without a path and with the name.
    Pathless,
    /// An empty list, then all of them: a group that was emptied and filled between two pushes.
    Emptied,
}

const WAYS: [Way; 4] = [Way::Changes, Way::All, Way::Pathless, Way::Emptied];

impl Okta<'_> {
    /// The name, which goes before every push.
    pub(super) async fn push_name(&self, group: &Group) -> Result<Option<Value>, Error> {
        if self.form == Form::Wizard {
            return self.play.put_group(group).await;
        }
        let body = wire::rename(group.life.id().unwrap_or_default(), &group.display_name);
        self.play.patch_group("push name", group, body).await
    }

    /// Who left and who came.
    pub(super) async fn push(&self, group: &mut Group, exchange: Exchange<'_>, round: usize) -> Result<(), Error> {
        if self.form == Form::Wizard {
            return self.play.exchange_at_once(group, exchange, true).await;
        }
        let answer = self.push_name(group).await?.unwrap_or_default();
        if !group.members.is_empty() {
            // A push of the name must leave the members.
            let _ = self.play.compare_members(group, Exchange::default(), &answer).await?;
        }
        let mut members = group.members.clone();
        exchange.apply(&mut members);
        let all: Vec<String> = members.into_iter().collect();
        match WAYS[(group.index + round) % WAYS.len()] {
            Way::Changes => {
                let body = wire::exchange(exchange.removed, exchange.added);
                self.push_members(group, body, exchange).await
            }
            Way::All => self.push_members(group, wire::replace(&all), exchange).await,
            Way::Pathless => {
                let id = group.life.id().unwrap_or_default();
                let body = wire::replace_pathless(id, &group.display_name, &all);
                self.push_members(group, body, exchange).await
            }
            Way::Emptied => {
                let before: Vec<String> = group.members.iter().cloned().collect();
                self.push_members(group, wire::replace(&[]), Exchange { removed: &before, added: &[] }).await?;
                self.push_members(group, wire::replace(&all), Exchange { removed: &[], added: &all }).await
            }
        }
    }

    async fn push_members(&self, group: &mut Group, body: Value, exchange: Exchange<'_>) -> Result<(), Error> {
        let Some(answer) = self.play.patch_group("push members", group, body).await? else { return Ok(()) };
        exchange.apply(&mut group.members);
        self.play.compare_members(group, exchange, &answer).await.map(drop)
    }
}
