//! Tries the steps of a mapping on example documents, made from the tenant's schemas: a mapping that would refuse every user is
//! refused before it can.
//!
//! What every document of a type would meet is refused: a path that no schema has, a plugin that panics or exceeds its limits, a
//! failure on each example. What may depend on the examples' values is a warning: a rejection, a failure on one of them.

use std::sync::Arc;
use std::time::SystemTime;

use scimgate_scim::access::{self, Overlay};
use scimgate_scim::error::ScimError;
use scimgate_scim::sample::{self, Extent};
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::mapping::{
    Chain, DocumentInfo, FailureKind, Level, MapError, Mapper, PathError, RefusedPath, StepReport, StepResult, Trial,
};
use crate::operation::settings::Settings;

/// Resource types of which examples are tried; each is tried with two documents.
const MAX_TYPES: usize = 16;
/// Longest text of a plugin's that a message quotes.
const MAX_QUOTED_CHARS: usize = 200;

/// A value of an attribute that a filter selects.
const PLAUSIBLE: &str = "ada@example.com";

const OVERRIDE: &str = "To store the mapping all the same, leave out the dry run (dryRun=false, --no-dry-run).";

/// Why there is no verdict.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A step would fail on every document.
    Step(ScimError),
    /// A plugin cannot be called now.
    Mapping(MapError),
}

/// A step's reports on the examples of one type.
struct Tried<'a> {
    title: &'a str,
    resource_type: &'a str,
    number: usize,
    reports: Vec<(Extent, &'a StepReport)>,
}

/// Tries a chain on a full and a minimal example of each type that it applies to. `titles` are the plugins' names; returns warnings.
pub(super) async fn run(
    mapper: &Mapper,
    settings: &Settings,
    (chain, titles): (&Chain, &[String]),
    now: SystemTime,
) -> Result<Vec<String>, Refusal> {
    let mut warnings = Vec::new();
    let types = settings.registry.resource_types();
    for resource_type in types.iter().take(MAX_TYPES) {
        let mut trials = Vec::new();
        for extent in [Extent::Full, Extent::Minimal] {
            trials.push((extent, tried(mapper, settings, chain, (resource_type, extent, now)).await?));
        }
        for (index, title) in titles.iter().enumerate() {
            let reports =
                trials.iter().filter_map(|(extent, trial)| Some((*extent, trial.steps.get(index)?))).collect();
            let step = Tried { title, resource_type: &resource_type.name, number: index + 1, reports };
            warnings.extend(step.verdict().map_err(|why| Refusal::Step(ScimError::new(400, why)))?);
        }
        warnings.extend(output(&trials, &resource_type.name).map_err(|why| Refusal::Step(ScimError::new(400, why)))?);
    }
    if types.len() > MAX_TYPES {
        warnings.push(format!("The dry run tried the first {MAX_TYPES} resource types only."));
    }
    Ok(warnings)
}

/// Twice, if a plugin ran out of time: the load of the machine may be the cause.
async fn tried(
    mapper: &Mapper,
    settings: &Settings,
    chain: &Chain,
    (resource_type, extent, now): (&Arc<ResourceType>, Extent, SystemTime),
) -> Result<Trial, Refusal> {
    let document = Arc::new(example(settings, resource_type, extent));
    let size = serde_json::to_string(&*document).map_or(0, |text| text.len());
    let directory_type = settings.directory.resource_type(&resource_type.name).unwrap_or(resource_type);
    let attempt = || {
        let info = DocumentInfo {
            tenant: &settings.name,
            resource_type: directory_type,
            rules: settings.rules(&resource_type.name),
            id: Uuid::nil(),
            last_modified: rfc3339(now),
            size,
        };
        mapper.try_steps(chain, info, Arc::clone(&document))
    };
    let trial = attempt().await.map_err(Refusal::Mapping)?;
    if trial.steps.iter().any(|step| step.failure.is_some_and(FailureKind::is_transient)) {
        return attempt().await.map_err(Refusal::Mapping);
    }
    Ok(trial)
}

/// An example that complies with the directory schema, as far as the SCIM client can make it so: otherwise every mapping that changes
/// nothing would be refused.
fn example(settings: &Settings, resource_type: &Arc<ResourceType>, extent: Extent) -> Map<String, Value> {
    let document = sample::document(resource_type, extent);
    let Some(rules) = settings.rules(&resource_type.name) else { return document };
    let full = Overlay::new(Arc::new(sample::document(resource_type, Extent::Full)), None);
    let mut fitting = Overlay::new(Arc::new(document), None);
    for (path, is_required, allowed) in rules.wanted() {
        let has_value = access::get(&fitting, resource_type, path).is_ok_and(|values| !values.is_empty());
        let plausible = || access::get(&full, resource_type, path).ok()?.first().copied().cloned();
        let value = match allowed {
            Some(allowed) if has_value || is_required => Some(allowed.clone()),
            None if is_required && !has_value => plausible().or_else(|| Some(PLAUSIBLE.into())),
            _ => None,
        };
        if let Some(value) = value {
            // What only a mapping can write is left to it.
            let _ = access::set(&mut fitting, resource_type, path, value);
        }
    }
    fitting.to_map()
}

impl Tried<'_> {
    /// What is wrong with the step, or a warning.
    fn verdict(&self) -> Result<Option<String>, String> {
        for (extent, report) in &self.reports {
            self.check(*extent, report)?;
        }
        let of = |pick: fn(&StepResult) -> Option<&String>| {
            self.reports.iter().map(|(_, report)| pick(&report.result)).collect::<Vec<_>>()
        };
        let failed = of(|result| if let StepResult::Failed(why) = result { Some(why) } else { None });
        if let Some(why) = on_all(&failed) {
            return Err(format!(
                "{} fails on every example {}: {} {OVERRIDE}",
                self.name(),
                self.resource_type,
                full(why)
            ));
        }
        if let Some(why) = failed.into_iter().flatten().next() {
            return Ok(Some(format!("{} fails on an example {}: {}", self.name(), self.resource_type, full(why))));
        }
        let rejected = of(|result| if let StepResult::Rejected(why) = result { Some(why) } else { None });
        let count = rejected.iter().flatten().count();
        if let Some(why) = rejected.into_iter().flatten().next() {
            let which = if count == self.reports.len() { "every" } else { "an" };
            return Ok(Some(format!("{} rejects {which} example {}: {}", self.name(), self.resource_type, full(why))));
        }
        let excluded = of(|result| if let StepResult::Excluded(why) = result { Some(why) } else { None });
        if let Some(why) = on_all(&excluded) {
            return Ok(Some(format!("{} excludes every example {}: {}", self.name(), self.resource_type, full(why))));
        }
        Ok(self.handled_path())
    }

    /// Refuses what does not depend on the example's values.
    fn check(&self, extent: Extent, report: &StepReport) -> Result<(), String> {
        let Some(kind) = report.failure else { return Ok(()) };
        let StepResult::Failed(why) = &report.result else { return Ok(()) };
        let example = match extent {
            Extent::Full => format!("a {} with every attribute", self.resource_type),
            Extent::Minimal => format!("a {} with the required attributes", self.resource_type),
        };
        if kind != FailureKind::Reported {
            let log = report.log.iter().rev().find(|line| line.level == Level::Error);
            let log = log.map_or(String::new(), |line| format!(" It logged: {}", full(&line.message)));
            return Err(format!("{} fails on {example}: {}{log} {OVERRIDE}", self.name(), full(why)));
        }
        match report.refused_paths.iter().rev().find(|refused| is_of_schemas(refused)) {
            None => Ok(()),
            Some(refused) => Err(format!(
                "{} fails on {example}, since it cannot {} {}: {} Correct the path in the step's configuration, or add the \
                 attribute to the tenant's schemas. {OVERRIDE}",
                self.name(),
                verb(refused),
                quoted(&refused.path),
                full(&refused.error.to_string())
            )),
        }
    }

    /// A warning where the plugin goes on without a path that it was refused.
    fn handled_path(&self) -> Option<String> {
        let refused = self.reports.iter().flat_map(|(_, report)| &report.refused_paths).find(|it| is_of_schemas(it))?;
        Some(format!(
            "{} cannot {} {} of a {}, and goes on without it: {}",
            self.name(),
            verb(refused),
            quoted(&refused.path),
            self.resource_type,
            full(&refused.error.to_string())
        ))
    }

    fn name(&self) -> String {
        format!("Step {} ({})", self.number, self.title)
    }
}

/// The first reason, if there is one for each example.
fn on_all<'a>(reasons: &[Option<&'a String>]) -> Option<&'a String> {
    reasons.iter().copied().collect::<Option<Vec<_>>>()?.into_iter().next()
}

/// Whether the schemas decide it, and not a value.
fn is_of_schemas(refused: &RefusedPath) -> bool {
    !matches!(refused.error, PathError::WrongValue(_) | PathError::Other(_))
}

fn verb(refused: &RefusedPath) -> &'static str {
    match refused.call {
        "get" => "read",
        "remove" => "remove",
        _ => "write",
    }
}

/// A document that the directory's schemas forbid, made of every example, is made of every document.
fn output(trials: &[(Extent, Trial)], resource_type: &str) -> Result<Option<String>, String> {
    let bad: Vec<&String> = trials.iter().filter_map(|(_, trial)| trial.bad_output.as_ref()).collect();
    let Some(why) = bad.first() else { return Ok(None) };
    if bad.len() == trials.len() {
        return Err(format!("The mapping fails on every example {resource_type}: {} {OVERRIDE}", full(why)));
    }
    Ok(Some(format!("The mapping fails on an example {resource_type}: {}", full(why))))
}

/// A text as a whole sentence, shortened.
fn full(text: &str) -> String {
    let text = quoted(text);
    if text.ends_with(['.', '!', '?', '…']) { text } else { format!("{text}.") }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mapping::LogLine;

    fn report(result: StepResult, failure: Option<FailureKind>, error: Option<PathError>) -> StepReport {
        let refused = error.map(|error| RefusedPath { call: "get", path: "badge".to_owned(), error });
        StepReport {
            number: 1,
            plugin: "aa".to_owned(),
            title: "trim@1".to_owned(),
            result,
            cpu: Duration::ZERO,
            memory: 0,
            host_calls: 0,
            written: 0,
            log: vec![LogLine { level: Level::Error, message: "boom".to_owned() }],
            failure,
            refused_paths: refused.into_iter().collect(),
        }
    }

    fn verdict(full: &StepReport, minimal: &StepReport) -> Result<Option<String>, String> {
        let reports = vec![(Extent::Full, full), (Extent::Minimal, minimal)];
        Tried { title: "trim@1", resource_type: "User", number: 1, reports }.verdict()
    }

    #[test]
    fn what_every_document_would_meet_is_refused_and_what_depends_on_values_is_a_warning() {
        let unknown = || Some(PathError::Unknown("No.".to_owned()));
        let wrong = || Some(PathError::WrongValue("No.".to_owned()));
        let failed = |kind, error| report(StepResult::Failed("It broke".to_owned()), Some(kind), error);
        let mapped = report(StepResult::Mapped, None, None);
        let warn = |text: &str| Ok(Some(text.to_owned()));

        assert_eq!(verdict(&mapped, &report(StepResult::Skipped, None, None)), Ok(None));
        let without = report(StepResult::Mapped, None, unknown());
        assert_eq!(
            verdict(&without, &mapped),
            warn("Step 1 (trim@1) cannot read badge of a User, and goes on without it: No.")
        );
        assert_eq!(verdict(&report(StepResult::Mapped, None, wrong()), &mapped), Ok(None));
        for error in [None, wrong()] {
            let found = verdict(&failed(FailureKind::Reported, error), &mapped);
            assert_eq!(found, warn("Step 1 (trim@1) fails on an example User: It broke."));
        }
        let found = verdict(&mapped, &failed(FailureKind::Reported, unknown())).unwrap_err();
        let start =
            "Step 1 (trim@1) fails on a User with the required attributes, since it cannot read badge: No. Correct";
        assert!(found.starts_with(start), "{found}");
        for kind in [FailureKind::Trap, FailureKind::CpuTime, FailureKind::Memory, FailureKind::OutputSize] {
            let found = verdict(&failed(kind, None), &mapped).unwrap_err();
            let expected = "Step 1 (trim@1) fails on a User with every attribute: It broke. It logged: boom.";
            assert!(found.starts_with(expected), "{kind:?}: {found}");
        }
        let both = failed(FailureKind::Reported, None);
        assert!(
            verdict(&both, &both).unwrap_err().starts_with("Step 1 (trim@1) fails on every example User: It broke.")
        );
    }
}
