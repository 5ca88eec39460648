//! What a row has besides its columns, as JSON: what changed, what the mapping's steps did, which leniencies were used. Values are left out
//! as the tenant's redaction says.

use scimgate_scim::difference::{Difference, differences};
use scimgate_scim::leniency::Warnings;
use scimgate_scim::schema::ResourceType;
use serde::Serialize;
use serde_json::{Map, Value};

use super::redaction::Redaction;
use crate::mapping::{Level, StepReport, StepResult};
use crate::operation::resource::record::{MemberValues, Written};

/// Changes of one write; of more, their number.
const MAX_CHANGES: usize = 100;
/// Longest value of a change, as JSON; of a longer one, its length.
const MAX_VALUE_BYTES: usize = 1 << 10;
/// Lines of one plugin call; the first ones.
const MAX_LOG_LINES: usize = 20;
/// Longest text of all this; of a longer one values, members, and what plugins say are left out.
const MAX_DETAILS_BYTES: usize = 32 << 10;

/// What is known of a request besides its columns.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<UsedLeniency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) omitted_changes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) members: Option<MemberChange>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<ListPage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operations: Option<usize>,
}

/// A leniency that was used.
#[derive(Debug, Serialize)]
pub(super) struct UsedLeniency {
    leniency: &'static str,
    attribute: String,
}

/// A page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListPage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_index: Option<u64>,
    pub(super) returned: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redacted: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberChange {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replaced_all: bool,
    added_count: usize,
    removed_count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    added: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    number: usize,
    plugin: String,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    cpu_us: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<PluginLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_paths: Vec<RefusedPath>,
}

#[derive(Debug, Serialize)]
struct PluginLine {
    level: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct RefusedPath {
    call: &'static str,
    path: String,
    why: String,
}

/// The leniencies that a request used.
pub(super) fn used(warnings: &Warnings) -> Vec<UsedLeniency> {
    let used = warnings.iter();
    used.map(|it| UsedLeniency { leniency: it.leniency.name(), attribute: it.attribute.clone() }).collect()
}

impl Details {
    /// Adds a write.
    pub(super) fn add_write(&mut self, written: &Written, documents: &Documents, by: (&ResourceType, &Redaction)) {
        let (resource_type, redaction) = by;
        self.warnings.extend(used(&written.warnings));
        self.attempts = Some(written.attempts).filter(|attempts| *attempts > 1);
        self.steps = written.steps.iter().map(|report| step(report, redaction)).collect();
        self.members = written.members.as_ref().map(|members| member_change(members, resource_type, redaction));
        if documents.is_change {
            let found = differences(&documents.before, &documents.after, resource_type);
            self.omitted_changes = found.len().checked_sub(MAX_CHANGES).filter(|more| *more > 0);
            let shown = found.into_iter().take(MAX_CHANGES);
            self.changes = shown.map(|it| change(it, resource_type, redaction)).collect();
        }
    }

    /// The text; none where there is nothing to say.
    pub(super) fn text(mut self) -> Option<String> {
        let mut text = serde_json::to_string(&self).ok()?;
        if text.len() > MAX_DETAILS_BYTES {
            self.omitted_changes = Some(self.omitted_changes.unwrap_or_default() + self.changes.len());
            self.changes.clear();
            for step in &mut self.steps {
                step.log.clear();
                step.refused_paths.clear();
            }
            if let Some(members) = &mut self.members {
                members.added.clear();
                members.removed.clear();
            }
            self.warnings.truncate(MAX_LOG_LINES);
            text = serde_json::to_string(&self).ok()?;
        }
        (text != "{}").then_some(text)
    }
}

/// The documents of a write.
#[derive(Debug, Default)]
pub(super) struct Documents {
    before: Map<String, Value>,
    after: Map<String, Value>,
    /// Whether they are to be compared.
    is_change: bool,
}

impl Documents {
    /// Reads them. Of a refused write there is at most the one before.
    pub(super) fn read(written: &Written) -> Self {
        let read = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let (before, after) = (read(&written.before), read(&written.after));
        let is_deletion = written.effect == Some(crate::operation::resource::record::Effect::Deleted);
        let is_change = after.is_some() || is_deletion && before.is_some();
        Self { before: before.unwrap_or_default(), after: after.unwrap_or_default(), is_change }
    }

    /// What names the resource.
    pub(super) fn name(&self, resource_type: &ResourceType) -> Option<&str> {
        [&self.after, &self.before].into_iter().find_map(|it| it.get(&resource_type.name_attribute)?.as_str())
    }
}

fn change(it: Difference, resource_type: &ResourceType, redaction: &Redaction) -> Change {
    let Difference { path, attribute, before, after } = it;
    let shown = |value: &Option<Value>| match value {
        None => (None, false),
        Some(value) => match redaction.shown(&attribute, value, resource_type) {
            Some(shown) => {
                let is_cut = shown != *value;
                (Some(shortened(shown)), is_cut)
            }
            None => (None, true),
        },
    };
    let ((before, cut_before), (after, cut_after)) = (shown(&before), shown(&after));
    let path = if redaction.shows_path(&attribute, resource_type) { path } else { attribute };
    Change { path, before, after, redacted: cut_before || cut_after }
}

fn shortened(value: Value) -> Value {
    let bytes = match &value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => value.to_string().len(),
        _ => 0,
    };
    if bytes > MAX_VALUE_BYTES { serde_json::json!({ "omittedBytes": bytes }) } else { value }
}

fn member_change(members: &MemberValues, resource_type: &ResourceType, redaction: &Redaction) -> MemberChange {
    let is_hidden = resource_type.detached.is_some_and(|name| !redaction.shows_path(name, resource_type));
    let shown = |values: &Vec<String>| if is_hidden { Vec::new() } else { values.clone() };
    MemberChange {
        replaced_all: members.replace_all,
        added_count: members.added_count,
        removed_count: members.removed_count,
        added: shown(&members.added),
        removed: shown(&members.removed),
    }
}

fn step(report: &StepReport, redaction: &Redaction) -> Step {
    let reason = match &report.result {
        StepResult::Excluded(reason) | StepResult::Rejected(reason) | StepResult::Failed(reason) => Some(reason),
        StepResult::Mapped | StepResult::Skipped => None,
    };
    let is_shown = !redaction.is_all();
    let lines = report.log.iter().take(if is_shown { MAX_LOG_LINES } else { 0 });
    let paths = report.refused_paths.iter().take(if is_shown { usize::MAX } else { 0 });
    let paths = paths.map(|refused| RefusedPath {
        call: refused.call,
        path: refused.path.clone(),
        why: refused.error.to_string(),
    });
    Step {
        number: report.number,
        plugin: report.title.clone(),
        result: report.result.name(),
        reason: reason.and_then(|reason| redaction.detail(reason)),
        cpu_us: u64::try_from(report.cpu.as_micros()).unwrap_or(u64::MAX),
        log: lines.map(|line| PluginLine { level: level(line.level), message: line.message.clone() }).collect(),
        refused_paths: paths.collect(),
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}
