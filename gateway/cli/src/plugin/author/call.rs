//! A call for people and programs: what it decided, changed and logged, in the form of the admin API's preview.

use scimgate::mapping::{Level, LogLine, MapError, MappingOutcome, StepReport, StepResult};
use scimgate::telemetry;
use scimgate_plugin_sdk::test::{Found, Resource};
use scimgate_plugin_sdk::{Level as SdkLevel, Outcome};
use scimgate_scim::difference::differences;
use serde_json::{Value, json};

use super::local::{Call, Input};

/// What the examples of a project compare.
pub(super) fn found(call: &Call, resource: &Resource) -> Found {
    let outcome = match &call.step.result {
        StepResult::Mapped => Ok(Outcome::Mapped),
        StepResult::Excluded(why) => Ok(Outcome::excluded(why)),
        StepResult::Rejected(detail) => Ok(Outcome::rejected(detail)),
        StepResult::Failed(why) => Err(why.clone()),
        StepResult::Skipped => Err("the plugin is not for this resource type".to_owned()),
    };
    let document = call.after.as_ref().unwrap_or(&call.before).to_map();
    let log = call.step.log.iter().map(|line| (sdk_level(line.level), line.message.clone())).collect();
    Found { outcome, document: resource.show(document), log }
}

fn sdk_level(level: Level) -> SdkLevel {
    match level {
        Level::Debug => SdkLevel::Debug,
        Level::Info => SdkLevel::Info,
        Level::Warn => SdkLevel::Warn,
        Level::Error => SdkLevel::Error,
    }
}

/// The call as the admin API's preview shows one.
pub(super) fn preview(call: &Call, input: &Input) -> Value {
    let (outcome, reason, mapped) = match &call.result {
        Ok(MappingOutcome::Mapped(tree)) if tree.is_source() => ("same", None, Some(tree.to_map())),
        Ok(MappingOutcome::Mapped(tree)) => ("mapped", None, Some(tree.to_map())),
        Ok(MappingOutcome::Excluded(why)) => ("excluded", Some(why.clone()), None),
        Err(MapError::Rejected(rejection)) => ("rejected", Some(rejection.detail.clone()), None),
        Err(error) => ("failed", Some(telemetry::chain(error)), None),
    };
    json!({
        "resourceType": input.resource_type.name,
        "onFailure": "refuse",
        "outcome": outcome,
        "reason": reason,
        "source": *input.source,
        "mapped": mapped,
        "steps": [step(call, input)],
        "warnings": [],
    })
}

fn step(call: &Call, input: &Input) -> Value {
    let StepReport { number, plugin, title, result, cpu, .. } = &call.step;
    let changes = call.after.as_ref().map(|after| differences(&call.before, after, &input.resource_type));
    let changes = changes.unwrap_or_default();
    let (outcome, reason) = match result {
        StepResult::Mapped if changes.is_empty() => ("same", None),
        StepResult::Mapped => ("mapped", None),
        StepResult::Excluded(why) => ("excluded", Some(why)),
        StepResult::Rejected(why) => ("rejected", Some(why)),
        StepResult::Failed(why) => ("failed", Some(why)),
        StepResult::Skipped => ("skipped", None),
    };
    let changes: Vec<Value> = changes
        .into_iter()
        .map(|it| {
            let mut change = json!({ "path": it.path });
            for (name, value) in [("before", it.before), ("after", it.after)] {
                if let Some(value) = value {
                    change[name] = value;
                }
            }
            change
        })
        .collect();
    json!({
        "number": number, "plugin": plugin, "title": title, "outcome": outcome, "reason": reason,
        "cpuMicros": u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX),
        "memoryBytes": call.step.memory, "hostCalls": call.step.host_calls, "writtenBytes": call.step.written,
        "changes": changes,
        "log": call.step.log.iter().map(log_line).collect::<Vec<_>>(),
        "refusedPaths": refused_paths(&call.step),
    })
}

fn log_line(line: &LogLine) -> Value {
    json!({ "level": level(line.level), "message": line.message })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

fn refused_paths(step: &StepReport) -> Vec<Value> {
    let paths = step
        .refused_paths
        .iter()
        .map(|refused| json!({ "call": refused.call, "path": refused.path, "reason": refused.error.to_string() }));
    paths.collect()
}
