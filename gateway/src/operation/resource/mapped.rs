//! What a chain makes of a stored document, and what that changes for the product. A remap stores it, a plan counts it.

use std::sync::Arc;

use scimgate_scim::access::Overlay;
use scimgate_scim::text::Printed;
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::mapping::{Chain, DocumentInfo, MapError, MappingOutcome, StepReport, StepResult};
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::content::{check_pending_directory, event, is_inactive, kept};
use crate::operation::resource::document::parse;
use crate::operation::resource::unique;
use crate::store::event::EventKind;
use crate::store::held::HoldChange;
use crate::store::mapped_unique::UniqueChange;
use crate::store::mapping_reason::{MappingReason, ReasonChange};
use crate::store::resource::content::Content;
use crate::store::resource::key::Keys;
use crate::store::resource::read::{MappingState, Stored};
use crate::store::resource::remap::{Failure, Remapped};
use crate::telemetry;

/// The reason where a stored document cannot be read; the log has the details.
const UNREADABLE: &str = "What is stored of it cannot be understood; the log has more.";

/// What a mapping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is stored.
    Remap,
    /// Nothing is stored: its failures are not logged, and open no breakers of writes.
    DryRun,
}

/// A document as a chain maps it.
pub(crate) struct Mapped {
    /// The mapped document's relation to the source.
    pub(crate) state: MappingState,
    /// The mapped document's text, where it differs from the source; none where the stored one stays.
    pub(crate) text: Option<String>,
    /// Whether the text that is stored stays.
    pub(crate) keeps_text: bool,
    /// What the product is told.
    pub(crate) event: Option<EventKind>,
    /// Why there is no new mapped document.
    pub(crate) problem: Option<Problem>,
    /// The reason that is kept with the resource, where the product does not see what the source says.
    pub(crate) reason: Option<MappingReason>,
    /// What it changes about the values that must be unique.
    pub(crate) unique: UniqueChange,
    /// What each step did.
    pub(crate) steps: Vec<StepReport>,
}

/// Why a document has no new mapped document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What went wrong.
    pub(crate) kind: ProblemKind,
    /// Whether a retry may help.
    pub(crate) failure: Failure,
    /// In words; may contain personal data.
    pub(crate) reason: String,
}

/// What went wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// A plugin rejected it, as it may reject a client's.
    Rejected,
    /// A plugin failed.
    Failed,
    /// The result does not comply with the directory schema.
    NonCompliant,
    /// Another resource has a value that must be unique.
    Conflict,
}

/// Maps a stored document, read with its own time of modification: the same document gives the same result at any time.
///
/// # Errors
/// What concerns not this document but the moment: a plugin cannot be loaded, too many mappings run, a schema change is pending.
pub(crate) async fn map(ctx: &Context, (chain, purpose): (&Chain, Purpose), stored: &Stored) -> Result<Mapped, Error> {
    let Some(directory_type) = ctx.settings.directory.resource_type(&stored.resource_type) else {
        return Ok(failed(
            stored,
            unreadable(&format!("there is no resource type {}", stored.resource_type), stored.id),
        ));
    };
    let document = match parse("source", &stored.source) {
        Ok(document) => Arc::new(document),
        Err(error) => return Ok(failed(stored, unreadable(&telemetry::chain(&error), stored.id))),
    };
    let info = DocumentInfo {
        tenant: &ctx.settings.name,
        resource_type: directory_type,
        rules: ctx.settings.rules(&stored.resource_type),
        id: stored.id,
        last_modified: rfc3339(stored.modified_at),
        size: stored.source.len(),
    };
    let (chains, name) = (&ctx.gateway.mapper, stored.resource_type.as_str());
    let run = match purpose {
        Purpose::Remap => chains.run(chain, info, Arc::clone(&document)).await,
        Purpose::DryRun => chains.dry_run(chain, info, Arc::clone(&document)).await,
    };
    let mapped = match run.result {
        Ok(MappingOutcome::Mapped(tree)) if tree.is_source() => {
            let unique = unique::change(&ctx.settings, name, Some(&tree));
            Mapped { unique, ..mapped(stored, MappingState::Same, None, is_inactive(&*document))? }
        }
        Ok(MappingOutcome::Mapped(tree)) => {
            check_pending_directory(ctx, directory_type, &tree)?;
            let text = tree.print(&Printed::of(&document));
            let unique = unique::change(&ctx.settings, name, Some(&tree));
            Mapped { unique, ..mapped(stored, MappingState::Mapped, Some(text), is_inactive(&tree))? }
        }
        Ok(MappingOutcome::Excluded(why)) => {
            let excluded = mapped(stored, MappingState::Excluded, None, false)?;
            let unique = unique::change(&ctx.settings, name, None::<&Overlay>);
            Mapped { reason: Some(reason_of(&why, &run.steps)), unique, ..excluded }
        }
        Err(error) => {
            let problem = problem(error)?;
            let reason = Some(reason_of(&problem.reason, &run.steps));
            Mapped { reason, ..failed(stored, problem) }
        }
    };
    Ok(Mapped { steps: run.steps, ..mapped })
}

fn mapped(stored: &Stored, state: MappingState, text: Option<String>, is_deactivated: bool) -> Result<Mapped, Error> {
    let old = stored.mapped_text();
    let new = match state {
        MappingState::Same => Some(stored.source.as_str()),
        _ => text.as_deref(),
    };
    let is_same = matches!((old, new), (Some(old), Some(new)) if is_same_document(old, new)?);
    let event = if is_same { None } else { event(old, new, is_deactivated)? };
    // A text of the same document stays: it need not be written.
    let keeps_text = is_same && text.is_some() && stored.mapped.is_some();
    Ok(Mapped {
        state,
        text: text.filter(|_| !keeps_text),
        keeps_text,
        event,
        problem: None,
        reason: None,
        unique: UniqueChange::None,
        steps: Vec::new(),
    })
}

/// Two chains may write the same members in another order, which is no change for the product.
fn is_same_document(old: &str, new: &str) -> Result<bool, Error> {
    Ok(old == new || (old.len() == new.len() && parse("mapped", old)? == parse("mapped", new)?))
}

/// The product keeps what it sees.
fn failed(stored: &Stored, problem: Problem) -> Mapped {
    let (state, text) = kept(Some(stored));
    let keeps_text = text.is_some() && stored.mapped.is_some();
    let text = text.filter(|_| !keeps_text);
    let (problem, unique) = (Some(problem), UniqueChange::None);
    Mapped { state, text, keeps_text, event: None, problem, reason: None, unique, steps: Vec::new() }
}

/// A reason in the words of the step that ended the run.
fn reason_of(why: &str, steps: &[StepReport]) -> MappingReason {
    let (step, plugin) = steps.last().map_or((0, ""), |step| (step.number, &step.title));
    MappingReason::new(step, plugin, why)
}

fn unreadable(why: &str, id: Uuid) -> Problem {
    tracing::error!(resource.id = %id, error = why, "a resource cannot be read");
    Problem { kind: ProblemKind::Failed, failure: Failure::Lasting, reason: UNREADABLE.to_owned() }
}

/// What the chain's error says of the document.
///
/// # Errors
/// The same error, where it says nothing of it.
fn problem(error: MapError) -> Result<Problem, Error> {
    let (kind, failure, reason) = match error {
        MapError::Rejected(refusal) => (ProblemKind::Rejected, Failure::Lasting, refusal.detail),
        MapError::Failed { transient, .. } => {
            let failure = if transient { Failure::Transient } else { Failure::Lasting };
            (ProblemKind::Failed, failure, error.to_string())
        }
        MapError::NonCompliant { .. } => (ProblemKind::NonCompliant, Failure::Lasting, error.reason()),
        MapError::Open { .. } => (ProblemKind::Failed, Failure::Transient, error.to_string()),
        MapError::Unusable { .. } => (ProblemKind::Failed, Failure::Lasting, error.to_string()),
        MapError::Load { .. } | MapError::Busy => return Err(error.into()),
    };
    Ok(Problem { kind, failure, reason })
}

impl Mapped {
    /// It is not mapped after all, since another resource has a value that must be unique.
    pub(super) fn conflict(&mut self, stored: &Stored, why: String) {
        let reason = Some(reason_of(&why, &self.steps));
        let problem = Problem { kind: ProblemKind::Conflict, failure: Failure::Conflict, reason: why };
        let steps = std::mem::take(&mut self.steps);
        *self = Self { reason, steps, ..failed(stored, problem) };
    }

    /// The text that the product reads by this mapping; none if it does not see the resource.
    pub(crate) fn view<'a>(&'a self, stored: &'a Stored) -> Option<&'a str> {
        match self.state {
            MappingState::Same => Some(&stored.source),
            MappingState::Mapped | MappingState::Stale | MappingState::Held => {
                self.text.as_deref().or(stored.mapped.as_deref())
            }
            MappingState::Excluded | MappingState::Never => None,
        }
    }

    /// Why the product does not see the document, or has no new one: a plugin's words.
    pub(crate) fn reason(&self) -> Option<&str> {
        if let Some(problem) = &self.problem {
            return Some(&problem.reason);
        }
        match &self.steps.last()?.result {
            StepResult::Excluded(reason) => Some(reason),
            _ => None,
        }
    }

    fn reason_change(&self, stored: &Stored) -> ReasonChange {
        match &self.reason {
            Some(reason) => ReasonChange::Keep(self.state, reason.clone()),
            None if stored.mapping_state.has_reason() => ReasonChange::Drop,
            None => ReasonChange::None,
        }
    }

    /// The document as the guard and a write see it: with the source as it is.
    pub(crate) fn content(&self, ctx: &Context, stored: &Stored) -> Content {
        Content {
            source: stored.source.clone(),
            set_aside: stored.set_aside.clone(),
            mapped: if self.keeps_text { stored.mapped.clone() } else { self.text.clone() },
            mapping_state: self.state,
            mapping_revision: ctx.settings.chain.revision,
            schema_revision: ctx.settings.schema_revision,
            key_layout: ctx.settings.search.layout,
            awaits_references: ctx.settings.awaits_references,
            keys: Keys::default(),
            event: self.event,
            reason: self.reason_change(stored),
            hold: HoldChange::None,
            unique: self.unique.clone(),
            has_ruled_names: false,
            origin: None,
        }
    }

    /// The document as a remap stores it.
    pub(crate) fn into_remapped(self, stored: &Stored) -> Remapped {
        Remapped {
            id: stored.id,
            resource_type: stored.resource_type.clone(),
            row: stored.row_version(),
            state: self.state,
            keeps_mapped: self.keeps_text,
            event: self.event,
            failure: self.problem.as_ref().map(|problem| problem.failure),
            reason: self.reason_change(stored),
            unique: self.unique,
            hold: HoldChange::None,
            mapped: self.text,
        }
    }
}
