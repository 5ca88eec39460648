//! Bulk (RFC 7644 §3.7): many operations, in an order in which each finds what it needs. An operation is atomic by itself,
//! and those that need each other are together.

pub mod admission;
mod atomic;
mod result;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use scimgate_scim::bulk::{Action, Operation, Plan, Request, Target, Task};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Leniency;
use scimgate_scim::projection::Projection;
use tokio::time::Instant;

use crate::operation::Context;
use crate::operation::Error;
use crate::operation::resource::create;
use crate::operation::resource::delete;
use crate::operation::resource::patch;
use crate::operation::resource::replace;
use crate::operation::resource::reply::Reply;
use crate::store;
pub use result::{Fate, Outcome};

/// No operation begins when the request has less time left: one that is under way can take most of it, and a request that
/// is cut tells nothing of what was done.
const RESERVE: Duration = Duration::from_secs(10);

/// Most POSTs that are tried as one write. Each is atomic by itself, which a write of several does not break: where it cannot
/// be done as a whole, nothing is, and they are done one by one. Done, it costs one commit in place of so many.
const MOST_AT_ONCE: usize = 32;

/// Does the operations. An operation has no outcome where `failOnErrors` ended the request before it.
pub async fn run(ctx: Context, request: Request) -> Vec<Option<Outcome>> {
    let Request { fail_on_errors, mut operations, .. } = request;
    let Plan { sets, dependencies: needs } = Plan::new(&mut operations);
    let mut run = Run {
        fates: operations.iter().map(|_| None).collect(),
        names: operations.iter().map(|operation| operation.bulk_id.clone().unwrap_or_default()).collect(),
        ids: HashMap::new(),
        needs,
        stride: MOST_AT_ONCE,
        operations,
        ctx,
    };
    let mut rest = sets.as_slice();
    let is_over = |run: &Run| fail_on_errors.is_some_and(|most| run.errors() >= most);
    while !rest.is_empty() && !is_over(&run) {
        let (now, later) = rest.split_at(run.at_once(rest).max(1));
        rest = later;
        if now.len() > 1 && run.all(now).await {
            continue;
        }
        for set in now {
            if is_over(&run) {
                break;
            }
            run.set(set).await;
        }
    }
    run.outcomes()
}

struct Run {
    ctx: Context,
    operations: Vec<Operation>,
    /// The POSTs whose ids an operation needs.
    needs: Vec<Vec<usize>>,
    /// Each operation's bulkId.
    names: Vec<String>,
    /// The ids of what was made, by bulkId.
    ids: HashMap<String, String>,
    fates: Vec<Option<Fate>>,
    /// How many POSTs are tried as one write, by how that went before.
    stride: usize,
}

impl Run {
    /// How many of the next sets can be tried as one write: POSTs that need nothing but each other and what is there.
    fn at_once(&self, rest: &[Vec<usize>]) -> usize {
        if self.ctx.settings.leniencies.allows(Leniency::RestoreDeleted) {
            // Each may mean one that was deleted, which is looked for one by one.
            return 0;
        }
        let mut places = HashSet::new();
        for (count, set) in rest.iter().enumerate() {
            places.extend(set.iter().copied());
            let is_there =
                |needed: &usize| places.contains(needed) || matches!(self.fates[*needed], Some(Fate::Done(_)));
            let fits = set.iter().all(|place| {
                let task = &self.operations[*place].task;
                matches!(task, Ok(Task { action: Action::Create(_), .. })) && self.needs[*place].iter().all(is_there)
            });
            if !fits || places.len() > self.stride {
                return count;
            }
        }
        rest.len()
    }

    /// Does all of several sets in one transaction, as they would have been done one after the other; or tells that nothing
    /// was done, and whoever does them one after the other learns which of them was wrong.
    async fn all(&mut self, sets: &[Vec<usize>]) -> bool {
        if self.is_late() {
            return false;
        }
        let posts = sets.concat();
        let refusal = self.make(&posts).await.err();
        self.stride = if refusal.is_none() { (self.stride * 2).min(MOST_AT_ONCE) } else { (self.stride / 4).max(1) };
        match refusal {
            None => true,
            // Whether the write was kept is not known where the connection broke; done again, it would meet itself.
            Some((at, error @ Error::Store(store::Error::Unavailable { .. }))) => {
                let again = || ScimError::new(503, "The service cannot reach its database now. Please try again.");
                for place in &posts {
                    self.fates[*place] = Some(Fate::Failed(again().into()));
                }
                self.fates[posts[at]] = Some(Fate::Failed(error));
                true
            }
            Some(_) => false,
        }
    }

    fn errors(&self) -> usize {
        self.fates.iter().flatten().filter(|fate| fate.is_error()).count()
    }

    fn is_late(&self) -> bool {
        Instant::now() + RESERVE > self.ctx.deadline
    }

    /// Operations that need each other, or one that needs nobody else.
    async fn set(&mut self, set: &[usize]) {
        if self.is_late() {
            return set.iter().for_each(|place| self.fates[*place] = Some(Fate::Late));
        }
        if let Some(first) = set.iter().copied().find(|place| self.stop(*place)) {
            return self.leave(set, first);
        }
        match *set {
            [only] if !self.needs[only].contains(&only) => {
                let fate = self.one(only).await;
                if matches!(fate, Fate::Done(_)) {
                    self.stride = (self.stride * 2).min(MOST_AT_ONCE);
                }
                self.fates[only] = Some(fate);
            }
            _ => self.together(set).await,
        }
    }

    /// Whether an operation cannot be done, which is written down.
    fn stop(&mut self, place: usize) -> bool {
        if let Err(why) = &self.operations[place].task {
            self.fates[place] = Some(Fate::Failed(why.clone().into()));
            return true;
        }
        let lacking =
            self.needs[place].iter().copied().find(|needed| self.fates[*needed].as_ref().is_some_and(Fate::is_error));
        let Some(needed) = lacking else { return false };
        self.fates[place] = Some(self.unmet(needed));
        true
    }

    /// For want of what `needed` was to make.
    fn unmet(&self, needed: usize) -> Fate {
        match &self.fates[needed] {
            Some(Fate::Late) => Fate::Late,
            Some(Fate::Unmet { failed, .. }) => Fate::Unmet { needed: self.names[needed].clone(), failed: *failed },
            _ => Fate::Unmet { needed: self.names[needed].clone(), failed: needed },
        }
    }

    /// The others of a set of which `culprit` is not done.
    fn leave(&mut self, set: &[usize], culprit: usize) {
        for place in set.iter().copied().filter(|place| *place != culprit) {
            self.fates[place] = Some(self.unmet(culprit));
        }
    }

    async fn one(&mut self, place: usize) -> Fate {
        let done = async {
            let mut task = self.operations[place].task.clone()?;
            task.substitute(|name| self.ids.get(name).cloned());
            Box::pin(act(self.settings().await?, task)).await
        };
        match done.await {
            Ok(reply) => {
                if let Some(id) = reply.id().filter(|_| self.operations[place].method == "POST") {
                    self.ids.insert(self.names[place].clone(), id.to_owned());
                }
                Fate::Done(reply)
            }
            Err(error) => Fate::Failed(error),
        }
    }

    /// The tenant's settings as they are now: a request may outlast a change of its mapping.
    async fn settings(&self) -> Result<Context, Error> {
        let settings = self.ctx.gateway.settings.get(self.ctx.store.id()).await?;
        Ok(Context { settings, ..self.ctx.clone() })
    }

    async fn together(&mut self, set: &[usize]) {
        if let Err((culprit, error)) = self.make(set).await
            && let Some(culprit) = set.get(culprit).copied()
        {
            self.fates[culprit] = Some(Fate::Failed(error));
            self.leave(set, culprit);
        }
    }

    /// Makes what all these POSTs make, or nothing and tells because of which.
    async fn make(&mut self, posts: &[usize]) -> Result<(), (usize, Error)> {
        let mut ids = self.ids.clone();
        let given: Vec<uuid::Uuid> = posts.iter().map(|_| self.ctx.gateway.clock.new_id()).collect();
        ids.extend(posts.iter().zip(&given).map(|(place, id)| (self.names[*place].clone(), id.to_string())));
        let mut tasks = Vec::with_capacity(posts.len());
        for (at, (place, id)) in posts.iter().zip(given).enumerate() {
            let mut task = self.operations[*place].task.clone().map_err(|why| (at, why.into()))?;
            task.substitute(|name| ids.get(name).cloned());
            tasks.push((id, task));
        }
        let ctx = self.settings().await.map_err(|error| (0, error))?;
        let replies = atomic::run(ctx, tasks).await?;
        self.ids = ids;
        for (place, reply) in posts.iter().zip(replies) {
            self.fates[*place] = Some(Fate::Done(reply));
        }
        Ok(())
    }

    fn outcomes(self) -> Vec<Option<Outcome>> {
        let Self { ctx, operations, fates, ids, .. } = self;
        let pairs = operations.into_iter().zip(fates);
        pairs.map(|(operation, fate)| fate.map(|fate| Outcome::of(&ctx, operation, fate, &ids))).collect()
    }
}

/// The answer tells the version alone, so nothing of the resource is shown: a group's members are not even read.
async fn act(ctx: Context, task: Task) -> Result<Reply, Error> {
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
        // A plan lets no operation be done before what it needs is there.
        Target::BulkId(name) => Err(ScimError::invalid_value(format!("bulkId:{name} stands for nothing.")).into()),
    }
}
