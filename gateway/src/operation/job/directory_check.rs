//! Finds out how the documents that the product sees comply with a directory schema, in batches. If it is the one that was set, the values
//! that must be unique are entered, and those of rules that are gone are deleted. Nothing changes for the product.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use scimgate_scim::directory_schema::{DirectorySchema, TypeRules, path_of};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::{Context, Gateway};
use crate::operation::directory_schema::report::{CheckExample, CheckReport};
use crate::operation::error::Error;
use crate::operation::job::batch::{Batch, End};
use crate::operation::pace::Pace;
use crate::operation::resource::document::parse;
use crate::operation::resource::unique::taken_by;
use crate::operation::schema_change::in_flight;
use crate::operation::settings::directory_schema::statements;
use crate::store::directory_schema::CheckRow;
use crate::store::mapped_unique::{Filled, TypedKey, entries};
use crate::store::planned_unique::PlannedWrite;
use crate::store::resource::key::Key;
use crate::store::resource::read::{MappingState, Stored};
use crate::telemetry;
use crate::tenant::TenantId;

/// Resources of one batch.
const BATCH_SIZE: i64 = 500;
/// The actor in the log.
const ACTOR: &str = "directory-check";

/// Runs the next batch.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<End, Error> {
    let store = gateway.store.tenant(tenant);
    let Some(check) = store.directory_check().await?.filter(|check| check.id == batch.job.id) else {
        return Ok(End::Finished);
    };
    if check.applies && batch.job.progress.after.is_nil() {
        // A write that began by the older rules may enter no value.
        in_flight::wait(&store).await?;
    }
    let mut ctx = Context::background(gateway, tenant, ACTOR).await?;
    if ctx.settings.schema_revision < batch.job.revision {
        ctx = ctx.refreshed().await?;
    }
    let rules = match DirectorySchema::read(&statements(&check.rules)?, &ctx.settings.directory) {
        Ok(rules) => rules,
        Err(why) => {
            tracing::warn!(tenant.id = %tenant, reason = why.detail, "a check ends: its rules do not fit the schemas any more");
            return Ok(End::Finished);
        }
    };
    let before = batch.job.progress.clone();
    let done = Run { ctx: &ctx, check: &check, rules: &rules }.batch(batch).await;
    if done.is_err() {
        // What the report does not have is not done.
        batch.job.progress = before;
    }
    done
}

struct Run<'a> {
    ctx: &'a Context,
    check: &'a CheckRow,
    rules: &'a DirectorySchema,
}

/// A document with the values that must be unique.
struct Checked {
    stored: Stored,
    keys: Vec<Key>,
}

impl Run<'_> {
    async fn batch(&self, batch: &mut Batch) -> Result<End, Error> {
        let store = &self.ctx.store;
        let mut report = CheckReport::read(&self.check.report)?;
        let mut planned = PlannedWrite::default();
        let resources = store.visible_after(batch.job.progress.after, BATCH_SIZE).await?;
        let is_last = resources.is_empty();
        if is_last && (self.forget_others().await? || store.forget_planned(self.check.id).await?) {
            return Ok(End::More);
        }
        let mut documents = Vec::new();
        let progress = &mut batch.job.progress;
        let mut pace = Pace::begin();
        for resource in resources {
            pace.step().await;
            progress.after = resource.id;
            progress.examined += i64::from(resource.living);
            documents.extend(resource.stored.and_then(|stored| self.checked(stored, &mut report)));
        }
        if self.check.applies {
            self.enter(&documents, &mut report).await?;
        } else {
            self.claim(&documents, &mut report, &mut planned).await?;
        }
        progress.rejected = report.non_compliant + report.conflicts;
        let (text, end) = (report.text()?, (is_last, self.ctx.gateway.clock.now()));
        let progress = batch.job.progress.clone();
        let saved = store.save_directory_check(batch.lease(), &text, &progress, &planned, end).await?;
        Ok(if is_last && saved { End::Finished } else { End::More })
    }

    /// Reports what breaks a rule. One that cannot be read is in the log.
    fn checked(&self, stored: Stored, report: &mut CheckReport) -> Option<Checked> {
        report.examined += 1;
        let rules = self.rules.of(&stored.resource_type)?;
        let document = match parse("mapped", stored.mapped_text()?) {
            Ok(document) => document,
            Err(error) => {
                tracing::error!(resource.id = %stored.id, error = telemetry::chain(&error), "a mapped document cannot be read");
                return None;
            }
        };
        if let Some((path, reason)) = rules.broken(&document) {
            report.broken(example(&stored, path, reason));
        }
        let keys = keys(rules, &document);
        Some(Checked { stored, keys })
    }

    /// Enters the values. Those that another resource has are reported; a document that was written meanwhile has entered its own.
    async fn enter(&self, documents: &[Checked], report: &mut CheckReport) -> Result<(), Error> {
        let held: Vec<Uuid> = documents.iter().filter(|it| it.stored.held.is_some()).map(|it| it.stored.id).collect();
        let next = if held.is_empty() { HashMap::new() } else { self.ctx.store.held_next(&held).await? };
        let mut filled = Vec::with_capacity(documents.len());
        for it in documents {
            let keys = match it.stored.held {
                None => it.keys.iter().map(|key| (key.clone(), true, true)).collect(),
                Some(_) => self.held_keys(it, next.get(&it.stored.id))?,
            };
            filled.push(Filled { id: it.stored.id, row: it.stored.row_version(), keys });
        }
        filled.retain(|it: &Filled| !it.keys.is_empty());
        if filled.is_empty() {
            return Ok(());
        }
        self.ctx.store.fill_mapped_unique(&filled).await?;
        let holders = self.ctx.store.unique_holders(&wanted(documents)).await?;
        for it in documents {
            let other = |key: &Key| {
                let holder = holders.get(&(it.stored.resource_type.clone(), key.clone())).copied();
                holder.filter(|holder| *holder != it.stored.id)
            };
            if let Some((key, other)) = it.keys.iter().find_map(|key| Some((key, other(key)?))) {
                report.conflict(conflict(&it.stored, key, other));
            }
        }
        Ok(())
    }

    /// Those that the product sees, and those that it will see after a release.
    fn held_keys(
        &self,
        it: &Checked,
        next: Option<&(Option<String>, MappingState)>,
    ) -> Result<Vec<(Key, bool, bool)>, Error> {
        // Rows of the version before have no text where it is the source.
        let text = next.and_then(|(mapped, state)| match (mapped, state) {
            (None, MappingState::Same) => Some(it.stored.source.as_str()),
            (mapped, _) => mapped.as_deref(),
        });
        let after = match (text, self.rules.of(&it.stored.resource_type)) {
            (Some(text), Some(rules)) => keys(rules, &parse("mapped", text)?),
            _ => Vec::new(),
        };
        let mut all: Vec<(Key, bool, bool)> =
            it.keys.iter().map(|key| (key.clone(), true, after.contains(key))).collect();
        all.extend(after.into_iter().filter(|key| !it.keys.contains(key)).map(|key| (key, false, true)));
        Ok(all)
    }

    /// The same without entering them: of two documents with one value, the second one is reported.
    async fn claim(
        &self,
        documents: &[Checked],
        report: &mut CheckReport,
        planned: &mut PlannedWrite,
    ) -> Result<(), Error> {
        let wanted = wanted(documents);
        if wanted.is_empty() {
            return Ok(());
        }
        let mut holders = self.ctx.store.planned_holders(self.check.id, &wanted).await?;
        for it in documents {
            let typed = |key: &Key| (it.stored.resource_type.clone(), key.clone());
            let other = |key: &Key| holders.get(&typed(key)).copied().flatten();
            if let Some((key, other)) = it.keys.iter().find_map(|key| Some((key, other(key)?))) {
                report.conflict(conflict(&it.stored, key, other));
            }
            for key in it.keys.iter().map(typed) {
                if let Entry::Vacant(free) = holders.entry(key) {
                    planned.claim(free.key(), Some(it.stored.id));
                    free.insert(Some(it.stored.id));
                }
            }
        }
        Ok(())
    }

    /// Deletes entries of rules that are gone; gives whether there may be more.
    async fn forget_others(&self) -> Result<bool, Error> {
        if !self.check.applies {
            return Ok(false);
        }
        for (resource_type, attribute) in self.ctx.store.entered_attributes().await? {
            let is_kept = |rules: &TypeRules| rules.entries().any(|entry| **entry == *attribute);
            if !self.rules.of(&resource_type).is_some_and(|rules| is_kept(rules)) {
                return Ok(self.ctx.store.forget_unique(&resource_type, &attribute).await?);
            }
        }
        Ok(false)
    }
}

fn keys(rules: &TypeRules, document: &Map<String, Value>) -> Vec<Key> {
    entries(&rules.unique_values(document))
}

fn wanted(documents: &[Checked]) -> Vec<TypedKey> {
    let of =
        |it: &Checked| it.keys.iter().map(|key| (it.stored.resource_type.clone(), key.clone())).collect::<Vec<_>>();
    documents.iter().flat_map(of).collect()
}

fn conflict(stored: &Stored, key: &Key, other: Uuid) -> CheckExample {
    example(stored, path_of(&key.attribute), taken_by(&stored.resource_type, key, other))
}

fn example(stored: &Stored, path: &str, reason: String) -> CheckExample {
    CheckExample { id: stored.id, resource_type: stored.resource_type.clone(), path: path.to_owned(), reason }
}
