//! Reads the gateway's directory as the product does, and compares it with the model. A mapping may change values, so only
//! those are compared that the directory reports as unchanged.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{ACTIVE, Attribute};
use crate::client::{Client, Request, Response};
use crate::compare::{self, Comparison};
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::model::{Group, Model, Presence, User};
use crate::options::{Directory, Pace};
use crate::session::Session;

const USER_AGENT: &str = "scimgate-simulate";
/// Resources per page.
const PAGE_SIZE: &str = "1000";
/// The product reads as fast as it can.
const PACE: Pace = Pace { rate: None, concurrency: 1 };

type ById = BTreeMap<String, Value>;

/// Checks that a directory can be read with its key.
///
/// # Errors
/// The directory cannot be reached, or refuses the key.
pub async fn check_access(directory: &Directory) -> Result<(), Error> {
    let client = client(directory)?;
    let request = Request::new("directory", Method::GET, "/users").query("limit", "1");
    let response = client.send(&request, |_| ()).await?;
    resources(&client, &response).map(drop)
}

fn client(directory: &Directory) -> Result<Client, Error> {
    Client::new(directory.base_url.clone(), directory.key.clone(), PACE, USER_AGENT)
}

/// Compares the end state as the product sees it.
pub(crate) async fn compare(
    session: &Session<'_>,
    directory: &Directory,
    (model, mapped): (&Model, &BTreeSet<Attribute>),
) -> Result<Comparison, Error> {
    let client = client(directory)?;
    let users = read(session, &client, ("directory users", "/users")).await?;
    let groups = read(session, &client, ("directory groups", "/groups")).await?;
    let before = session.finding_count();
    let mut compared = Comparison { by: "directory", gone: model.deleted_count(), ..Comparison::default() };
    for user in &model.users {
        let Some(seen) = check_presence(session, (&user.presence, user.label()), &users) else { continue };
        compared.users += 1;
        compared.attributes += compare_user(session, user, (seen, mapped));
    }
    for group in &model.groups {
        let Some(seen) = check_presence(session, (&group.presence, group.label()), &groups) else { continue };
        compared.groups += 1;
        compared.memberships += compare_group(session, group, (seen, &users));
    }
    compared.differences = session.finding_count() - before;
    Ok(compared)
}

async fn read(session: &Session<'_>, client: &Client, (name, path): (&'static str, &str)) -> Result<ById, Error> {
    let (mut found, mut cursor) = (ById::new(), String::new());
    loop {
        let request = Request::new(name, Method::GET, path).query("limit", PAGE_SIZE);
        let request = if cursor.is_empty() { request } else { request.query("cursor", &cursor) };
        let response = session.send_by(client, &request).await?;
        let page = resources(client, &response)?;
        found.extend(page.iter().map(|resource| (id(resource).to_owned(), resource.clone())));
        match response.body().get("nextCursor").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut cursor),
            None => return Ok(found),
        }
    }
}

/// The resources of a page.
fn resources<'a>(client: &Client, response: &'a Response) -> Result<&'a Vec<Value>, Error> {
    let page = response.body().get("resources").and_then(Value::as_array).filter(|_| response.status == 200);
    page.ok_or_else(|| Error::Directory { address: client.base_url().as_str().to_owned(), status: response.status })
}

/// Returns the document of a present resource, and reports one that is missing or should be gone.
fn check_presence<'a>(
    session: &Session<'_>,
    (presence, label): (&Presence, String),
    found: &'a ById,
) -> Option<&'a Value> {
    let finding = |kind| Finding::new(kind, label).attribute("place in the directory");
    match presence {
        Presence::Absent => None,
        Presence::Deleted(id) => {
            if found.contains_key(id) {
                session.report(finding(Kind::StillInDirectory).expected("nothing").seen("a document"));
            }
            None
        }
        Presence::Present(id) => {
            let seen = found.get(id);
            if seen.is_none() {
                session.report(finding(Kind::MissingInDirectory).expected("a document").seen("nothing"));
            }
            seen
        }
    }
}

/// Returns how many attributes were compared.
fn compare_user(session: &Session<'_>, user: &User, (seen, mapped): (&Value, &BTreeSet<Attribute>)) -> u64 {
    // No mapping may change who has access.
    let active = BTreeSet::from([ACTIVE]);
    let compared = if seen["mappingState"] == "same" { mapped } else { &active };
    for finding in compare::check_values(&user.label(), &user.values, compared, seen) {
        let attribute = format!("{} in the directory", finding.attribute);
        session.report(finding.of_kind(Kind::DirectoryDiffers).attribute(attribute));
    }
    u64::try_from(compared.len()).unwrap_or_default()
}

/// Returns how many members were compared. Users that the mapping excludes are not members here.
fn compare_group(session: &Session<'_>, group: &Group, (seen, users): (&Value, &ById)) -> u64 {
    let expected: BTreeSet<String> = group.members.iter().filter(|id| users.contains_key(*id)).cloned().collect();
    let members = compare::members(seen);
    if members != expected {
        let finding = Finding::new(Kind::DirectoryMembersDiffer, group.label()).attribute("members in the directory");
        let (expected, seen) = compare::describe_sets(&expected, &members);
        session.report(finding.expected(expected).seen(seen));
    }
    u64::try_from(expected.len()).unwrap_or_default()
}
