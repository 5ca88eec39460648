//! Plays a recorded exchange: sends each request, compares its reply with the expected one, and at the end compares the
//! documents and events.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::matching::assert_holds;
use crate::{Request, Tenant};

/// A file of recorded exchanges.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The source of the recording, and what it shows.
    pub about: String,
    /// The path that the administrator entered; the endpoint's own where there is none.
    #[serde(default)]
    pub base: Option<String>,
    /// The requests, in order.
    pub exchanges: Vec<Exchange>,
    /// The expected state afterwards.
    #[serde(default)]
    pub end: End,
}

/// A request and its reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    request: RecordedRequest,
    expect: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedRequest {
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Name → JSON pointer of a value in the reply; `{name}` stands for the value from then on.
    #[serde(default)]
    save: BTreeMap<String, String>,
}

/// The expected state at the end.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Path at the SCIM endpoint → the expected document; null for 404.
    #[serde(default)]
    source: BTreeMap<String, Value>,
    /// Path at the directory → the expected document; null for 404.
    #[serde(default)]
    mapped: BTreeMap<String, Value>,
    /// Every event: its type, its resource, and for a membership its member.
    #[serde(default)]
    events: Option<Vec<String>>,
}

/// The saved values: value → name.
pub type Names = BTreeMap<String, String>;

impl Recording {
    /// Reads a file of `testdata`.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let path = crate::root().join("tests/testdata").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// Plays it as a tenant's provider and checks everything; returns the saved values.
    pub async fn play(&self, tenant: &Tenant) -> Names {
        let provider = self.provider(tenant);
        let mut names = Names::new();
        for (index, exchange) in self.exchanges.iter().enumerate() {
            exchange.play(index + 1, &provider, &mut names).await;
        }
        self.end.check(&provider, &names).await;
        names
    }

    fn provider(&self, tenant: &Tenant) -> Tenant {
        let Some(base) = &self.base else { return tenant.clone() };
        let host = tenant.scim.base.strip_suffix("/scim/v2").unwrap();
        Tenant { scim: tenant.scim.at(format!("{host}{}", base.replace("{tenant}", &tenant.name))), ..tenant.clone() }
    }
}

impl Exchange {
    async fn play(&self, number: usize, provider: &Tenant, names: &mut Names) {
        let path = fill(&self.request.path, names);
        let mut request = Request::new(&self.request.method, &path);
        if let Some(body) = &self.request.body {
            request = request.json(&fill_value(body, names));
        }
        for (name, value) in &self.request.headers {
            request = request.header(name, &fill(value, names));
        }
        let answer = provider.send(request).await;
        let what = format!("exchange {number}, {} {path}", self.request.method);
        assert_eq!(answer.status, self.expect.status, "{what}\n{}", answer.text);
        if let Some(body) = &self.expect.body {
            assert_holds(&what, &fill_value(body, names), &answer.body);
        }
        for (header, value) in &self.expect.headers {
            assert_eq!(answer.header(header), fill(value, names), "{what}: {header}");
        }
        for (name, pointer) in &self.expect.save {
            let found = answer.body.pointer(pointer).and_then(Value::as_str);
            names.insert(found.unwrap_or_else(|| panic!("{what}: nothing at {pointer}")).to_owned(), name.clone());
        }
    }
}

impl End {
    async fn check(&self, tenant: &Tenant, names: &Names) {
        for (path, expected) in &self.source {
            let answer = tenant.get(&fill(path, names)).await;
            check(&format!("at the end {path}"), &fill_value(expected, names), answer.status, &answer.body);
        }
        for (path, expected) in &self.mapped {
            let answer = tenant.directory(&fill(path, names)).await;
            check(
                &format!("at the end the directory's {path}"),
                &fill_value(expected, names),
                answer.status,
                &answer.body,
            );
        }
        if let Some(expected) = &self.events {
            assert_eq!(&event_lines(&tenant.events().await, names), expected, "the events");
        }
    }
}

#[track_caller]
fn check(what: &str, expected: &Value, status: u16, body: &Value) {
    if expected.is_null() {
        assert_eq!(status, 404, "{what}: {body:#}");
    } else {
        assert_eq!(status, 200, "{what}: {body:#}");
        assert_holds(what, expected, body);
    }
}

/// Events as a recording writes them. The member changes of one request have no fixed order, so they are sorted.
fn event_lines(events: &[Value], names: &Names) -> Vec<String> {
    let label =
        |id: &Value| id.as_str().map(|id| names.get(id).map_or_else(|| id.to_owned(), |known| format!("{{{known}}}")));
    let line = |event: &Value| {
        let parts = [event["type"].as_str().map(str::to_owned), label(&event["resourceId"]), label(&event["memberId"])];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let of_one_request = |a: &Value, b: &Value| {
        let member = |event: &Value| event["memberId"].is_string();
        member(a) && member(b) && a["requestId"] == b["requestId"]
    };
    let runs = events.chunk_by(of_one_request);
    runs.flat_map(|run| {
        let mut lines: Vec<String> = run.iter().map(line).collect();
        lines.sort();
        lines
    })
    .collect()
}

/// The state of a tenant with the recording's names in place of ids, to compare tenants.
pub async fn state(tenant: &Tenant, names: &Names) -> Vec<Value> {
    let mut found = Vec::new();
    for text in tenant.everything().await {
        let text = names.iter().fold(text, |text, (id, name)| text.replace(id, name));
        let mut value: Value = serde_json::from_str(&text.replace(&tenant.name, "the-tenant")).unwrap();
        remove_meta(&mut value);
        found.push(value);
    }
    found
}

/// Versions and times depend on the number of requests.
fn remove_meta(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("meta");
            object.values_mut().for_each(remove_meta);
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_meta),
        _ => {}
    }
}

fn fill(text: &str, names: &Names) -> String {
    names.iter().fold(text.to_owned(), |text, (value, name)| text.replace(&format!("{{{name}}}"), value))
}

fn fill_value(value: &Value, names: &Names) -> Value {
    match value {
        Value::String(text) => fill(text, names).into(),
        Value::Array(elements) => elements.iter().map(|element| fill_value(element, names)).collect(),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, value)| (fill(name, names), fill_value(value, names))).collect())
        }
        other => other.clone(),
    }
}
