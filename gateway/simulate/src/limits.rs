//! How many members one request may add to a group. Below the server's limit all of them must be members afterwards; above
//! it the response must be 413 and state the limit, and the group must be unchanged.

use reqwest::Method;

use crate::client::Request;
use crate::compare::{MemberChange, members};
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::message;
use crate::model::{Group, User};
use crate::options::{Options, Size};
use crate::report::{Report, Variant};
use crate::resource_type::ResourceType;
use crate::simulation::Simulation;
use crate::step::{Progress, Step};

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (limits)");
/// The digits of a status.
const STATUS_CHARS: usize = 3;

/// What must be provisioned for these numbers of members: as many users as the largest one, and a group for each.
#[must_use]
pub fn size(sizes: &[usize]) -> Size {
    let users = sizes.iter().copied().max().unwrap_or_default();
    Size { users, groups: sizes.len(), members_per_group: 0, cycles: 0 }
}

/// Adds these numbers of members to a group each. The report says what the server does wrong.
///
/// # Errors
/// It cannot start.
pub async fn run(options: &Options, sizes: &[usize], progress: &dyn Progress) -> Result<Report, Error> {
    let simulation = Simulation::new(options, USER_AGENT, progress)?;
    simulation.session.begin_step(Step::TestConnection, 0);
    simulation.probe_unknown_user("userName", &[]).await?;
    let mut notes = Vec::new();
    let stopped = Box::pin(try_all(&simulation, sizes, &mut notes)).await.err();
    Ok(Report { notes, ..Report::new(options, Variant::of("limits"), simulation.session.finish(), stopped) })
}

async fn try_all(simulation: &Simulation<'_>, sizes: &[usize], notes: &mut Vec<String>) -> Result<(), Error> {
    let mut model = simulation.model();
    model.groups.iter_mut().for_each(|group| group.external_id.clear());
    simulation.session.begin_step(Step::InitialUsers, model.users.len());
    let create = async |user: &mut User| {
        let body = message::user_with(&user.values, []);
        simulation.ensure_user(user, body).await
    };
    simulation.session.each(&mut model.users, create).await?;
    simulation.session.begin_step(Step::Limits, sizes.len());
    let ids: Vec<String> = model.user_ids().into_iter().flatten().collect();
    for (size, group) in sizes.iter().zip(&mut model.groups) {
        let body = message::group(group, None);
        simulation.ensure_empty_group(group, body).await?;
        let members = &ids[..ids.len().min(*size)];
        notes.push(format!("{} members at once: {}", members.len(), add(simulation, group, members).await?));
    }
    if simulation.options.keep { Ok(()) } else { simulation.clean_up(&model).await }
}

/// Adds members at once. Returns a short description of the response.
async fn add(simulation: &Simulation<'_>, group: &mut Group, ids: &[String]) -> Result<String, Error> {
    let (Some(id), label) = (group.presence.id().map(str::to_owned), group.label()) else {
        return Ok("no group".to_owned());
    };
    let path = ResourceType::Group.path_of(&id);
    let request = Request::new("add members", Method::PATCH, path.clone());
    let response = simulation.session.send(request.body(message::patch(vec![message::add(ids)]))).await?;
    let change = MemberChange { removed: &[], added: ids };
    match response.status {
        200 | 204 => {
            change.apply(&mut group.members);
            simulation.compare_members(group, change, response.body()).await?;
            return Ok("accepted".to_owned());
        }
        413 if response.describe().chars().skip(STATUS_CHARS).any(|letter| letter.is_ascii_digit()) => {}
        413 => {
            let finding = Finding::new(Kind::LimitUnnamed, &label).attribute("detail");
            simulation.session.report(finding.expected("413 with the limit in its detail").seen(response.describe()));
        }
        _ => simulation.session.report_status(&label, ("add members", "2xx, or 413 if they are too many,"), &response),
    }
    if let Some(group) = simulation.session.read(Request::new("read group", Method::GET, path), &label).await? {
        let members = members(&group);
        if !members.is_empty() {
            let finding = Finding::new(Kind::MemberStranger, &label).attribute("members");
            simulation
                .session
                .report(finding.expected("none, after a refusal").seen(format!("{} members", members.len())));
        }
    }
    Ok(format!("refused, {}", response.describe()))
}
