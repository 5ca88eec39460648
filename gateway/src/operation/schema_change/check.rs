//! Checks stored resources against a schema change. Documents are read in batches, each on a snapshot of its own; the
//! [caller](super) ensures that no write is missed between them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::compatibility::{conflict, is_compatible};
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::Clock;
use crate::operation::error::Error;
use crate::operation::resource::document::parse;
use crate::operation::schema_change::conflict::Conflicts;
use crate::operation::settings::registries::Registries;
use crate::store::TenantStore;
use crate::store::resource::indexed::{IndexedAttributes, unique_names};
use crate::store::resource::key::{Key, Keys};
use crate::store::schema::change::{StoredDocuments, WantedKey};

/// Documents of one batch.
const BATCH_SIZE: i64 = 100;
/// A pending change that is not renewed for so long is abandoned.
pub(crate) const PENDING_TTL: Duration = Duration::from_mins(1);

/// Which of the two checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Nothing is written; duplicates are found among the documents read.
    First,
    /// The change is pending for this holder: attributes that become unique get their keys, and the index finds duplicates.
    Pending(Uuid),
}

/// A change to be checked.
pub(crate) struct Check<'a> {
    pub(crate) store: &'a TenantStore,
    pub(crate) clock: &'a Clock,
    pub(crate) before: &'a Registries,
    pub(crate) after: &'a Registries,
}

impl Check<'_> {
    /// Whether the change only extends the schemas, so that no stored resource can conflict.
    pub(crate) fn only_grows(&self) -> bool {
        self.before.client.resource_types().iter().all(|old| !self.is_narrowed(old))
    }

    fn is_narrowed(&self, old: &ResourceType) -> bool {
        let grows = |old: Option<&ResourceType>, new: Option<&ResourceType>| match (old, new) {
            (Some(old), Some(new)) => std::ptr::eq(old, new) || is_compatible(old, new),
            (old, _) => old.is_none(),
        };
        let of = |all: &'_ Registries| all.client.resource_type(&old.name).cloned();
        let directory = |all: &'_ Registries| all.directory.resource_type(&old.name).cloned();
        !grows(Some(old), of(self.after).as_deref())
            || !grows(directory(self.before).as_deref(), directory(self.after).as_deref())
    }

    /// Checks every resource of every type that is narrowed.
    ///
    /// # Errors
    /// 503 where another process rolled the pending change back as abandoned.
    pub(crate) async fn run(&self, pass: Pass) -> Result<Conflicts, Error> {
        let mut found = Conflicts::default();
        for old in self.before.client.resource_types().iter().filter(|old| self.is_narrowed(old)) {
            let mut type_check = TypeCheck::new(self, old, pass);
            let mut after = Uuid::nil();
            loop {
                let batch = self.store.documents_after(&old.name, after, BATCH_SIZE).await?;
                let Some(last) = batch.last() else { break };
                after = last.id;
                type_check.batch(batch, &mut found).await?;
                self.renew(pass).await?;
            }
        }
        Ok(found)
    }

    /// Deletes keys that are left from an earlier time of uniqueness, before the pending pass stores the keys of every
    /// document: the reconcile job that deletes them may have been cancelled.
    pub(crate) async fn drop_stale_keys(&self, revision: i64) -> Result<(), Error> {
        for old in self.before.client.resource_types() {
            let new = self.after.client.resource_type(&old.name).map(AsRef::as_ref);
            for attribute in becoming_unique(old, new) {
                while self.store.drop_keys(revision, &old.name, &attribute).await? {}
            }
        }
        Ok(())
    }

    /// Renews the pending change, or another process would roll it back as abandoned.
    async fn renew(&self, pass: Pass) -> Result<(), Error> {
        let Pass::Pending(holder) = pass else { return Ok(()) };
        let until = self.clock.now() + PENDING_TTL;
        if self.store.renew_pending_change(holder, until).await? { Ok(()) } else { Err(Error::Contended) }
    }
}

/// The check of one resource type.
struct TypeCheck<'a> {
    check: &'a Check<'a>,
    old: &'a ResourceType,
    new: Option<&'a ResourceType>,
    /// The directory's type after the change, which mapped documents must fit.
    directory: Option<&'a ResourceType>,
    /// Attributes that become unique.
    becoming: HashSet<String>,
    pass: Pass,
    /// Digests of the keys seen in the first pass: a million digests fit in memory, the keys may not.
    seen: HashSet<[u8; 16]>,
}

impl<'a> TypeCheck<'a> {
    fn new(check: &'a Check<'a>, old: &'a ResourceType, pass: Pass) -> Self {
        let new = check.after.client.resource_type(&old.name).map(AsRef::as_ref);
        let becoming = becoming_unique(old, new);
        let directory = check.after.directory.resource_type(&old.name).map(AsRef::as_ref);
        Self { check, old, new, directory, becoming, pass, seen: HashSet::new() }
    }

    async fn batch(&mut self, batch: Vec<StoredDocuments>, found: &mut Conflicts) -> Result<(), Error> {
        let mut wanted = Vec::new();
        for held in batch {
            let document = parse("source", &held.source)?;
            if let Some(why) = self.complaint(&document, held.mapped.as_deref())? {
                found.add(held.id, &self.old.name, why);
                continue;
            }
            let keys = self.new_keys(&document);
            if self.pass == Pass::First {
                if let Some(duplicate) = keys.iter().find(|key| !self.seen.insert(digest(key))) {
                    found.add(held.id, &self.old.name, duplicates(&duplicate.attribute));
                }
            } else {
                let (id, version) = (held.id, held.version);
                wanted.extend(keys.into_iter().map(|key| WantedKey { id, version, key }));
            }
        }
        self.fill(wanted, found).await
    }

    fn complaint(&self, document: &Map<String, Value>, mapped: Option<&str>) -> Result<Option<String>, Error> {
        if let Some(why) = conflict(document, self.old, self.new) {
            return Ok(Some(why));
        }
        let (Some(mapped), Some(directory)) = (mapped, self.directory) else { return Ok(None) };
        let refusal = validate(&parse("mapped", mapped)?, directory).err();
        Ok(refusal.map(|refusal| format!("The mapped document: {}", refusal.detail)))
    }

    fn new_keys(&self, document: &Map<String, Value>) -> Vec<Key> {
        let Some(new) = self.new.filter(|_| !self.becoming.is_empty()) else { return Vec::new() };
        let keys = Keys::of(document, new, &IndexedAttributes::unique(new)).unique;
        keys.into_iter().filter(|key| self.becoming.contains(&*key.attribute)).collect()
    }

    /// Stores the keys. If a resource was written meanwhile, stores those of its new document.
    async fn fill(&self, mut wanted: Vec<WantedKey>, found: &mut Conflicts) -> Result<(), Error> {
        while !wanted.is_empty() {
            let missing = self.check.store.fill_keys(&self.old.name, &wanted).await?;
            let mut reported: HashMap<Uuid, bool> = HashMap::new();
            for it in missing {
                let taken = reported.entry(it.id).or_default();
                if it.taken && !*taken {
                    found.add(it.id, &self.old.name, duplicates(&it.attribute));
                    *taken = true;
                }
            }
            let again: Vec<Uuid> = reported.into_iter().filter(|(_, taken)| !taken).map(|(id, _)| id).collect();
            wanted.clear();
            if again.is_empty() {
                break;
            }
            for held in self.check.store.documents_by_ids(&self.old.name, &again).await? {
                let (id, version) = (held.id, held.version);
                let keys = self.new_keys(&parse("source", &held.source)?);
                wanted.extend(keys.into_iter().map(|key| WantedKey { id, version, key }));
            }
        }
        Ok(())
    }
}

fn duplicates(attribute: &str) -> String {
    format!("Another one has the same {attribute}.")
}

fn digest(key: &Key) -> [u8; 16] {
    let mut digest = Sha256::new();
    digest.update(key.attribute.len().to_be_bytes());
    digest.update(&*key.attribute);
    digest.update(&key.key);
    let mut short = [0; 16];
    short.copy_from_slice(&digest.finalize()[..16]);
    short
}

/// The attributes that the new schemas make unique.
fn becoming_unique(old: &ResourceType, new: Option<&ResourceType>) -> HashSet<String> {
    let before = unique_names(old);
    new.map(unique_names).unwrap_or_default().into_iter().filter(|name| !before.contains(name)).collect()
}
