//! Requests that no client should send but some do: filters without quotes, names in the wrong case, nulls, bodies that are
//! not JSON. A server may refuse or accept each of them; it must never fail, and every response must be JSON.

mod bodies;
mod bytes;
mod queries;

use std::sync::{Mutex, PoisonError};

use reqwest::Method;

use crate::client::{Request, Response};
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::message;
use crate::model::{Presence, User};
use crate::options::Options;
use crate::report::{Report, Variant};
use crate::requests::{Search, quote};
use crate::resource_type::ResourceType;
use crate::response_checks;
use crate::simulation::Simulation;
use crate::step::{Progress, Step};

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (garbage)");

/// A request that no client should send.
struct Case {
    /// What is wrong with it.
    name: String,
    request: Request,
    /// The name of the user that the server may create from it.
    user: Option<String>,
}

/// The ids of an existing user and group that requests refer to.
struct Target {
    user: String,
    group: String,
}

struct Garbage<'a> {
    simulation: Simulation<'a>,
    /// The ids of the users that the server created, to be deleted at the end.
    created: Mutex<Vec<String>>,
}

/// Sends garbage. The report says what the server does wrong.
///
/// # Errors
/// It cannot start.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let garbage = Garbage { simulation: Simulation::new(options, USER_AGENT, progress)?, created: Mutex::default() };
    garbage.simulation.session.begin_step(Step::TestConnection, 0);
    garbage.simulation.probe_unknown_user("userName", &[]).await?;
    let stopped = Box::pin(garbage.send_all()).await.err();
    Ok(Report::new(options, Variant::of("garbage"), garbage.simulation.session.finish(), stopped))
}

impl Garbage<'_> {
    async fn send_all(&self) -> Result<(), Error> {
        let session = &self.simulation.session;
        let mut user = self.simulation.population.user(0);
        user.values.retain(|attribute, _| self.simulation.mapped.contains(attribute));
        let mut group = self.simulation.population.group(0);
        session.begin_step(Step::InitialUsers, 0);
        let body = message::user_with(&user.values, []);
        self.simulation.ensure_user(&mut user, body).await?;
        let body = message::group(&group, None);
        self.simulation.ensure_empty_group(&mut group, body).await?;
        if let (Presence::Present(of_user), Presence::Present(of_group)) = (&user.presence, &group.presence) {
            let target = Target { user: of_user.clone(), group: of_group.clone() };
            let cases = cases(&target, &self.simulation.population.domain());
            session.begin_step(Step::Garbage, cases.len());
            session.each(cases, |case| self.send_case(case)).await?;
            self.check_user_unharmed(&user).await?;
        }
        session.begin_step(Step::CleanUp, 0);
        let created = std::mem::take(&mut *self.created.lock().unwrap_or_else(PoisonError::into_inner));
        let mut left: Vec<_> = created.into_iter().map(|id| (ResourceType::User, id)).collect();
        left.extend(group.presence.id().map(|id| (ResourceType::Group, id.to_owned())));
        left.extend(user.presence.id().map(|id| (ResourceType::User, id.to_owned())));
        for (resource_type, id) in left {
            session.remove(resource_type, format!("resource created from garbage ({id})"), id).await?;
        }
        Ok(())
    }

    async fn send_case(&self, case: Case) -> Result<(), Error> {
        let response = self.simulation.session.send_unchecked(&case.request).await?;
        self.simulation.session.report_all(check(&case.name, &response));
        match (response.status, &case.user) {
            (200 | 201, Some(_)) => self.add_created(id(response.body())),
            // It is left from an earlier run that was interrupted.
            (409, Some(name)) => {
                let filter = format!("userName eq {}", quote(name));
                let resource_type = ResourceType::User;
                let search = Search { name: "find user of earlier run", resource_type, filter, query: Vec::new() };
                for user in &self.simulation.session.search(&search).await?.unwrap_or_default() {
                    self.add_created(id(user));
                }
            }
            _ => (),
        }
        Ok(())
    }

    fn add_created(&self, id: &str) {
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        if !id.is_empty() && !created.iter().any(|known| known == id) {
            created.push(id.to_owned());
        }
    }

    /// Checks that the existing user can still be read.
    async fn check_user_unharmed(&self, user: &User) -> Result<(), Error> {
        let Some(id) = user.presence.id() else { return Ok(()) };
        let request = Request::new("read user", Method::GET, ResourceType::User.path_of(id));
        self.simulation.session.read(request, &user.label()).await.map(drop)
    }
}

/// What is wrong with a response to garbage.
fn check(name: &str, response: &Response) -> Vec<Finding> {
    let finding = |kind, attribute: &str, expected: &str| {
        Finding::new(kind, name).attribute(attribute).expected(expected).seen(response.describe())
    };
    let mut findings = Vec::new();
    if response.status >= 500 {
        findings.push(finding(Kind::ServerError, "status", "a status below 500"));
    }
    if response.json.is_none() && !response.text.is_empty() {
        findings.push(finding(Kind::NotJson, "body", "JSON"));
    } else {
        findings.extend(response_checks::check_error(name, response));
    }
    findings
}

fn cases(target: &Target, domain: &str) -> Vec<Case> {
    let mut cases = queries::filters();
    cases.extend(queries::parameters());
    cases.extend(queries::addresses(target));
    cases.extend(bodies::users(domain));
    cases.extend(bodies::patches(target));
    cases.extend(bytes::all(domain));
    cases
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

    fn response(status: u16, body: &str) -> Response {
        let json = serde_json::from_str(body).ok();
        Response { status, headers: HeaderMap::new(), json, text: body.to_owned(), is_repeated: false }
    }

    #[test]
    fn a_response_must_be_json_below_500_and_an_error_must_have_its_status() {
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
            let found: Vec<Kind> = check("x", &response(status, body)).into_iter().map(|it| it.kind).collect();
            assert_eq!(found, kinds, "{status} {body}");
        }
    }

    #[test]
    fn names_are_unique_and_nothing_is_deleted() {
        let target = Target { user: "u".to_owned(), group: "g".to_owned() };
        let cases = cases(&target, "x.test");
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        assert!(cases.len() > 120, "{}", cases.len());
        let deletes = |case: &Case| case.request.method == Method::DELETE;
        assert!(!cases.iter().any(deletes));
    }
}
