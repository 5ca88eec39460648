//! How much one request may bring: ever more members are added to a group at once. Under a server's limit all of them must be
//! there; above it the answer must be 413 and say what the limit is, and nothing may have been done.

use reqwest::Method;

use crate::client::Ask;
use crate::compare::{Exchange, members};
use crate::error::Error;
use crate::exchange::Type;
use crate::finding::{Finding, Kind};
use crate::message;
use crate::model::{Group, User};
use crate::options::{Options, Size};
use crate::play::Play;
use crate::report::{Played, Report};
use crate::step::{Step, Watcher};

const AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (limits)");
/// How much there is for these sizes: as many users as the largest one, and a group for each.
#[must_use]
pub fn size(sizes: &[usize]) -> Size {
    let users = sizes.iter().copied().max().unwrap_or_default();
    Size { users, groups: sizes.len(), members_per_group: 0, cycles: 0 }
}

/// Tries the limits: groups with these many members. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, sizes: &[usize], watcher: &dyn Watcher) -> Result<Report, Error> {
    let play = Play::new(options, AGENT, watcher)?;
    play.session.begin(Step::TestConnection, 0);
    play.probe_nobody("userName", &[]).await?;
    let mut notes = Vec::new();
    let stopped = Box::pin(try_all(&play, sizes, &mut notes)).await.err();
    let (seen, took) = play.session.end();
    Ok(Report::new(options, Played::plainly("limits"), &seen).of(took, Vec::new(), stopped).noting(notes))
}

async fn try_all(play: &Play<'_>, sizes: &[usize], notes: &mut Vec<String>) -> Result<(), Error> {
    let mut model = play.model();
    model.groups.iter_mut().for_each(|group| group.external_id.clear());
    play.session.begin(Step::InitialUsers, model.users.len());
    let create = async |user: &mut User| {
        let body = message::user_with(&user.values, []);
        play.have_user(user, body).await
    };
    play.session.each(&mut model.users, create).await?;
    play.session.begin(Step::Limits, sizes.len());
    let ids: Vec<String> = model.ids().into_iter().flatten().collect();
    for (size, group) in sizes.iter().zip(&mut model.groups) {
        let body = message::group(group, None);
        play.have_group(group, body).await?;
        let some = &ids[..ids.len().min(*size)];
        notes.push(format!("{} members at once: {}", some.len(), add(play, group, some).await?));
    }
    if play.options.keep { Ok(()) } else { play.clean_up(&model).await }
}

/// Gives what the server said, in short.
async fn add(play: &Play<'_>, group: &mut Group, ids: &[String]) -> Result<String, Error> {
    let (Some(id), label) = (group.life.id().map(str::to_owned), group.label()) else {
        return Ok("no group".to_owned());
    };
    let body = message::patch(vec![message::add(ids)]);
    let answer = play.session.ask(Ask::new("add members", Method::PATCH, Type::Group.one(&id)).body(body)).await?;
    let exchange = Exchange { removed: &[], added: ids };
    match answer.status {
        200 | 204 => {
            exchange.apply(&mut group.members);
            play.compare_members(group, exchange, answer.body()).await?;
            return Ok("accepted".to_owned());
        }
        413 if answer.describe().chars().skip(3).any(|letter| letter.is_ascii_digit()) => {}
        413 => {
            let finding = Finding::new(Kind::LimitUnnamed, &label).attribute("detail");
            play.session.found(finding.expected("413 with the limit in its detail").seen(answer.describe()));
        }
        _ => play.session.refused(&label, ("add members", "2xx, or 413 where they are too many,"), &answer),
    }
    let Some(seen) = play.session.read(Ask::new("read group", Method::GET, Type::Group.one(&id)), &label).await? else {
        return Ok(format!("refused, {}", answer.describe()));
    };
    let there = members(&seen);
    if !there.is_empty() {
        let finding = Finding::new(Kind::MemberStranger, &label).attribute("members");
        play.session.found(finding.expected("none, after a refusal").seen(format!("{} members", there.len())));
    }
    Ok(format!("refused, {}", answer.describe()))
}
