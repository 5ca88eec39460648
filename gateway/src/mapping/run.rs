//! Runs a chain: the document goes from step to step without being serialised or copied. What the steps change lies on top of
//! the source.

use std::sync::Arc;

use scimgate_scim::access::Overlay;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};

use super::Mapper;
use super::chain::Chain;
use super::contain::Purpose;
use super::document::DocumentInfo;
use super::error::MapError;
use super::report::{MappingOutcome, MappingRun, StepReport, StepResult};
use super::step::{Intermediate, StepRun};
use crate::trace::{self, OpenSpan};

/// What is kept of a run besides its outcome.
pub(super) struct Kept<'a> {
    pub(super) steps: Vec<StepReport>,
    /// The document before the first step and after each that completed, if it is asked for.
    pub(super) documents: Option<&'a mut Vec<Overlay>>,
}

impl Mapper {
    /// Runs a chain over a canonical document that is to be stored. If no step applies, the document is its own mapped document.
    pub async fn run(&self, chain: &Chain, info: DocumentInfo<'_>, document: Arc<Map<String, Value>>) -> MappingRun {
        let mut kept = Kept { steps: Vec::with_capacity(chain.steps.len()), documents: None };
        let result = self.run_steps((chain, Purpose::Write), &info, document, &mut kept).await;
        MappingRun { result, steps: kept.steps }
    }

    pub(super) async fn run_steps(
        &self,
        (chain, purpose): (&Chain, Purpose),
        info: &DocumentInfo<'_>,
        document: Arc<Map<String, Value>>,
        kept: &mut Kept<'_>,
    ) -> Result<MappingOutcome, MapError> {
        let tree = Overlay::new(document, Some(info.id.to_string()));
        let mut document = Intermediate { tree, max_length: info.size };
        kept.document(&document);
        let mut is_mapped = false;
        for (index, step) in chain.steps.iter().enumerate() {
            let number = index + 1;
            let mut report = StepReport::new(number, &step.plugin);
            let step = StepRun { revision: chain.revision, number, step, info, purpose };
            let mut span = trace::span("mapping step");
            let result = self.run_step(&step, document, &mut report).await;
            report.result = result.as_ref().map_or_else(StepResult::from, |(done, _)| done.clone());
            describe(&mut span, &report);
            drop(span);
            kept.steps.push(report);
            let (done, left) = result?;
            kept.document(&left);
            match done {
                StepResult::Excluded(reason) => return Ok(MappingOutcome::Excluded(reason)),
                StepResult::Skipped => {}
                _ => is_mapped = true,
            }
            document = left;
        }
        if is_mapped {
            check_result((chain, purpose), info, &document.tree)?;
        }
        check_rules((chain, purpose), info, (&document.tree, &kept.steps))?;
        Ok(MappingOutcome::Mapped(document.tree))
    }
}

impl Kept<'_> {
    fn document(&mut self, document: &Intermediate) {
        if let Some(documents) = &mut self.documents {
            documents.push(document.tree.clone());
        }
    }
}

/// What a span says of its step: no reason and no line of the log, which may have personal data.
fn describe(span: &mut OpenSpan, report: &StepReport) {
    span.set("scimgate.step", || i64::try_from(report.number).unwrap_or(i64::MAX));
    span.set("scimgate.plugin", || report.title.clone());
    span.set("scimgate.outcome", || report.result.name());
    span.set("scimgate.cpu_us", || i64::try_from(report.cpu.as_micros()).unwrap_or(i64::MAX));
    if matches!(report.result, StepResult::Failed(_)) {
        span.fail("plugin_failed");
    }
}

/// The product relies on the directory's schemas, so the mapped document must match them.
pub(super) fn check_result(
    (chain, purpose): (&Chain, Purpose),
    info: &DocumentInfo<'_>,
    tree: &Overlay,
) -> Result<(), MapError> {
    validate(tree, info.resource_type).map_err(|rejection| {
        let reason = "the result does not match the directory's schemas";
        // The detail may contain personal data that a plugin used as a name; only the client gets it.
        if purpose == Purpose::Write {
            tracing::warn!(
                tenant.name = info.tenant, mapping.revision = chain.revision, resource.type = %info.resource_type.name,
                resource.id = %info.id, kind = "bad_output", reason, "a mapping failed"
            );
        }
        MapError::Failed {
            plugin: format!("of revision {}", chain.revision),
            step: chain.steps.len(),
            resource_type: info.resource_type.name.clone(),
            reason: format!("{reason}: {}", rejection.detail.trim_end_matches('.')),
            transient: false,
        }
    })
}

/// The operator's own rules hold for every document that the product may see, also for one that no step changed.
pub(super) fn check_rules(
    (chain, purpose): (&Chain, Purpose),
    info: &DocumentInfo<'_>,
    (tree, steps): (&Overlay, &[StepReport]),
) -> Result<(), MapError> {
    let Some((path, reason)) = info.rules.and_then(|rules| rules.broken(tree)) else { return Ok(()) };
    let name = &info.resource_type.name;
    // The reason has the value.
    if purpose == Purpose::Write {
        tracing::warn!(
            tenant.name = info.tenant, mapping.revision = chain.revision, resource.type = %name, resource.id = %info.id, rule = path,
            "a mapped document does not comply with the directory schema"
        );
    }
    Err(MapError::NonCompliant { subject: subject(chain, name, steps), path: path.to_owned(), reason })
}

/// "The User that revision 5 maps (its last step is 2, trim@0.1.0)".
pub(crate) fn subject(chain: &Chain, resource_type: &str, steps: &[StepReport]) -> String {
    match (chain.revision, steps.iter().rfind(|step| step.result != StepResult::Skipped)) {
        (0, None) => format!("The {resource_type}, which nothing maps,"),
        (revision, None) => format!("The {resource_type}, which no step of revision {revision} maps,"),
        (revision, Some(last)) => {
            format!(
                "The {resource_type} that revision {revision} maps (its last step is {}, {})",
                last.number, last.title
            )
        }
    }
}
