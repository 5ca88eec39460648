//! Reads the gateway's directory as the product does, and compares it with the model. A mapping may change values, so
//! those are compared only where the directory says that it changed nothing.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{ACTIVE, Attribute};
use crate::client::{Answer, Ask, Client};
use crate::compare::{self, Compared};
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::model::{Group, Life, Model, User};
use crate::options::{Directory, Pace};
use crate::readback::gone;
use crate::session::Session;

const AGENT: &str = "scimgate-simulate";
const PAGE: &str = "1000";
/// The product reads as fast as it can.
const PACE: Pace = Pace { rate: None, concurrency: 1 };

type ById = BTreeMap<String, Value>;

/// Looks whether a directory can be read with its key.
///
/// # Errors
/// It cannot.
pub async fn open(directory: &Directory) -> Result<(), Error> {
    let client = Client::new(directory.base.clone(), directory.key.clone(), PACE, AGENT)?;
    let answer = client.send(&Ask::new("directory", Method::GET, "/users").query("limit", "1"), |_| ()).await?;
    page(&client, &answer).map(drop)
}

/// Compares the end state as the product sees it.
///
/// # Errors
/// The directory is gone, or does not accept the key.
pub async fn compare(
    session: &Session<'_>,
    directory: &Directory,
    (model, mapped): (&Model, &BTreeSet<Attribute>),
) -> Result<Compared, Error> {
    let client = Client::new(directory.base.clone(), directory.key.clone(), PACE, AGENT)?;
    let users = read(session, &client, ("directory users", "/users")).await?;
    let groups = read(session, &client, ("directory groups", "/groups")).await?;
    let before = session.differences();
    let mut compared = Compared { by: "directory", gone: gone(model), ..Compared::default() };
    for user in &model.users {
        let Some(seen) = in_directory(session, (&user.life, user.label()), &users) else { continue };
        compared.users += 1;
        compared.attributes += compare_user(session, user, (seen, mapped));
    }
    for group in &model.groups {
        let Some(seen) = in_directory(session, (&group.life, group.label()), &groups) else { continue };
        compared.groups += 1;
        compared.memberships += compare_group(session, group, (seen, &users));
    }
    compared.differences = session.differences() - before;
    Ok(compared)
}

async fn read(session: &Session<'_>, client: &Client, (what, path): (&'static str, &str)) -> Result<ById, Error> {
    let (mut found, mut cursor) = (ById::new(), String::new());
    loop {
        let ask = Ask::new(what, Method::GET, path).query("limit", PAGE);
        let ask = if cursor.is_empty() { ask } else { ask.query("cursor", &cursor) };
        let answer = session.send(client, &ask).await?;
        found.extend(page(client, &answer)?.iter().map(|resource| (id(resource).to_owned(), resource.clone())));
        match answer.body().get("nextCursor").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut cursor),
            None => return Ok(found),
        }
    }
}

/// # Errors
/// The answer is no page of a directory.
fn page<'a>(client: &Client, answer: &'a Answer) -> Result<&'a Vec<Value>, Error> {
    let page = answer.body().get("resources").and_then(Value::as_array).filter(|_| answer.status == 200);
    page.ok_or_else(|| Error::Directory { address: client.base().as_str().to_owned(), status: answer.status })
}

/// The document of what must be there; tells where it is not, and where it is and must not be.
fn in_directory<'a>(session: &Session<'_>, (life, label): (&Life, String), found: &'a ById) -> Option<&'a Value> {
    let finding = |kind| Finding::new(kind, label).attribute("place in the directory");
    match life {
        Life::Absent => None,
        Life::Deleted(id) => {
            if found.contains_key(id) {
                session.found(finding(Kind::StillInDirectory).expected("nothing").seen("a document"));
            }
            None
        }
        Life::Living(id) => {
            let seen = found.get(id);
            if seen.is_none() {
                session.found(finding(Kind::MissingInDirectory).expected("a document").seen("none"));
            }
            seen
        }
    }
}

/// Gives how many attributes were compared.
fn compare_user(session: &Session<'_>, user: &User, (seen, mapped): (&Value, &BTreeSet<Attribute>)) -> u64 {
    // Whether somebody may come in is no mapping's to change.
    let active = BTreeSet::from([ACTIVE]);
    let among = if seen["mappingState"] == "same" { mapped } else { &active };
    for finding in compare::values(&user.label(), &user.values, among, seen) {
        let attribute = format!("{} in the directory", finding.attribute);
        session.found(Finding {
            kind: Kind::DirectoryDiffers,
            hint: Kind::DirectoryDiffers.hint(),
            attribute,
            ..finding
        });
    }
    u64::try_from(among.len()).unwrap_or_default()
}

/// Gives how many members were compared. Whom the mapping leaves out is a member of nothing here.
fn compare_group(session: &Session<'_>, group: &Group, (seen, users): (&Value, &ById)) -> u64 {
    let expected: BTreeSet<String> = group.members.iter().filter(|id| users.contains_key(*id)).cloned().collect();
    let members = compare::members(seen);
    if members != expected {
        let finding = Finding::new(Kind::DirectoryMembersDiffer, group.label()).attribute("members in the directory");
        let (expected, seen) = compare::in_numbers(&expected, &members);
        session.found(finding.expected(expected).seen(seen));
    }
    u64::try_from(expected.len()).unwrap_or_default()
}
