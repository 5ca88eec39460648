//! Plays a recorded exchange: each request in turn, its reply held against what is expected, and at the end the
//! documents and events that came of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::matching::assert_holds;
use crate::{Request, Tenant};

/// A file of recorded exchanges.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Where the provider got this from, and what it shows.
    pub about: String,
    /// What the administrator typed behind the host; the endpoint's own address where nothing is said.
    #[serde(default)]
    pub base: Option<String>,
    /// The requests, in order.
    pub exchanges: Vec<Exchange>,
    /// What must be there afterwards.
    #[serde(default)]
    pub end: End,
}

/// A request and its reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    request: Asked,
    expect: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
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
    /// Under which name to remember what stands at a JSON pointer; `{name}` stands for it from then on.
    #[serde(default)]
    save: BTreeMap<String, String>,
}

/// The state at the end.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Path at the SCIM endpoint → what must be read there; null where nothing may be.
    #[serde(default)]
    source: BTreeMap<String, Value>,
    /// Path at the directory → what must be read there; null where nothing may be.
    #[serde(default)]
    mapped: BTreeMap<String, Value>,
    /// Every event: its type, its resource, and for a membership its member.
    #[serde(default)]
    events: Option<Vec<String>>,
}

/// What was remembered: text → name.
pub type Names = BTreeMap<String, String>;

impl Recording {
    /// Reads a file of `testdata`.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let path = crate::root().join("tests/testdata").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// Plays it as a tenant's provider and checks everything. Gives the names of what was made.
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
        let Some(typed) = &self.base else { return tenant.clone() };
        let host = tenant.scim.base.strip_suffix("/scim/v2").unwrap();
        Tenant { scim: tenant.scim.at(format!("{host}{}", typed.replace("{tenant}", &tenant.name))), ..tenant.clone() }
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
            check(&format!("in the end {path}"), &fill_value(expected, names), answer.status, &answer.body);
        }
        for (path, expected) in &self.mapped {
            let answer = tenant.directory(&fill(path, names)).await;
            check(
                &format!("in the end the directory's {path}"),
                &fill_value(expected, names),
                answer.status,
                &answer.body,
            );
        }
        if let Some(expected) = &self.events {
            assert_eq!(&told(&tenant.events().await, names), expected, "the events");
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

/// Events as a recording writes them. The member changes of one request come in no order, so they are sorted.
fn told(events: &[Value], names: &Names) -> Vec<String> {
    let label =
        |id: &Value| id.as_str().map(|id| names.get(id).map_or_else(|| id.to_owned(), |known| format!("{{{known}}}")));
    let tell = |event: &Value| {
        let words = [event["type"].as_str().map(str::to_owned), label(&event["resourceId"]), label(&event["memberId"])];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let together = |a: &Value, b: &Value| {
        let member = |event: &Value| event["memberId"].is_string();
        member(a) && member(b) && a["requestId"] == b["requestId"]
    };
    let runs = events.chunk_by(together);
    runs.flat_map(|run| {
        let mut lines: Vec<String> = run.iter().map(tell).collect();
        lines.sort();
        lines
    })
    .collect()
}

/// The state of a tenant in the recording's own names, to compare one tenant's with another's.
pub async fn state(tenant: &Tenant, names: &Names) -> Vec<Value> {
    let mut found = Vec::new();
    for text in tenant.everything().await {
        let told = names.iter().fold(text, |text, (id, name)| text.replace(id, name));
        let mut value: Value = serde_json::from_str(&told.replace(&tenant.name, "the-tenant")).unwrap();
        forget_versions(&mut value);
        found.push(value);
    }
    found
}

/// How many requests led to a state, and when, is no part of it.
fn forget_versions(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("meta");
            object.values_mut().for_each(forget_versions);
        }
        Value::Array(elements) => elements.iter_mut().for_each(forget_versions),
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
