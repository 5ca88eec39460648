//! What is stored and would not be right by other schemas: counted, with a few examples. Documents are read in batches, each
//! on a snapshot of its own; that nothing slips in behind it is for the [change](crate::operation::schema_change) to see to.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::compatibility::{conflict, is_compatible};
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::Clock;
use crate::operation::Error;
use crate::operation::resource::document::parse;
use crate::operation::schema_change::Registries;
use crate::store::TenantStore;
use crate::store::resource::key::Key;
use crate::store::resource::key::Keys;
use crate::store::resource::key::unique_names;
use crate::store::schema::change::{Held, WantedKey};

/// Documents that are read at once.
const BATCH: i64 = 100;
/// How long an announced change is believed to be looked after.
pub(crate) const TERM: Duration = Duration::from_mins(1);
/// Resources that are named.
const EXAMPLES: usize = 5;

/// One resource that stands against a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub resource_type: String,
    /// What of it would not be right.
    pub why: String,
}

/// What stands against a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contradictions {
    /// How many resources.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<Example>,
}

impl Contradictions {
    fn add(&mut self, id: Uuid, resource_type: &str, why: String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example { id, resource_type: resource_type.to_owned(), why });
        }
    }
}

impl std::fmt::Display for Contradictions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.count == 1 { "resource contradicts" } else { "resources contradict" };
        write!(f, "{} stored {plural} this change. Nothing was changed.", self.count)?;
        self.examples.iter().try_for_each(|it| write!(f, " {} {}: {}", it.resource_type, it.id, it.why))
    }
}

/// How a look is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing is written; twins are told by what was seen.
    First,
    /// What becomes unique gets its keys, and the index tells twins. The change is announced by this holder.
    Announced(Uuid),
}

/// One change, as it is looked at.
pub(crate) struct Check<'a> {
    pub(crate) store: &'a TenantStore,
    pub(crate) clock: &'a Clock,
    pub(crate) before: &'a Registries,
    pub(crate) after: &'a Registries,
}

impl Check<'_> {
    /// Whether there is nothing that stored data could contradict.
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

    /// Looks at every resource of every type that is narrowed.
    ///
    /// # Errors
    /// 503 where the announcement was taken back by another, who held it for abandoned.
    pub(crate) async fn run(&self, look: Look) -> Result<Contradictions, Error> {
        let mut found = Contradictions::default();
        for old in self.before.client.resource_types().iter().filter(|old| self.is_narrowed(old)) {
            let mut pass = Pass::new(self, old, look);
            let mut after = Uuid::nil();
            loop {
                let batch = self.store.held_after(&old.name, after, BATCH).await?;
                let Some(last) = batch.last() else { break };
                after = last.id;
                pass.batch(batch, &mut found).await?;
                self.stay(look).await?;
            }
        }
        Ok(found)
    }
}

impl Check<'_> {
    /// An announcement that nobody renews is held for abandoned.
    async fn stay(&self, look: Look) -> Result<(), Error> {
        let Look::Announced(holder) = look else { return Ok(()) };
        let until = self.clock.now() + TERM;
        if self.store.renew_announcement(holder, until).await? { Ok(()) } else { Err(Error::Contended) }
    }
}

/// The look at one resource type.
struct Pass<'a> {
    check: &'a Check<'a>,
    old: &'a ResourceType,
    new: Option<&'a ResourceType>,
    /// The directory's type afterwards, which mapped documents must fit.
    directory: Option<&'a ResourceType>,
    /// What becomes unique.
    becoming: HashSet<String>,
    look: Look,
    /// Keys by their digest, of which a million fit where their texts would not.
    seen: HashSet<[u8; 16]>,
}

impl<'a> Pass<'a> {
    fn new(check: &'a Check<'a>, old: &'a ResourceType, look: Look) -> Self {
        let new = check.after.client.resource_type(&old.name).map(AsRef::as_ref);
        let mut becoming: HashSet<String> = new.map(unique_names).unwrap_or_default().into_iter().collect();
        for name in unique_names(old) {
            becoming.remove(&name);
        }
        let directory = check.after.directory.resource_type(&old.name).map(AsRef::as_ref);
        Self { check, old, new, directory, becoming, look, seen: HashSet::new() }
    }

    async fn batch(&mut self, batch: Vec<Held>, found: &mut Contradictions) -> Result<(), Error> {
        let mut wanted = Vec::new();
        for held in batch {
            let document = parse("source", &held.source)?;
            if let Some(why) = self.complaint(&document, held.mapped.as_deref())? {
                found.add(held.id, &self.old.name, why);
                continue;
            }
            let keys = self.new_keys(&document);
            if self.look == Look::First {
                if let Some(twin) = keys.iter().find(|key| !self.seen.insert(digest(key))) {
                    found.add(held.id, &self.old.name, twins(&twin.attribute));
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
        let keys = Keys::of(document, new).unique;
        keys.into_iter().filter(|key| self.becoming.contains(&key.attribute)).collect()
    }

    /// Makes the keys; of what was written meanwhile those of the document that is there now.
    async fn fill(&self, mut wanted: Vec<WantedKey>, found: &mut Contradictions) -> Result<(), Error> {
        while !wanted.is_empty() {
            let missing = self.check.store.fill_keys(&self.old.name, &wanted).await?;
            let mut told: HashMap<Uuid, bool> = HashMap::new();
            for it in missing {
                let taken = told.entry(it.id).or_default();
                if it.taken && !*taken {
                    found.add(it.id, &self.old.name, twins(&it.attribute));
                    *taken = true;
                }
            }
            let again: Vec<Uuid> = told.into_iter().filter(|(_, taken)| !taken).map(|(id, _)| id).collect();
            wanted.clear();
            if again.is_empty() {
                break;
            }
            for held in self.check.store.held_by_ids(&self.old.name, &again).await? {
                let (id, version) = (held.id, held.version);
                let keys = self.new_keys(&parse("source", &held.source)?);
                wanted.extend(keys.into_iter().map(|key| WantedKey { id, version, key }));
            }
        }
        Ok(())
    }
}

fn twins(attribute: &str) -> String {
    format!("Another one has the same {attribute}.")
}

fn digest(key: &Key) -> [u8; 16] {
    let mut digest = Sha256::new();
    digest.update(key.attribute.len().to_be_bytes());
    digest.update(&key.attribute);
    digest.update(&key.key);
    let mut short = [0; 16];
    short.copy_from_slice(&digest.finalize()[..16]);
    short
}
