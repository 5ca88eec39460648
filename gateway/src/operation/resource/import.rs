//! Stores a resource as it was exported: with its id, its times, its version, its members and its unknown attributes. What is there
//! already as the export has it stays, and what differs is a conflict: an import changes nothing that is stored.

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::unknown::UnknownAttributes;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::{Base, Change, MembersWrite, Outcome, Prepared, Refusal};
use crate::operation::resource::content::{Draft, content};
use crate::operation::resource::document::{parse, parse_unknown};
use crate::operation::resource::new::New;
use crate::operation::resource::record::Action;
use crate::operation::resource::write;
use crate::store::membership::Members;
use crate::store::resource::content::Origin;
use crate::store::resource::indexed::IndexedAttributes;
use crate::store::resource::key::{Key, Keys};
use crate::store::resource::read::{ReadOptions, Stored};

/// What an import needs of a stored resource.
const READ: ReadOptions = ReadOptions { groups: false, changes: true, mapped: true };

/// A resource as it was exported.
pub(crate) struct Exported {
    /// Its id.
    pub(crate) id: Uuid,
    /// Its type.
    pub(crate) resource_type: Arc<ResourceType>,
    /// Its times and its version.
    pub(crate) origin: Origin,
    /// The resource as the SCIM client reads it.
    pub(crate) body: Value,
    /// Its unknown attributes.
    pub(crate) unknown: UnknownAttributes,
}

/// What an import did with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Imported {
    /// It is stored.
    Created,
    /// It is there already.
    Unchanged,
}

/// Stores a resource.
///
/// # Errors
/// 409 where another resource has its id or a unique value, or where it is there already and differs; 400 for what is not valid, and
/// what the mapping refuses.
pub(crate) async fn resource(ctx: &mut Context, exported: Exported) -> Result<Imported, Error> {
    let mut import = Import::of(exported);
    match write::run(ctx, &mut import).await? {
        Outcome::Unchanged(_) => Ok(Imported::Unchanged),
        _ => Ok(Imported::Created),
    }
}

/// The same without storing it: what would be done. Also returns its unique values, by which it may conflict with other resources of
/// the import.
///
/// # Errors
/// As for [`resource`].
pub(crate) async fn rehearse(ctx: &Context, exported: Exported) -> Result<(Imported, Vec<Key>), Error> {
    let mut import = Import::of(exported);
    import.read(ctx)?;
    let (id, origin) = (import.id, Some(import.origin));
    let new = import.parsed()?;
    if is_there(ctx, new, id).await? {
        return Ok((Imported::Unchanged, Vec::new()));
    }
    if let Some(conflict) = conflict(ctx, new, id).await? {
        return Err(conflict.into());
    }
    let New { resource_type, document, unknown, .. } = &*new;
    let draft = Draft { resource_type, id, document, unknown, before: None, origin };
    let _ = content(ctx, draft, &ctx.stamp(), &mut Vec::new()).await?;
    Ok((Imported::Created, unique_keys(new)))
}

/// Adds members to a group, whose lastModified stays. Values that name no resource become pending references.
///
/// # Errors
/// 404 where the group is not there.
pub(crate) async fn members(ctx: &mut Context, group: Uuid, values: Vec<String>) -> Result<(), Error> {
    let groups = ctx.settings.registry.resource_types().iter().find(|known| known.detached.is_some());
    let resource_type =
        groups.cloned().ok_or_else(|| Error::Corrupt("there is no resource type with members".into()))?;
    write::run(ctx, &mut AddMembers { resource_type, group, values }).await.map(drop)
}

struct Import {
    id: Uuid,
    resource_type: Arc<ResourceType>,
    origin: Origin,
    body: Value,
    unknown: UnknownAttributes,
    new: Option<New>,
    /// The refusal of the unique index, until it is known which value it was.
    refusal: Option<Error>,
}

impl Import {
    fn of(exported: Exported) -> Self {
        let Exported { id, resource_type, origin, body, unknown } = exported;
        Self { id, resource_type, origin, body, unknown, new: None, refusal: None }
    }

    fn parsed(&mut self) -> Result<&mut New, Error> {
        self.new.as_mut().ok_or(Error::Contended)
    }
}

impl Change for Import {
    fn action(&self) -> Action {
        Action::Import
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, Some(self.id))
    }

    fn read(&mut self, ctx: &Context) -> Result<(), Error> {
        // What the client may send was decided when it did. A warning would count a leniency for its client.
        let mut new = New::read(ctx, &self.resource_type, self.body.take(), &mut Warnings::default())?;
        if let Some(name) = names(&new.unknown).first() {
            let detail =
                format!("No schema of this tenant defines {name}. Add the schema that does, and import again.");
            return Err(ScimError::invalid_value(detail).into());
        }
        if new.members.is_some() {
            return Err(ScimError::invalid_value("Members of an exported group are in lines of their own.").into());
        }
        new.unknown = std::mem::take(&mut self.unknown);
        self.resource_type = Arc::clone(&new.resource_type);
        self.new = Some(new);
        Ok(())
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        let (id, origin, refusal) = (self.id, self.origin, self.refusal.take());
        let new = self.parsed()?;
        new.fit(ctx)?;
        if let Some(stored) = read(ctx, new, id).await? {
            check_same(new, &stored)?;
            return Ok(Prepared::Unchanged(stored));
        }
        if let Some(refusal) = refusal {
            return Err(conflict(ctx, new, id).await?.map_or(refusal, Error::from));
        }
        Ok(Prepared::Write(vec![new.write(id, Base::New(Some(origin)), new.unknown.clone())]))
    }

    fn recover(&mut self, _place: usize, refusal: Refusal) -> Result<(), Error> {
        match refusal {
            Refusal::Taken(error) if self.refusal.is_none() => {
                self.refusal = Some(error);
                Ok(())
            }
            refusal => Err(refusal.into()),
        }
    }

    fn warnings(&self, _place: usize) -> Warnings {
        Warnings::default()
    }
}

async fn read(ctx: &Context, new: &New, id: Uuid) -> Result<Option<Stored>, Error> {
    Ok(ctx.store.get(&new.resource_type.name, id, READ).await?)
}

async fn is_there(ctx: &Context, new: &New, id: Uuid) -> Result<bool, Error> {
    let stored = read(ctx, new, id).await?;
    stored.as_ref().map_or(Ok(false), |stored| check_same(new, stored).map(|()| true))
}

/// Refuses a resource that is stored with another content.
fn check_same(new: &New, stored: &Stored) -> Result<(), Error> {
    let old = parse("source", &stored.source)?;
    let mut differing = differing(&new.document, &old);
    if parse_unknown(stored)? != new.unknown {
        differing.push("unknown attributes".to_owned());
    }
    if differing.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "It is there already and differs in {}. An import changes nothing that is stored: delete it, or change it at the SCIM endpoint.",
        differing.join(", ")
    );
    Err(ScimError::new(409, detail).into())
}

/// The attributes in which two documents differ.
fn differing(new: &Map<String, Value>, old: &Map<String, Value>) -> Vec<String> {
    let names = new.keys().chain(old.keys().filter(|name| !new.contains_key(*name)));
    names.filter(|name| new.get(*name) != old.get(*name)).cloned().collect()
}

/// Which resource keeps a new one from being stored: one with its id, or one with a unique value.
async fn conflict(ctx: &Context, new: &New, id: Uuid) -> Result<Option<ScimError>, Error> {
    let types: Vec<String> = ctx.settings.registry.resource_types().iter().map(|known| known.name.clone()).collect();
    let named = ctx.store.resources_called(&id.to_string(), &types).await?;
    if let Some(other) = named.into_iter().find(|named| named.id == id) {
        let detail = if other.is_deleted {
            "A resource with this id was deleted from this tenant. Import into a tenant that never had it.".to_owned()
        } else {
            format!("The id is that of a {} of this tenant.", other.resource_type)
        };
        return Ok(Some(ScimError::new(409, detail)));
    }
    let resource_type = &new.resource_type;
    for key in unique_keys(new) {
        if let Some(owner) = ctx.store.owner(&resource_type.name, &key, READ).await? {
            let detail = format!("Another {}, {}, has this {} already.", resource_type.name, owner.id, key.attribute);
            return Ok(Some(ScimError::uniqueness(detail)));
        }
    }
    Ok(None)
}

fn unique_keys(new: &New) -> Vec<Key> {
    Keys::of(&new.document, &new.resource_type, &IndexedAttributes::unique(&new.resource_type)).unique
}

/// The names of unknown attributes.
fn names(unknown: &UnknownAttributes) -> Vec<String> {
    match unknown.to_json() {
        Value::Object(values) => values.into_iter().map(|(name, _)| name).collect(),
        changes => changes.pointer("/0/path").and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
    }
}

struct AddMembers {
    resource_type: Arc<ResourceType>,
    group: Uuid,
    values: Vec<String>,
}

impl Change for AddMembers {
    fn action(&self) -> Action {
        Action::Import
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, Some(self.group))
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        let options = ReadOptions { mapped: false, ..READ };
        let Some(group) = ctx.store.get(&self.resource_type.name, self.group, options).await? else {
            let detail = format!("The group {} is not in this tenant, so it gets no members.", self.group);
            return Err(ScimError::new(404, detail).into());
        };
        let members = Members { add: self.values.clone(), modified_at: Some(group.modified_at), ..Members::default() };
        Ok(Prepared::Members(MembersWrite { id: self.group, members, group: None, unknown: None }))
    }

    fn warnings(&self, _place: usize) -> Warnings {
        Warnings::default()
    }
}
