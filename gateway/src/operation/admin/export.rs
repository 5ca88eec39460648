//! Exports a tenant as lines of JSON: a header, each resource, the members of groups, and an end that says how many there were.
//! Lines are read while they are sent, so that a tenant of any size takes little memory, and no connection to the database is held
//! while the client reads.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use scimgate_scim::schema::ResourceType;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::operator::Operator;
use crate::operation::resource::large_group::Parts;
use crate::operation::resource::reply;
use crate::operation::stretch;
use crate::store::export::GroupMember;
use crate::store::resource::filter_sql::Plan;
use crate::store::resource::list::{Found, Order, Position, Window};
use crate::store::resource::read::ReadOptions;
use crate::store::tenant::Tenant;
use crate::store::{self, TenantStore};

/// What the first line says that the rest is.
pub const FORMAT: &str = "scimgate-tenant";
/// The version of the format.
pub const VERSION: u32 = 1;
/// Resources that are read at once, unless they are too long together.
const PAGE_RESOURCES: i64 = 100;
/// Members that are read at once, and the most in a line.
pub const MAX_LINE_MEMBERS: usize = 500;
/// How often a part is read until it is given up, and the pause, which grows.
const MAX_ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

/// An export that has not begun yet.
pub struct Export {
    ctx: Context,
    tenant: Tenant,
}

/// The tenant's export, which is recorded in the audit. `base_url` is the address of its SCIM endpoint.
///
/// # Errors
/// 404 where there is none.
pub async fn begin(operator: &Operator, name: &str, base_url: String) -> Result<Export, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(name).await?);
    let ctx = Context { base_url: base_url.into(), ..Context::background(gateway, tenant.id, &operator.actor).await? };
    gateway.store.control().record(operator.change_of(&tenant, "tenant.export", name)).await?;
    tracing::info!(actor = %operator.actor, request.id = %operator.request_id, tenant.id = %tenant.id, "tenant's export begun");
    Ok(Export { ctx, tenant })
}

impl Export {
    /// The lines. The first one has these settings of the tenant.
    ///
    /// # Errors
    /// The database; what fails later ends the parts.
    pub async fn parts(self, settings: Value) -> Result<Parts, Error> {
        let types = self.ctx.settings.registry.resource_types().to_vec();
        let names: Vec<String> = types.iter().map(|known| known.name.clone()).collect();
        let header = json!({
            "format": FORMAT,
            "version": VERSION,
            "tenant": self.tenant.name,
            "exportedAt": rfc3339(self.ctx.gateway.clock.now()),
            // Before the first is read: what is written meanwhile is not counted.
            "resources": self.ctx.store.count(&names).await?,
            "settings": settings,
        });
        let lines = Lines { ctx: self.ctx, types, counts: Counts::default() };
        let first = format!("{}\n", json!({ "header": header }));
        let state = (lines, Some(Place::Header(first)));
        Ok(stream::try_unfold(state, |(mut lines, place)| async move {
            let Some(place) = place else { return Ok(None) };
            let (text, next) = lines.next(place).await?;
            Ok(Some((text, (lines, next))))
        })
        .boxed())
    }
}

/// Where the export has got to: what comes next.
enum Place {
    Header(String),
    /// Resources of the type with this index after an id, so many at once.
    Resources(usize, Uuid, i64),
    /// Memberships after one.
    Members(Uuid, Uuid),
    /// Pending references after one.
    References(Uuid, String),
    End,
}

#[derive(Default)]
struct Counts {
    resources: usize,
    members: usize,
    pending: usize,
}

struct Lines {
    ctx: Context,
    types: Vec<Arc<ResourceType>>,
    counts: Counts,
}

impl Lines {
    /// The lines of a place, and the next one.
    async fn next(&mut self, place: Place) -> Result<(String, Option<Place>), Error> {
        let (text, next) = match place {
            Place::Header(text) => (text, Place::Resources(0, Uuid::nil(), PAGE_RESOURCES)),
            Place::Resources(index, after, size) => match self.types.get(index).cloned() {
                Some(resource_type) => self.resources((index, &resource_type), after, size).await?,
                None => (String::new(), Place::Members(Uuid::nil(), Uuid::nil())),
            },
            Place::Members(group, member) => self.members((group, member)).await?,
            Place::References(group, value) => self.references((group, value)).await?,
            Place::End => return Ok((self.end(), None)),
        };
        Ok((text, Some(next)))
    }

    async fn resources(
        &mut self,
        (index, resource_type): (usize, &Arc<ResourceType>),
        after: Uuid,
        size: i64,
    ) -> Result<(String, Place), Error> {
        let window = Window {
            order: Order::Id,
            descending: false,
            after: Some(Position { key: None, id: after }),
            inclusive: false,
            offset: 0,
            limit: size,
        };
        let plan = Plan::all(std::slice::from_ref(resource_type));
        let options = ReadOptions { groups: false, changes: true, mapped: true };
        let (plan, window) = (&plan, &window);
        let read = |store: TenantStore| async move { store.window(plan, window, options).await };
        let read = again(&self.ctx.store, read).await;
        let found = match read {
            Ok(page) => page.found,
            // Long documents: fewer at once.
            Err(store::Error::TooLong { .. }) if size > 1 => {
                return Ok((String::new(), Place::Resources(index, after, (size / 8).max(1))));
            }
            Err(error) => return Err(error.into()),
        };
        self.counts.resources += found.len();
        let next = match found.last() {
            Some(last) if i64::try_from(found.len()).is_ok_and(|read| read == size) => {
                Place::Resources(index, last.position.id, PAGE_RESOURCES)
            }
            _ => Place::Resources(index + 1, Uuid::nil(), PAGE_RESOURCES),
        };
        Ok((stretch::measure(|| self.resource_lines(resource_type, &found)), next))
    }

    fn resource_lines(&self, resource_type: &ResourceType, found: &[Found]) -> String {
        let mut text = String::new();
        for Found { stored, .. } in found {
            text.push_str("{\"resource\":");
            text.push_str(&reply::exported(&self.ctx, resource_type, stored));
            if let Some(unknown) = &stored.set_aside {
                text.push_str(",\"unknown\":");
                text.push_str(unknown);
            }
            text.push_str("}\n");
        }
        text
    }

    async fn members(&mut self, after: (Uuid, Uuid)) -> Result<(String, Place), Error> {
        let read = |store: TenantStore| async move { store.memberships_after(after, limit()).await };
        let found = again(&self.ctx.store, read).await?;
        self.counts.members += found.len();
        let next = match found.last() {
            Some((group, member)) if found.len() == MAX_LINE_MEMBERS => {
                let id = member.parse().map_err(|_| Error::Corrupt(format!("a membership of {member}")))?;
                Place::Members(*group, id)
            }
            _ => Place::References(Uuid::nil(), String::new()),
        };
        Ok((member_lines(&found, "ids"), next))
    }

    async fn references(&mut self, (group, value): (Uuid, String)) -> Result<(String, Place), Error> {
        let after = (group, value.as_str());
        let read = |store: TenantStore| async move { store.references_after(after, limit()).await };
        let found = again(&self.ctx.store, read).await?;
        self.counts.pending += found.len();
        let next = match found.last() {
            Some((group, value)) if found.len() == MAX_LINE_MEMBERS => Place::References(*group, value.clone()),
            _ => Place::End,
        };
        Ok((member_lines(&found, "pending"), next))
    }

    /// Without this line an export is not complete.
    fn end(&self) -> String {
        let Counts { resources, members, pending } = self.counts;
        format!("{}\n", json!({ "end": { "resources": resources, "members": members, "pending": pending } }))
    }
}

fn limit() -> i64 {
    i64::try_from(MAX_LINE_MEMBERS).unwrap_or(i64::MAX)
}

/// A line for each group, whose members are next to each other.
fn member_lines(found: &[GroupMember], kind: &str) -> String {
    let mut text = String::new();
    for of_group in found.chunk_by(|one, next| one.0 == next.0) {
        let Some((group, _)) = of_group.first() else { continue };
        let values: Value = of_group.iter().map(|(_, value)| value.as_str()).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", json!({ "members": { "group": group.to_string(), kind: values } }));
    }
    text
}

/// Reads a part, again if the database is busy: the status has been sent, so that a failure would cost the client the whole. What is
/// read counts until it is a text.
async fn again<T, F: Future<Output = Result<T, store::Error>> + Send>(
    store: &TenantStore,
    read: impl Fn(TenantStore) -> F,
) -> Result<T, store::Error> {
    let mut attempt = 1;
    loop {
        let result = read(store.apart()).await;
        let is_passing = !matches!(result, Ok(_) | Err(store::Error::TooLong { .. } | store::Error::Corrupt { .. }));
        if !is_passing || attempt == MAX_ATTEMPTS {
            return result;
        }
        tokio::time::sleep(PAUSE * attempt).await;
        attempt += 1;
    }
}
