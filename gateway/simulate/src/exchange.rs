//! The requests that every provisioning client sends, each with what must hold of its answer.

use reqwest::Method;
use serde_json::Value;

use crate::address::escape;
use crate::client::{Answer, Ask};
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::{List, id};
use crate::session::Session;
use crate::shape::leads_to;

/// A type of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Users.
    User,
    /// Groups.
    Group,
}

impl Type {
    /// The path of its collection.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// The path of one.
    #[must_use]
    pub fn one(self, id: &str) -> String {
        format!("{}/{}", self.path(), escape(id))
    }
}

/// A text as a value in a filter.
#[must_use]
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A search by a filter.
#[derive(Clone, Debug)]
pub struct Search {
    /// What it is for, in the report.
    pub what: &'static str,
    /// Among what.
    pub of: Type,
    /// The filter.
    pub filter: String,
    /// Further parameters.
    pub query: Vec<(&'static str, &'static str)>,
}

impl Session<'_> {
    /// Searches; none where the answer cannot be used.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn search(&self, search: &Search) -> Result<Option<Vec<Value>>, Error> {
        let mut ask = Ask::new(search.what, Method::GET, search.of.path());
        for (name, value) in &search.query {
            ask = ask.query(name, *value);
        }
        let answer = self.ask(ask.query("filter", &search.filter)).await?;
        if answer.status != 200 {
            self.refused(&search.filter, (search.what, "200 and a list"), &answer);
            return Ok(None);
        }
        Ok(self.list(search.what, &answer).map(|list| list.resources))
    }

    /// The list in an answer, if it is one.
    pub fn list(&self, what: &str, answer: &Answer) -> Option<List> {
        let told = |seen: String| {
            self.found(Finding::new(Kind::NotAList, what).attribute("body").expected("a ListResponse").seen(seen));
        };
        match List::read(answer.body()) {
            Ok(list) => {
                for name in &list.as_text {
                    let finding = Finding::new(Kind::NumberAsText, what).attribute(*name);
                    self.found(finding.expected("a number").seen("a text"));
                }
                if list.resources.iter().any(|resource| id(resource).is_empty()) {
                    told("an element without id".to_owned());
                }
                Some(list)
            }
            Err(why) => {
                told(why);
                None
            }
        }
    }

    /// Creates; gives the resource, or none where it was refused.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn create(&self, ask: Ask, of: Type, label: &str) -> Result<Option<Value>, Error> {
        let what = ask.what;
        let answer = self.ask(ask.clone()).await?;
        // 200 is tolerated by the providers.
        if !matches!(answer.status, 200 | 201) {
            self.refused(label, (what, "201"), &answer);
            return Ok(None);
        }
        let resource = answer.body().clone();
        if id(&resource).is_empty() {
            self.found(Finding::new(Kind::IdMissing, label).expected("an id in the answer").seen(answer.describe()));
            return Ok(None);
        }
        self.check_location(of, label, &answer);
        self.check_version(label, &answer);
        Ok(Some(resource))
    }

    /// RFC 7644 §3.3: 201 "SHALL include ... the URI of the created resource … in the HTTP Location header and … the
    /// meta.location attribute". Behind a proxy the host may be another than the one that was asked.
    fn check_location(&self, of: Type, label: &str, answer: &Answer) {
        let (header, body) = (answer.header("location"), answer.body().pointer("/meta/location"));
        let wanted = of.one(id(answer.body()));
        let same = body.and_then(Value::as_str).is_none_or(|body| body == header);
        if answer.status == 201 && (!leads_to(header, &wanted) || !same) {
            let finding = Finding::new(Kind::LocationWrong, label).attribute("Location");
            let seen = if header.is_empty() { "none".to_owned() } else { header.to_owned() };
            self.found(finding.expected(format!("an address that ends in {wanted}")).seen(seen));
        }
    }

    fn check_version(&self, label: &str, answer: &Answer) {
        let (header, body) = (answer.header("etag"), answer.body().pointer("/meta/version").and_then(Value::as_str));
        if let Some(version) = body.filter(|version| !header.is_empty() && *version != header) {
            self.found(Finding::new(Kind::VersionWrong, label).attribute("ETag").expected(version).seen(header));
        }
    }

    /// Reads one; none where it is not there.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn read(&self, ask: Ask, label: &str) -> Result<Option<Value>, Error> {
        let what = ask.what;
        let answer = self.ask(ask).await?;
        if answer.status != 200 {
            self.refused(label, (what, "200"), &answer);
            return Ok(None);
        }
        self.check_version(label, &answer);
        Ok(answer.json)
    }

    /// Patches; gives what the answer shows, null where it has no body, and none where it was refused.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn patch(&self, ask: Ask, label: &str) -> Result<Option<Value>, Error> {
        let what = ask.what;
        let answer = self.ask(ask).await?;
        if !matches!(answer.status, 200 | 204) {
            self.refused(label, (what, "200 or 204"), &answer);
            return Ok(None);
        }
        Ok(Some(answer.json.unwrap_or_default()))
    }

    /// Replaces; gives what the answer shows, null where it has no body, and none where it was refused.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn put(&self, ask: Ask, label: &str) -> Result<Option<Value>, Error> {
        let what = ask.what;
        let answer = self.ask(ask).await?;
        self.check_version(label, &answer);
        if !matches!(answer.status, 200 | 204) {
            self.refused(label, (what, "200"), &answer);
            return Ok(None);
        }
        Ok(Some(answer.json.unwrap_or_default()))
    }

    /// Deletes, once more, and looks: 204, then 404 twice.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn delete(
        &self,
        what: (&'static str, &'static str),
        of: (Type, &str),
        label: &str,
    ) -> Result<bool, Error> {
        let (first, again) = what;
        let path = of.0.one(of.1);
        let answer = self.ask(Ask::new(first, Method::DELETE, path.clone())).await?;
        if !matches!(answer.status, 200 | 204) {
            self.refused(label, (first, "204"), &answer);
            return Ok(false);
        }
        let answer = self.ask(Ask::new(again, Method::DELETE, path)).await?;
        if answer.status != 404 {
            let finding = Finding::new(Kind::DeletedStillThere, label).expected("404 to a second DELETE");
            self.found(finding.seen(answer.describe()));
        }
        Ok(true)
    }

    /// Looks whether what was deleted is gone.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn is_gone(&self, what: &'static str, of: (Type, &str), label: &str) -> Result<(), Error> {
        let answer = self.ask(Ask::new(what, Method::GET, of.0.one(of.1))).await?;
        if answer.status != 404 {
            let finding = Finding::new(Kind::DeletedStillThere, label).expected("404 to a GET after DELETE");
            self.found(finding.seen(answer.describe()));
        }
        Ok(())
    }
}
