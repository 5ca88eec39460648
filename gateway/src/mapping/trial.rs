//! Runs of a chain of which nothing is stored: for a preview, a plan, a draft's check. The outcome is that of a write; their
//! failures are not logged, and open no breakers of writes.

use std::sync::Arc;

use scimgate_scim::access::Overlay;
use serde_json::{Map, Value};

use super::Mapper;
use super::chain::Chain;
use super::contain::Purpose;
use super::document::DocumentInfo;
use super::error::MapError;
use super::report::{MappingRun, StepReport, StepResult};
use super::run::{Kept, check_result, check_rules};
use super::step::{Intermediate, StepRun};

/// A run with the documents between its steps.
#[derive(Debug)]
pub struct Trace {
    /// The run.
    pub run: MappingRun,
    /// The document before the first step, and after each that completed.
    pub documents: Vec<Overlay>,
}

/// What every step does with a document, also after one that would have ended the run.
#[derive(Debug)]
pub struct Trial {
    /// A report of each step. After one that excluded or refused the document, the next had it as before.
    pub steps: Vec<StepReport>,
    /// Why the document after the last step is not one of the directory's, where all steps mapped it.
    pub bad_output: Option<String>,
}

impl Mapper {
    /// Runs a chain as for a write that is not made.
    pub async fn dry_run(
        &self,
        chain: &Chain,
        info: DocumentInfo<'_>,
        document: Arc<Map<String, Value>>,
    ) -> MappingRun {
        let mut kept = Kept { steps: Vec::with_capacity(chain.steps.len()), documents: None };
        let result = self.run_steps((chain, Purpose::DryRun), &info, document, &mut kept).await;
        MappingRun { result, steps: kept.steps }
    }

    /// The same for one document that is shown, with the documents between the steps. Every step is called, also one that kept failing.
    pub async fn trace(&self, chain: &Chain, info: DocumentInfo<'_>, document: Arc<Map<String, Value>>) -> Trace {
        let mut documents = Vec::with_capacity(chain.steps.len() + 1);
        let mut kept = Kept { steps: Vec::with_capacity(chain.steps.len()), documents: Some(&mut documents) };
        let result = self.run_steps((chain, Purpose::Preview), &info, document, &mut kept).await;
        Trace { run: MappingRun { result, steps: kept.steps }, documents }
    }

    /// Tries every step of a chain on a document.
    ///
    /// # Errors
    /// A plugin that is not there, or too many mappings at once.
    pub async fn try_steps(
        &self,
        chain: &Chain,
        info: DocumentInfo<'_>,
        document: Arc<Map<String, Value>>,
    ) -> Result<Trial, MapError> {
        let tree = Overlay::new(document, Some(info.id.to_string()));
        let mut document = Intermediate { tree, max_length: info.size };
        let (mut steps, mut all_mapped) = (Vec::with_capacity(chain.steps.len()), true);
        for (index, step) in chain.steps.iter().enumerate() {
            let number = index + 1;
            let mut report = StepReport::new(number, &step.plugin);
            let step = StepRun { revision: chain.revision, number, step, info: &info, purpose: Purpose::Preview };
            let before = document.clone();
            let (result, next) = match self.run_step(&step, document, &mut report).await {
                Ok((done @ StepResult::Excluded(_), _)) => (done, before),
                Ok((done, left)) => (done, left),
                Err(error @ (MapError::Rejected(_) | MapError::Failed { .. } | MapError::Open { .. })) => {
                    (StepResult::from(&error), before)
                }
                Err(error) => return Err(error),
            };
            all_mapped &= matches!(result, StepResult::Mapped | StepResult::Skipped);
            report.result = result;
            steps.push(report);
            document = next;
        }
        let by = (chain, Purpose::Preview);
        let check = || {
            check_result(by, &info, &document.tree)?;
            check_rules(by, &info, (&document.tree, &steps))
        };
        let bad_output = match if all_mapped { check() } else { Ok(()) } {
            Err(error @ (MapError::Failed { .. } | MapError::NonCompliant { .. })) => Some(error.reason()),
            _ => None,
        };
        Ok(Trial { steps, bad_output })
    }
}
