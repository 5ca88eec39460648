//! One step for one document: when it may run, and where.

use std::sync::Arc;

use scimgate_plugin_host::{CallResult, Component, Context, Limits};
use serde_json::{Map, Value};
use tokio::sync::{AcquireError, Semaphore};

use super::breaker;
use super::call::{Call, MapError};
use super::document::ScimDocument;
use super::report::{self, At, cost};
use super::run::{Done, Mapper};
use super::slow::Turn;

/// A call of a plugin with all it needs: who asked for it may be gone before it ends, and it is reported all the same.
struct Job {
    mapper: Mapper,
    step: breaker::Step,
    component: Arc<Component>,
    context: Context,
    config: String,
    document: ScimDocument,
}

impl Mapper {
    pub(super) async fn step(&self, at: &At<'_>, call: &Call<'_>, tree: Map<String, Value>) -> Result<Done, MapError> {
        let job = self.job(at, call, tree);
        self.breakers.check(&job.step).map_err(|remaining| at.open(remaining))?;
        let result = if self.bounds.contain && self.lane.takes(&job.step) {
            self.lane.run(call.tenant, self.bounds.patience, move || job.run()).await.ok_or(MapError::Busy)?
        } else {
            self.beside_others(call.tenant, job).await?
        };
        let result = result.map_err(|remaining| at.open(remaining))?;
        for line in &result.log {
            at.log(call, line);
        }
        match result.decision {
            Ok(outcome) => Ok(Done { outcome, document: result.document, written: result.written }),
            Err(failure) => Err(at.failed(call, &failure)),
        }
    }

    fn job(&self, at: &At<'_>, call: &Call<'_>, tree: Map<String, Value>) -> Job {
        Job {
            mapper: self.clone(),
            step: breaker::Step { tenant: call.tenant.to_owned(), revision: at.revision, index: at.index },
            component: at.component.clone(),
            context: Context {
                tenant: call.tenant.to_owned(),
                resource_type: call.resource_type.name.clone(),
                resource_id: call.id.to_string(),
                last_modified: call.last_modified.clone(),
            },
            config: at.step.config.to_string(),
            document: ScimDocument { tree, resource_type: call.resource_type.clone() },
        }
    }

    /// On the request's own thread, as long as there is a slot: a call that is quick need go nowhere.
    async fn beside_others(&self, tenant: &str, job: Job) -> Result<Ran, MapError> {
        let of_tenant = async { Arc::new(Semaphore::new(self.bounds.of_tenant)) };
        let of_tenant = self.of_tenant.get_with_by_ref(tenant, of_tenant).await;
        let slots = async { Ok::<_, AcquireError>((of_tenant.acquire().await?, self.slots.acquire().await?)) };
        let slots = tokio::time::timeout(self.bounds.patience, slots).await;
        let _slots = slots.map_err(|_| MapError::Busy)?.map_err(|_| MapError::Busy)?;
        Ok(job.run())
    }
}

/// What came out, or for how long the step is not called.
type Ran = Result<CallResult<ScimDocument>, std::time::Duration>;

impl Job {
    /// From the admission to the report nothing waits, so that a trial is always followed by its report.
    fn run(self) -> Ran {
        let Self { mapper, step, component, context, config, document } = self;
        mapper.breakers.admit(&step)?;
        let contain = mapper.bounds.contain;
        let turn = contain.then(|| Turn::begin(&mapper.seats, &mapper.breakers, &step));
        let result = mapper.compiled.host.run(&component, &context, &config, document, &Limits::default());
        drop(turn);
        if contain {
            mapper.lane.report(&step, result.cpu);
            report::tell(&step, &component, mapper.breakers.report(&step, cost(&result.decision)));
        }
        Ok(result)
    }
}
