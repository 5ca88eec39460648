//! Bulk (RFC 7644 §3.7): many operations, ordered so that each comes after those it needs. An operation is atomic by itself;
//! operations that need each other are one atomic batch.

mod atomic;
mod result;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use scimgate_scim::bulk::{Action, Operation, Plan, Request, Target, Task};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Leniency;
use scimgate_scim::projection::Projection;
use tokio::time::Instant;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::record::Written;
use crate::operation::resource::reply::Reply;
use crate::operation::resource::{create, delete, patch, replace};
use crate::store;
pub use result::{OperationOutcome, OperationResult};

/// No operation begins when the request has less time left: one operation can take most of it, and a request that is cut off
/// has no reply that says what was done.
const START_RESERVE: Duration = Duration::from_secs(10);

/// Most POSTs that are first tried as one batch, which costs one commit. Where the batch is refused nothing is stored, and
/// the POSTs run one by one, so each is still atomic by itself.
const MAX_BATCH_POSTS: usize = 32;

/// Most concurrent bulk requests of all tenants. Further ones stay unparsed until they get a permit or reach their deadline.
pub const MAX_CONCURRENT: usize = 8;

/// Runs the operations. An operation has no outcome where `failOnErrors` ended the request before it.
pub async fn run(ctx: Context, request: Request) -> Vec<Option<OperationOutcome>> {
    let Request { fail_on_errors, mut operations, .. } = request;
    let Plan { sets, dependencies: needs } = Plan::new(&mut operations);
    let mut run = Run {
        results: operations.iter().map(|_| None).collect(),
        writes: operations.iter().map(|_| None).collect(),
        kept_bytes: 0,
        names: operations.iter().map(|operation| operation.bulk_id.clone().unwrap_or_default()).collect(),
        ids: HashMap::new(),
        needs,
        batch_size: MAX_BATCH_POSTS,
        operations,
        ctx,
    };
    let mut rest = sets.as_slice();
    let is_over = |run: &Run| fail_on_errors.is_some_and(|most| run.errors() >= most);
    while !rest.is_empty() && !is_over(&run) {
        let (now, later) = rest.split_at(run.batchable_sets(rest).max(1));
        rest = later;
        if now.len() > 1 && run.try_as_batch(now).await {
            continue;
        }
        for set in now {
            if is_over(&run) {
                break;
            }
            run.run_set(set).await;
        }
    }
    run.outcomes()
}

/// Bytes that are kept of all writes of a request for the provisioning log; of further ones it does not say which values changed.
const MAX_KEPT_BYTES: usize = 16 << 20;

struct Run {
    ctx: Context,
    operations: Vec<Operation>,
    /// The POSTs whose ids an operation needs.
    needs: Vec<Vec<usize>>,
    /// Each operation's bulkId.
    names: Vec<String>,
    /// The ids of the created resources, by bulkId.
    ids: HashMap<String, String>,
    results: Vec<Option<OperationResult>>,
    /// The record of each operation's write.
    writes: Vec<Option<Written>>,
    /// The bytes of these.
    kept_bytes: usize,
    /// How many POSTs are tried as one write: fewer after a refusal, more after a success.
    batch_size: usize,
}

impl Run {
    /// How many of the next sets can be tried as one write: POSTs that need only each other and what exists.
    fn batchable_sets(&self, rest: &[Vec<usize>]) -> usize {
        if self.ctx.settings.leniencies.allows(Leniency::RestoreDeleted) {
            // Each may restore a deleted resource, which a batch cannot.
            return 0;
        }
        let mut places = HashSet::new();
        for (count, set) in rest.iter().enumerate() {
            places.extend(set.iter().copied());
            let is_there = |needed: &usize| {
                places.contains(needed) || matches!(self.results[*needed], Some(OperationResult::Done(_)))
            };
            let fits = set.iter().all(|index| {
                let task = &self.operations[*index].task;
                matches!(task, Ok(Task { action: Action::Create(_), .. })) && self.needs[*index].iter().all(is_there)
            });
            if !fits || places.len() > self.batch_size {
                return count;
            }
        }
        rest.len()
    }

    /// Runs several sets in one transaction. False where nothing was stored: then run them one by one, to find the wrong one.
    async fn try_as_batch(&mut self, sets: &[Vec<usize>]) -> bool {
        if self.is_late() {
            return false;
        }
        let posts = sets.concat();
        let refusal = self.create(&posts, true).await.err();
        self.batch_size =
            if refusal.is_none() { (self.batch_size * 2).min(MAX_BATCH_POSTS) } else { (self.batch_size / 4).max(1) };
        match refusal {
            None => true,
            // If the connection broke, the batch may have been committed, and a repetition would conflict with it.
            Some((at, error @ Error::Store(store::Error::Unavailable { .. }))) => {
                let again = || ScimError::new(503, "The service cannot reach its database now. Please try again.");
                for index in &posts {
                    self.results[*index] = Some(OperationResult::Failed(again().into()));
                }
                self.results[posts[at]] = Some(OperationResult::Failed(error));
                true
            }
            Some(_) => false,
        }
    }

    fn errors(&self) -> usize {
        self.results.iter().flatten().filter(|result| result.is_error()).count()
    }

    fn is_late(&self) -> bool {
        Instant::now() + START_RESERVE > self.ctx.deadline
    }

    /// Runs a set: operations that need each other, or a single one.
    async fn run_set(&mut self, set: &[usize]) {
        if self.is_late() {
            return set.iter().for_each(|index| self.results[*index] = Some(OperationResult::NotStarted));
        }
        if let Some(first) = set.iter().copied().find(|index| self.is_blocked(*index)) {
            return self.skip_others(set, first);
        }
        match *set {
            [only] if !self.needs[only].contains(&only) => {
                let result = self.run_one(only).await;
                if matches!(result, OperationResult::Done(_)) {
                    self.batch_size = (self.batch_size * 2).min(MAX_BATCH_POSTS);
                }
                self.results[only] = Some(result);
            }
            _ => self.run_atomic(set).await,
        }
    }

    /// Whether an operation cannot run; if so, sets its result.
    fn is_blocked(&mut self, index: usize) -> bool {
        if let Err(why) = &self.operations[index].task {
            self.results[index] = Some(OperationResult::Failed(why.clone().into()));
            return true;
        }
        let lacking = self.needs[index]
            .iter()
            .copied()
            .find(|needed| self.results[*needed].as_ref().is_some_and(OperationResult::is_error));
        let Some(needed) = lacking else { return false };
        self.results[index] = Some(self.dependency_failed(needed));
        true
    }

    /// The result of an operation whose dependency failed.
    fn dependency_failed(&self, needed: usize) -> OperationResult {
        match &self.results[needed] {
            Some(OperationResult::NotStarted) => OperationResult::NotStarted,
            Some(OperationResult::DependencyFailed { failed, .. }) => {
                OperationResult::DependencyFailed { needed: self.names[needed].clone(), failed: *failed }
            }
            _ => OperationResult::DependencyFailed { needed: self.names[needed].clone(), failed: needed },
        }
    }

    /// Sets the results of the other operations of a set in which `culprit` failed.
    fn skip_others(&mut self, set: &[usize], culprit: usize) {
        for index in set.iter().copied().filter(|index| *index != culprit) {
            self.results[index] = Some(self.dependency_failed(culprit));
        }
    }

    async fn run_one(&mut self, index: usize) -> OperationResult {
        let done = async {
            let mut task = self.operations[index].task.clone()?;
            task.substitute(|name| self.ids.get(name).cloned());
            Box::pin(execute(self.settings().await?, task)).await
        };
        let done = done.await;
        self.keep_writes(&[index]);
        match done {
            Ok(reply) => {
                if let Some(id) = reply.id().filter(|_| self.operations[index].method == "POST") {
                    self.ids.insert(self.names[index].clone(), id.to_owned());
                }
                OperationResult::Done(reply)
            }
            Err(error) => OperationResult::Failed(error),
        }
    }

    /// The context with the tenant's current settings, which may change during a long request.
    async fn settings(&self) -> Result<Context, Error> {
        let settings = self.ctx.gateway.settings.get(self.ctx.store.id()).await?;
        Ok(Context { settings, ..self.ctx.clone() })
    }

    async fn run_atomic(&mut self, set: &[usize]) {
        if let Err((culprit, error)) = self.create(set, false).await
            && let Some(culprit) = set.get(culprit).copied()
        {
            self.results[culprit] = Some(OperationResult::Failed(error));
            self.skip_others(set, culprit);
        }
    }

    /// Runs these POSTs, all or none; the error comes with the index of the POST that caused it.
    async fn create(&mut self, posts: &[usize], is_trial: bool) -> Result<(), (usize, Error)> {
        let mut ids = self.ids.clone();
        let given: Vec<uuid::Uuid> = posts.iter().map(|_| self.ctx.gateway.clock.new_id()).collect();
        ids.extend(posts.iter().zip(&given).map(|(index, id)| (self.names[*index].clone(), id.to_string())));
        let mut tasks = Vec::with_capacity(posts.len());
        for (at, (index, id)) in posts.iter().zip(given).enumerate() {
            let mut task = self.operations[*index].task.clone().map_err(|why| (at, why.into()))?;
            task.substitute(|name| ids.get(name).cloned());
            tasks.push((id, task));
        }
        let ctx = self.settings().await.map_err(|error| (0, error))?;
        let replies = match atomic::run(ctx, tasks, is_trial).await {
            Ok(replies) => replies,
            Err((at, error)) => {
                self.keep_writes(posts.get(at..=at).unwrap_or_default());
                return Err((at, error));
            }
        };
        self.keep_writes(posts);
        self.ids = ids;
        for (index, reply) in posts.iter().zip(replies) {
            self.results[*index] = Some(OperationResult::Done(reply));
        }
        Ok(())
    }

    /// Keeps what the last write left for the provisioning log with its operations.
    fn keep_writes(&mut self, operations: &[usize]) {
        for (index, mut write) in operations.iter().zip(self.ctx.facts.take_writes()) {
            self.kept_bytes += write.bytes();
            if self.kept_bytes > MAX_KEPT_BYTES {
                write.forget_documents();
            }
            self.writes[*index] = Some(write);
        }
    }

    fn outcomes(self) -> Vec<Option<OperationOutcome>> {
        let Self { ctx, operations, results, writes, ids, .. } = self;
        let all = operations.into_iter().zip(results).zip(writes);
        all.map(|((operation, result), write)| Some(OperationOutcome::of(&ctx, operation, (result?, write), &ids)))
            .collect()
    }
}

/// A bulk response has no bodies: an empty projection saves reading a group's members.
async fn execute(ctx: Context, task: Task) -> Result<Reply, Error> {
    let Task { resource_type, action, version } = task;
    let shown = Projection::parse(Some("id"), None, &resource_type)?;
    match action {
        Action::Create(body) => create::run(ctx, resource_type, body, shown).await,
        Action::Replace(target, body) => replace::run(ctx, resource_type, id(&target)?, body, version, shown).await,
        Action::Patch(target, body) => patch::run(ctx, resource_type, id(&target)?, body, version, shown).await,
        Action::Delete(target) => delete::run(ctx, resource_type, id(&target)?, version).await,
    }
}

fn id(target: &Target) -> Result<&str, Error> {
    match target {
        Target::Id(id) => Ok(id),
        // By the plan, what an operation needs has been created before it.
        Target::BulkId(name) => Err(ScimError::invalid_value(format!("bulkId:{name} stands for nothing.")).into()),
    }
}
