//! One line for each request, in a newcomer's words. `dev` alone prints it, where the data is the newcomer's own.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scimgate::mapping::{StepReport, StepResult};
use scimgate::operation::request_end::ShowsRequest;
use scimgate::operation::request_facts::Facts;
use scimgate::operation::resource::record::{Action, Effect, LogLine, Record, Recorder};
use scimgate::store::resource::read::Stored;
use scimgate::telemetry::chain;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer};

use crate::output::{print, printable};

/// Requests in progress whose writes are kept for their line.
const MAX_REQUESTS: usize = 1_000;
/// Writes of one request, of a bulk request for example, that are described; the others are counted.
const MAX_DESCRIBED: usize = 5;
/// Longest name or reason in a line, in characters.
const MAX_NAME_CHARS: usize = 120;

/// Prints the lines. A request's address is that of its span; the recorder says what it wrote, and its facts how it ended.
#[derive(Clone, Default)]
pub(crate) struct Console(Arc<Mutex<HashMap<String, Request>>>);

/// What the lines are made of, and warnings.
pub(crate) fn filter() -> Targets {
    let requests = ["scimgate::http::connection"];
    Targets::new().with_default(LevelFilter::WARN).with_targets(requests.map(|target| (target, LevelFilter::INFO)))
}

/// A request in progress, and what it has written so far.
#[derive(Default)]
struct Request {
    method: String,
    path: String,
    described: Vec<String>,
    writes: usize,
}

impl Console {
    fn requests(&self) -> MutexGuard<'_, HashMap<String, Request>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for Console {
    fn record(&self, record: &Record<'_>) {
        LogLine.record(record);
        if !matches!(record.action, Action::Create | Action::Replace | Action::Patch | Action::Delete) {
            return;
        }
        let mut requests = self.requests();
        let Some(request) = requests.get_mut(record.request_id) else { return };
        request.writes += 1;
        if request.described.len() < MAX_DESCRIBED {
            request.described.push(describe(record));
        }
    }
}

impl ShowsRequest for Console {
    fn show(&self, facts: &Facts) {
        let Some(request) = self.requests().remove(&facts.request_id) else { return };
        if facts.surface == "probe" {
            return;
        }
        let refusal = facts.refusal.as_ref().map(|refusal| refusal.error.detail.as_str());
        print(&line(&request, facts.status, refusal));
    }
}

/// What a write did: `ada@corp.test created, mapped by tutorial@0.1.0 (2 changes)`.
fn describe(record: &Record<'_>) -> String {
    let name = record.after.or(record.before).map_or_else(String::new, |stored| format!("{} ", name(stored)));
    let effect = match &record.result {
        Ok(effect) => word(*effect),
        Err(error) => return format!("{name}refused: {}", shortened(&chain(*error))),
    };
    let mapping = record.after.map(|after| mapping(record.steps, after)).unwrap_or_default();
    format!("{name}{effect}{mapping}")
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Created => "created",
        Effect::Updated => "updated",
        Effect::Remapped => "mapped again",
        Effect::Restored => "restored",
        Effect::Unchanged => "is already so: nothing changed",
        Effect::MembersChanged => "members changed",
        Effect::Deleted => "deleted",
    }
}

/// What people call the resource.
fn name(stored: &Stored) -> String {
    let source: Map<String, Value> = serde_json::from_str(&stored.source).unwrap_or_default();
    let named = ["userName", "displayName"].iter().find_map(|name| source.get(*name)?.as_str());
    named.map_or_else(|| stored.id.to_string(), shortened)
}

fn shortened(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn mapping(steps: &[StepReport], after: &Stored) -> String {
    let ended = steps.iter().find_map(|step| match &step.result {
        StepResult::Excluded(reason) => {
            Some(format!(", hidden from the product by {}: {}", step.title, shortened(reason)))
        }
        StepResult::Rejected(reason) | StepResult::Failed(reason) => {
            Some(format!(", not mapped by {}: {}", step.title, shortened(reason)))
        }
        StepResult::Mapped | StepResult::Skipped => None,
    });
    if let Some(ended) = ended {
        return ended;
    }
    let by: Vec<&str> =
        steps.iter().filter(|step| step.result == StepResult::Mapped).map(|step| step.title.as_str()).collect();
    if by.is_empty() {
        return String::new();
    }
    let changes = match after.mapped.as_deref().map(|mapped| changes(&after.source, mapped)).unwrap_or_default() {
        0 => "no changes".to_owned(),
        1 => "1 change".to_owned(),
        number => format!("{number} changes"),
    };
    format!(", mapped by {} ({changes})", by.join(" and "))
}

/// Attributes with other values in the mapped document than in the source; of complex ones, their sub-attributes.
fn changes(source: &str, mapped: &str) -> usize {
    let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let (source, mapped) = (read(source), read(mapped));
    let none = Map::new();
    let names = |one: &Map<String, Value>, other: &Map<String, Value>| {
        let mut names: Vec<String> = one.keys().chain(other.keys()).cloned().collect();
        names.sort();
        names.dedup();
        names
    };
    let mut count = 0;
    for name in names(&source, &mapped) {
        let (before, after) = (source.get(&name), mapped.get(&name));
        if before == after || name == "schemas" {
            continue;
        }
        if !before.or(after).is_some_and(Value::is_object) {
            count += 1;
            continue;
        }
        let before = before.and_then(Value::as_object).unwrap_or(&none);
        let after = after.and_then(Value::as_object).unwrap_or(&none);
        count += names(before, after).iter().filter(|part| before.get(*part) != after.get(*part)).count();
    }
    count
}

/// The fields of a span or an event that a line needs.
#[derive(Default)]
struct Fields {
    message: String,
    id: String,
    method: String,
    path: String,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            "request.id" => self.id = text,
            "method" => self.method = text,
            "path" => self.path = text,
            name => {
                let _ = write!(self.others, " {name}={text}");
            }
        }
    }
}

impl<S: Subscriber> Layer<S> for Console {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if attributes.metadata().name() != "request" {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut requests = self.requests();
        if requests.len() < MAX_REQUESTS {
            let request = Request { method: fields.method, path: fields.path, ..Request::default() };
            requests.insert(fields.id, request);
        }
    }

    /// Warnings and errors; the filter lets nothing else through.
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        print(&format!("{}: {}{}", level.as_str().to_lowercase(), fields.message, fields.others));
    }
}

fn line(request: &Request, status: Option<u16>, refusal: Option<&str>) -> String {
    // The demo tenant is the only one, and its address is on the screen.
    let path = request.path.strip_prefix("/scim/v2").filter(|rest| rest.starts_with('/')).unwrap_or(&request.path);
    let status = status.map_or_else(|| "no reply".to_owned(), |status| status.to_string());
    let start = format!("{} {path} → {status}", request.method);
    let text = match (request.described.as_slice(), refusal) {
        ([], Some(refusal)) => shortened(refusal),
        ([], None) if status == "no reply" => "the client disconnected".to_owned(),
        ([], None) => return start,
        (described, _) => {
            let more = request.writes - described.len();
            let more = if more > 0 { format!("; {more} more") } else { String::new() };
            format!("{}{more}", described.join("; "))
        }
    };
    format!("{start}  {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_done_or_why_not() {
        let request = |method: &str, path: &str, described: &[&str], writes| Request {
            method: method.into(),
            path: path.into(),
            described: described.iter().map(|&it| it.to_owned()).collect(),
            writes,
        };
        for (request, status, refusal, expected) in [
            (request("POST", "/scim/v2/Users", &["ada created"], 1), Some(201), None, "POST /Users → 201  ada created"),
            (
                request("POST", "/scim/v2/Bulk", &["a created", "b created"], 9),
                Some(200),
                None,
                "POST /Bulk → 200  a created; b created; 7 more",
            ),
            (request("GET", "/scim/v2/Users", &[], 0), Some(200), None, "GET /Users → 200"),
            (
                request("GET", "/directory/v1/users", &[], 0),
                Some(401),
                Some("The key is wrong."),
                "GET /directory/v1/users → 401  The key is wrong.",
            ),
            (request("GET", "/scim/v2x", &[], 0), None, None, "GET /scim/v2x → no reply  the client disconnected"),
        ] {
            assert_eq!(line(&request, status, refusal), expected);
        }
    }

    #[test]
    fn changes_are_counted_by_attribute() {
        let source = r#"{"schemas":["a"],"userName":"ada","name":{"givenName":"Ada","familyName":"B"},"emails":[{"value":"A"}]}"#;
        let mapped = r#"{"schemas":["a","b"],"userName":"ada","name":{"givenName":"Ada","familyName":"C"},"emails":[{"value":"a"}],"urn:x":{"badge":"1"},"displayName":"Ada"}"#;
        assert_eq!(changes(source, mapped), 4);
        assert_eq!(changes(source, source), 0);
    }
}
