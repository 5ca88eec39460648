//! The requests that every provisioning client sends, each with the checks of its response.

use reqwest::Method;
use serde_json::Value;
use tokio::time::sleep;

use crate::client::{Event, FIRST_RETRY_DELAY, MAX_ATTEMPTS, Payload, Request, Response, retry_after};
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::{List, id};
use crate::resource_type::ResourceType;
use crate::response_checks::{self, leads_to};
use crate::session::Session;

/// A text as a string literal of the filter language.
pub(crate) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// A search by filter.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// The request's name in the report.
    pub(crate) name: &'static str,
    pub(crate) resource_type: ResourceType,
    pub(crate) filter: String,
    /// Parameters besides the filter.
    pub(crate) query: Vec<(&'static str, &'static str)>,
}

/// What became of a creation.
enum Creation {
    /// It has a final response.
    Answered(Response),
    /// It has none, and the resource was found.
    Found(Value),
}

impl Session<'_> {
    /// Searches; `None` if the response cannot be used.
    pub(crate) async fn search(&self, search: &Search) -> Result<Option<Vec<Value>>, Error> {
        let mut request = Request::new(search.name, Method::GET, search.resource_type.path());
        for (name, value) in &search.query {
            request = request.query(name, *value);
        }
        let response = self.send(request.query("filter", &search.filter)).await?;
        if response.status != 200 {
            self.report_status(&search.filter, (search.name, "200 and a list"), &response);
            return Ok(None);
        }
        Ok(self.list(search.name, &response).map(|list| list.resources))
    }

    /// The list in a response, if it is one.
    pub(crate) fn list(&self, request: &str, response: &Response) -> Option<List> {
        let not_a_list = |seen: String| {
            self.report(Finding::new(Kind::NotAList, request).attribute("body").expected("a ListResponse").seen(seen));
        };
        match List::read(response.body()) {
            Ok(list) => {
                for name in &list.as_text {
                    let finding = Finding::new(Kind::NumberAsText, request).attribute(*name);
                    self.report(finding.expected("a number").seen("a text"));
                }
                if list.resources.iter().any(|resource| id(resource).is_empty()) {
                    not_a_list("an element without id".to_owned());
                }
                Some(list)
            }
            Err(reason) => {
                not_a_list(reason);
                None
            }
        }
    }

    /// Creates a resource and returns it; `None` if it was refused.
    pub(crate) async fn create(
        &self,
        request: Request,
        resource_type: ResourceType,
        label: &str,
    ) -> Result<Option<Value>, Error> {
        let response = match self.send_creation(&request, resource_type).await? {
            Creation::Answered(response) => response,
            Creation::Found(resource) => return Ok(Some(resource)),
        };
        // The providers accept 200, too.
        if !matches!(response.status, 200 | 201) {
            self.report_status(label, (request.name, "201"), &response);
            return Ok(None);
        }
        let resource = response.body().clone();
        if id(&resource).is_empty() {
            let finding = Finding::new(Kind::IdMissing, label).expected("an id in the response");
            self.report(finding.seen(response.describe()));
            return Ok(None);
        }
        self.check_location(resource_type, label, &response);
        self.check_version(label, &response);
        Ok(Some(resource))
    }

    /// Sends a creation until it has a final response. A response of 503, or none, does not say that nothing was created: before any
    /// later attempt, and where one is refused as a duplicate, the provider looks. It would otherwise create a second resource.
    async fn send_creation(&self, request: &Request, resource_type: ResourceType) -> Result<Creation, Error> {
        let (mut attempt, mut is_uncertain) = (1, false);
        loop {
            let outcome = self.send_unchecked(&request.clone().once()).await;
            let (delay, event) = match &outcome {
                Ok(response) => (retry_after(response), Event::RetryRequested),
                Err(Error::Unreachable { .. }) => {
                    (Some(FIRST_RETRY_DELAY * 2_u32.pow(attempt - 1)), Event::ConnectionFailed)
                }
                Err(_) => (None, Event::RetryRequested),
            };
            let is_duplicate = matches!(&outcome, Ok(response) if response.status == 409) && is_uncertain;
            is_uncertain |= outcome.as_ref().map_or(true, |response| response.status == 503);
            let is_last = delay.is_none() || attempt == MAX_ATTEMPTS;
            if let Some(delay) = delay.filter(|_| !is_last) {
                self.record(event);
                sleep(delay).await;
            }
            if is_uncertain
                && (is_duplicate || delay.is_some())
                && let Some(found) = self.find_created(request, resource_type).await?
            {
                return Ok(Creation::Found(found));
            }
            if is_last {
                let response = outcome?;
                self.report_all(response_checks::check(request, &response));
                return Ok(Creation::Answered(response));
            }
            attempt += 1;
        }
    }

    /// The resource that a creation without a final response has created.
    async fn find_created(&self, request: &Request, resource_type: ResourceType) -> Result<Option<Value>, Error> {
        let Some(Payload::Json(body)) = &request.body else { return Ok(None) };
        let attribute = match resource_type {
            ResourceType::User => "userName",
            ResourceType::Group => "displayName",
        };
        let Some(name) = body.get(attribute).and_then(Value::as_str) else { return Ok(None) };
        let filter = format!("{attribute} eq {}", quote(name));
        let search = Search { name: "look for what was created", resource_type, filter, query: Vec::new() };
        let found = self.search(&search).await?.unwrap_or_default();
        let is_same =
            |it: &Value| it[attribute].as_str().is_some_and(|seen| seen.to_lowercase() == name.to_lowercase());
        Ok(found.into_iter().find(is_same))
    }

    /// RFC 7644 §3.3: 201 "SHALL include ... the URI of the created resource … in the HTTP Location header and … the
    /// meta.location attribute". Behind a proxy the host may differ from that of the request.
    fn check_location(&self, resource_type: ResourceType, label: &str, response: &Response) {
        let (header, body) = (response.header("location"), response.body().pointer("/meta/location"));
        let path = resource_type.path_of(id(response.body()));
        let same = body.and_then(Value::as_str).is_none_or(|body| body == header);
        if response.status == 201 && (!leads_to(header, &path) || !same) {
            let finding = Finding::new(Kind::LocationWrong, label).attribute("Location");
            let seen = if header.is_empty() { "none".to_owned() } else { header.to_owned() };
            self.report(finding.expected(format!("an address that ends in {path}")).seen(seen));
        }
    }

    fn check_version(&self, label: &str, response: &Response) {
        let header = response.header("etag");
        let body = response.body().pointer("/meta/version").and_then(Value::as_str);
        if let Some(version) = body.filter(|version| !header.is_empty() && *version != header) {
            self.report(Finding::new(Kind::VersionWrong, label).attribute("ETag").expected(version).seen(header));
        }
    }

    /// Reads a resource; `None` if it is not there.
    pub(crate) async fn read(&self, request: Request, label: &str) -> Result<Option<Value>, Error> {
        let name = request.name;
        let response = self.send(request).await?;
        if response.status != 200 {
            self.report_status(label, (name, "200"), &response);
            return Ok(None);
        }
        self.check_version(label, &response);
        Ok(response.json)
    }

    /// Sends a PATCH and returns the body of the response, null if there is none; `None` if it was refused.
    pub(crate) async fn patch(&self, request: Request, label: &str) -> Result<Option<Value>, Error> {
        let name = request.name;
        let response = self.send(request).await?;
        if !matches!(response.status, 200 | 204) {
            self.report_status(label, (name, "200 or 204"), &response);
            return Ok(None);
        }
        Ok(Some(response.json.unwrap_or_default()))
    }

    /// Sends a PUT and returns the body of the response, null if there is none; `None` if it was refused.
    pub(crate) async fn put(&self, request: Request, label: &str) -> Result<Option<Value>, Error> {
        let name = request.name;
        let response = self.send(request).await?;
        self.check_version(label, &response);
        if !matches!(response.status, 200 | 204) {
            self.report_status(label, (name, "200"), &response);
            return Ok(None);
        }
        Ok(Some(response.json.unwrap_or_default()))
    }

    /// Deletes a resource, after which a second DELETE and a GET must be 404. Returns whether it was deleted.
    pub(crate) async fn delete(&self, resource_type: ResourceType, id: &str, label: &str) -> Result<bool, Error> {
        let [delete, delete_again, read] = match resource_type {
            ResourceType::User => ["delete user", "delete user again", "read deleted user"],
            ResourceType::Group => ["delete group", "delete group again", "read deleted group"],
        };
        let path = resource_type.path_of(id);
        let response = self.send(Request::new(delete, Method::DELETE, path.clone())).await?;
        if !response.is_deleted() {
            self.report_status(label, (delete, "204"), &response);
            return Ok(false);
        }
        for (request, expected) in [
            (Request::new(delete_again, Method::DELETE, path.clone()), "404 to a second DELETE"),
            (Request::new(read, Method::GET, path), "404 to a GET after DELETE"),
        ] {
            let response = self.send(request).await?;
            if response.status != 404 {
                let finding = Finding::new(Kind::DeletedStillThere, label).expected(expected);
                self.report(finding.seen(response.describe()));
            }
        }
        Ok(true)
    }
}
