//! What no client should send and some do: filters without quotes, names in the wrong case, nulls, bytes that are no JSON.
//! A server may refuse all of it or take some; it must never fail at it, and every answer must be JSON.

mod bodies;
mod bytes;
mod queries;

use std::sync::{Mutex, PoisonError};

use reqwest::Method;

use crate::client::{Answer, Ask};
use crate::error::Error;
use crate::exchange::{Search, Type, quoted};
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::message;
use crate::model::{Life, User};
use crate::options::Options;
use crate::play::Play;
use crate::report::{Played, Report};
use crate::shape;
use crate::step::{Step, Watcher};

const AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (garbage)");

/// A request that no client should send.
pub(super) struct Piece {
    /// What is wrong with it.
    name: String,
    ask: Ask,
    /// The name of the user that a server may make of it.
    user: Option<String>,
}

/// Whom garbage is about: a user and a group that are there.
struct Target {
    user: String,
    group: String,
}

/// The garbage under way.
struct Garbage<'a> {
    play: Play<'a>,
    /// The users that the server made of garbage; taken away at the end.
    made: Mutex<Vec<String>>,
}

/// Sends garbage. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, Error> {
    let garbage = Garbage { play: Play::new(options, AGENT, watcher)?, made: Mutex::default() };
    garbage.play.session.begin(Step::TestConnection, 0);
    garbage.play.probe_nobody("userName", &[]).await?;
    let stopped = Box::pin(garbage.send_all()).await.err();
    let (seen, took) = garbage.play.session.end();
    Ok(Report::new(options, Played::plainly("garbage"), &seen).of(took, Vec::new(), stopped))
}

impl Garbage<'_> {
    async fn send_all(&self) -> Result<(), Error> {
        let session = &self.play.session;
        let mut user = self.play.population.user(0);
        user.values.retain(|attribute, _| self.play.mapped.contains(attribute));
        let mut group = self.play.population.group(0);
        session.begin(Step::InitialUsers, 0);
        let body = message::user_with(&user.values, []);
        self.play.have_user(&mut user, body).await?;
        let body = message::group(&group, None);
        self.play.have_group(&mut group, body).await?;
        if let (Life::Living(of_user), Life::Living(of_group)) = (&user.life, &group.life) {
            let target = Target { user: of_user.clone(), group: of_group.clone() };
            let pieces = pieces(&target, &self.play.population.domain());
            session.begin(Step::Garbage, pieces.len());
            session.each(pieces, |piece| self.send(piece)).await?;
            self.still_works(&user).await?;
        }
        session.begin(Step::CleanUp, 0);
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let mut left: Vec<_> = made.into_iter().map(|id| (Type::User, id)).collect();
        left.extend(group.life.id().map(|id| (Type::Group, id.to_owned())));
        left.extend(user.life.id().map(|id| (Type::User, id.to_owned())));
        for (of, id) in left {
            session.remove(of, format!("what came of garbage ({id})"), id).await?;
        }
        Ok(())
    }

    async fn send(&self, piece: Piece) -> Result<(), Error> {
        let answer = self.play.session.ask_anything(&piece.ask).await?;
        for finding in judge(&piece.name, &answer) {
            self.play.session.found(finding);
        }
        match (answer.status, &piece.user) {
            (200 | 201, Some(_)) => self.made(id(answer.body())),
            // An earlier run was interrupted and left it.
            (409, Some(name)) => {
                let filter = format!("userName eq {}", quoted(name));
                let search = Search { what: "find what is left", of: Type::User, filter, query: Vec::new() };
                let found = self.play.session.search(&search).await?.unwrap_or_default();
                for user in &found {
                    self.made(id(user));
                }
            }
            _ => (),
        }
        Ok(())
    }

    fn made(&self, id: &str) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !id.is_empty() && !made.iter().any(|known| known == id) {
            made.push(id.to_owned());
        }
    }

    /// Whoever was there before is there afterwards.
    async fn still_works(&self, user: &User) -> Result<(), Error> {
        let Some(id) = user.life.id() else { return Ok(()) };
        let ask = Ask::new("read user", Method::GET, Type::User.one(id));
        self.play.session.read(ask, &user.label()).await.map(drop)
    }
}

/// What is wrong with an answer to garbage.
fn judge(name: &str, answer: &Answer) -> Vec<Finding> {
    let told = |kind, attribute: &str, expected: &str| {
        Finding::new(kind, name).attribute(attribute).expected(expected).seen(answer.describe())
    };
    let mut findings = Vec::new();
    if answer.status >= 500 {
        findings.push(told(Kind::ServerError, "status", "a status below 500"));
    }
    if answer.json.is_none() && !answer.text.is_empty() {
        findings.push(told(Kind::NotJson, "body", "JSON"));
    } else {
        findings.extend(shape::error(name, answer));
    }
    findings
}

/// All of it.
fn pieces(target: &Target, domain: &str) -> Vec<Piece> {
    let mut pieces = queries::filters();
    pieces.extend(queries::parameters());
    pieces.extend(queries::addresses(target));
    pieces.extend(bodies::users(domain));
    pieces.extend(bodies::patches(target));
    pieces.extend(bytes::all(domain));
    pieces
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

    fn answer(status: u16, body: &str) -> Answer {
        let json = serde_json::from_str(body).ok();
        Answer { status, headers: HeaderMap::new(), json, text: body.to_owned(), attempts: 1 }
    }

    #[test]
    fn an_answer_is_json_below_500_and_errors_say_their_status() {
        let error = json!({ "schemas": [ERROR], "status": "400", "detail": "No." }).to_string();
        let number = json!({ "schemas": [ERROR], "status": 400 }).to_string();
        let cases = [
            (400, error.as_str(), vec![]),
            (204, "", vec![]),
            (200, "{}", vec![]),
            (404, error.as_str(), vec![Kind::ErrorShape]),
            (400, number.as_str(), vec![Kind::ErrorShape]),
            (400, "", vec![Kind::ErrorShape]),
            (400, "<html>", vec![Kind::NotJson]),
            (500, "oops", vec![Kind::ServerError, Kind::NotJson]),
        ];
        for (status, body, kinds) in cases {
            let found: Vec<Kind> = judge("x", &answer(status, body)).into_iter().map(|it| it.kind).collect();
            assert_eq!(found, kinds, "{status} {body}");
        }
    }

    #[test]
    fn each_piece_has_a_name_of_its_own() {
        let target = Target { user: "u".to_owned(), group: "g".to_owned() };
        let pieces = pieces(&target, "x.test");
        let names: BTreeSet<&str> = pieces.iter().map(|piece| piece.name.as_str()).collect();
        assert_eq!(names.len(), pieces.len());
        assert!(pieces.len() > 120, "{}", pieces.len());
        let deletes = |piece: &Piece| piece.ask.method == Method::DELETE;
        assert!(!pieces.iter().any(deletes), "nothing that is there is taken away");
    }
}
