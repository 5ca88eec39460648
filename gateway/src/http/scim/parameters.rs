//! Query parameters and conditions; unknown ones are ignored, names are taken in any case.

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName};
use scimgate_scim::error::ScimError;
use scimgate_scim::etag::Condition;
use scimgate_scim::leniency::Choice;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::search::Search;

use crate::operation::Context;

/// Parameters that are comma-separated lists of names.
const LISTS: [&str; 2] = ["attributes", "excludedAttributes"];

/// The parameters of a request.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query string (`application/x-www-form-urlencoded`).
    pub(super) fn read(query: Option<&str>) -> Self {
        let mut parameters = Self(Vec::new());
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.add(decode(name), decode(value));
        }
        parameters
    }

    /// A list may be given several times; of any other parameter the first value counts.
    fn add(&mut self, name: String, value: String) {
        let is_list = LISTS.iter().any(|list| list.eq_ignore_ascii_case(&name));
        match self.0.iter_mut().find(|(known, _)| is_list && known.eq_ignore_ascii_case(&name)) {
            Some((_, known)) => *known = format!("{known},{value}"),
            None => self.0.push((name, value)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The query of a list.
    pub(super) fn search(&self) -> Search {
        Search::from_query(|name| self.get(name))
    }

    pub(super) fn projection(&self, resource_type: &ResourceType) -> Result<Option<Projection>, ScimError> {
        Projection::parse(self.get("attributes"), self.get("excludedAttributes"), resource_type)
    }
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The request's condition on the resource's version (RFC 7644 §3.14).
pub(super) fn condition(ctx: &Context, headers: &HeaderMap) -> Result<Option<Condition>, ScimError> {
    if ctx.settings.leniencies.chooses(Choice::NoEtags) {
        return Ok(None);
    }
    let (if_match, if_none_match) = (list(headers, &IF_MATCH)?, list(headers, &IF_NONE_MATCH)?);
    Condition::read(if_match.as_deref(), if_none_match.as_deref())
}

fn list(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, ScimError> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let unreadable = || ScimError::invalid_syntax(format!("The {name} header cannot be read."));
    // Several headers of one name are one list (RFC 9110 §5.3).
    let mut list = first.to_str().map_err(|_| unreadable())?.to_owned();
    for more in values {
        list.push_str(", ");
        list.push_str(more.to_str().map_err(|_| unreadable())?);
    }
    Ok(Some(list))
}
