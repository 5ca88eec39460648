//! Which documents of a batch another one's unique value keeps from being mapped. They are found in the order of ids, by what has which
//! value then, so that a plan finds the same as the remap that follows it.

use std::collections::HashMap;

use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::guard;
use crate::operation::resource::mapped::Mapped;
use crate::operation::resource::unique::taken_by;
use crate::store::job::JobProgress;
use crate::store::mapped_unique::{TypedKey, UniqueChange};
use crate::store::planned_unique::PlannedWrite;
use crate::store::resource::read::Stored;

/// A plan's run, and what its batch changes of it.
pub(crate) type Planned<'p> = (Uuid, &'p mut PlannedWrite);

/// Decides which documents of a batch are not mapped because of another one's value: they keep what the product sees.
///
/// # Errors
/// The database is unavailable.
pub(crate) async fn decide(
    ctx: &Context,
    documents: &mut [&mut (Stored, Mapped)],
    mut planned: Option<Planned<'_>>,
) -> Result<(), Error> {
    let mut ids = Vec::new();
    let mut wanted: Vec<TypedKey> = Vec::new();
    for (stored, mapped) in documents.iter().map(|it| &**it) {
        if let UniqueChange::Set(keys) = &mapped.unique {
            ids.push(stored.id);
            wanted.extend(keys.iter().map(|key| (stored.resource_type.clone(), key.clone())));
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let mut before = ctx.store.unique_values_of(&ids).await?;
    let mut holders: HashMap<TypedKey, Option<Uuid>> =
        ctx.store.unique_holders(&wanted).await?.into_iter().map(|(key, id)| (key, Some(id))).collect();
    if let Some((run, _)) = &planned {
        holders.extend(ctx.store.planned_holders(*run, &wanted).await?);
    }
    for (stored, mapped) in documents.iter_mut().map(|it| &mut **it) {
        let UniqueChange::Set(keys) = &mapped.unique else { continue };
        let keys: Vec<TypedKey> = keys.iter().map(|key| (stored.resource_type.clone(), key.clone())).collect();
        let taken = keys.iter().find_map(|key| {
            let other = holders.get(key).copied().flatten().filter(|other| *other != stored.id)?;
            Some(taken_by(&stored.resource_type, &key.1, other))
        });
        if let Some(why) = taken {
            mapped.conflict(stored, why);
            if let Some((_, write)) = &mut planned {
                write.conflict(stored.id);
            }
            continue;
        }
        // What a batch holds, or may hold by now, keeps the values that the product sees.
        let may_be_held = planned.is_none() && guard::is_removal(mapped.event) && ctx.settings.guard.may_hold();
        let keeps = stored.held.is_some() || may_be_held;
        let freed = before.remove(&stored.id).unwrap_or_default().into_iter().filter(|(_, seen)| !(*seen && keeps));
        let freed = freed.map(|(key, _)| (stored.resource_type.clone(), key)).filter(|key| !keys.contains(key));
        let claims = freed.map(|key| (key, None)).collect::<Vec<_>>();
        let taken =
            keys.into_iter().filter(|key| holders.get(key) != Some(&Some(stored.id))).map(|key| (key, Some(stored.id)));
        for (key, id) in claims.into_iter().chain(taken.collect::<Vec<_>>()) {
            if let Some((_, write)) = &mut planned {
                write.claim(&key, id);
            }
            holders.insert(key, id);
        }
    }
    Ok(())
}

/// Whether documents that another one's value kept from being mapped are tried again at once: values have become free since the last
/// pass over them. Each pass maps at least one, so that there are not many.
pub(crate) fn begins_another_pass(progress: &mut JobProgress) -> bool {
    let JobProgress { conflicts, conflicts_before, .. } = *progress;
    if conflicts == 0 || (conflicts_before >= 0 && conflicts >= conflicts_before) {
        return false;
    }
    (progress.conflicts_before, progress.conflicts) = (conflicts, 0);
    progress.after = Uuid::nil();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_in_conflict_are_tried_again_while_there_are_fewer_each_time() {
        let mut progress = JobProgress { conflicts_before: -1, after: Uuid::max(), ..JobProgress::default() };
        assert!(!begins_another_pass(&mut progress), "there is none");
        progress.conflicts = 3;
        assert!(begins_another_pass(&mut progress));
        assert_eq!((progress.conflicts, progress.conflicts_before, progress.after), (0, 3, Uuid::nil()));
        progress.conflicts = 2;
        assert!(begins_another_pass(&mut progress));
        progress.conflicts = 2;
        assert!(!begins_another_pass(&mut progress), "nothing has become free");
    }
}
