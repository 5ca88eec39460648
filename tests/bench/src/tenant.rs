//! The tenants and their users, created through the gateway's APIs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use hyper::{Method, StatusCode};
use memchr::memmem;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::client::{Api, Connection, request};
use crate::user;

/// Users of each of the many tenants.
pub(crate) const FEW_USERS: u64 = 20;
const TUTORIAL_PLUGIN: &str = "target/wasm32-unknown-unknown/plugin/tutorial.wasm";
const PRODUCT: &str = "urn:example:product:2.0:User";
const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";

/// Members that the mapped tenant's group gets before the measurement, so that no table is empty.
const FIRST_MEMBERS: usize = 10_000;
/// Members that one request adds.
const MEMBERS_PER_REQUEST: usize = 1_000;

/// A user that was created before the measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    /// The number in the name.
    pub(crate) number: u64,
}

/// A tenant and its token.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) token: String,
    /// In the order of their ids.
    pub(crate) users: Arc<Vec<User>>,
}

/// The tenants by use. All but `many` have at most one.
#[derive(Default)]
pub(crate) struct Tenants {
    pub(crate) plain: Vec<Tenant>,
    pub(crate) mapped: Vec<Tenant>,
    /// Empty if the large tenant is left out.
    pub(crate) large: Vec<Tenant>,
    pub(crate) many: Vec<Tenant>,
}

impl Tenants {
    /// Creates the tenants with their users.
    pub(crate) async fn create(
        arguments: &Arguments,
        admin: SocketAddr,
        key: &str,
        gateway: SocketAddr,
    ) -> Result<Self> {
        let mut creation = Creation { admin: Api::new(admin, key), gateway, clients: arguments.clients };
        let mut tenants = Self::default();
        tenants.plain.push(creation.tenant("plain", arguments.users, None).await?);
        let plugin = creation.upload_plugin().await?;
        let mapped = creation.tenant("mapped", arguments.users, Some(&plugin)).await?;
        let group = create_group(gateway, &mapped).await?;
        add_members(gateway, &mapped, group, FIRST_MEMBERS).await?;
        tenants.mapped.push(mapped);
        if arguments.million > 0 {
            tenants.large.push(creation.tenant("large", arguments.million, None).await?);
        }
        for n in 0..arguments.tenants {
            tenants.many.push(creation.tenant(&format!("t{n}"), FEW_USERS, None).await?);
        }
        Ok(tenants)
    }
}

/// Creates an empty group.
pub(crate) async fn create_group(gateway: SocketAddr, tenant: &Tenant) -> Result<Uuid> {
    let scim = Api::new(gateway, &tenant.token);
    let name = Uuid::now_v7().to_string();
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
    let body = json!({ "schemas": schemas, "displayName": name, "externalId": name });
    let group = scim.post("/scim/v2/Groups", &body).await?;
    Ok(group["id"].as_str().context("a created group has no id")?.parse()?)
}

/// Adds a tenant's last users to a group; the measurement adds the first ones.
pub(crate) async fn add_members(gateway: SocketAddr, tenant: &Tenant, group: Uuid, members: usize) -> Result<()> {
    let mut scim = Connection::open(gateway).await?;
    let last = &tenant.users[tenant.users.len().saturating_sub(members)..];
    for users in last.chunks(MEMBERS_PER_REQUEST) {
        let values: Vec<_> = users.iter().map(|user| json!({ "value": user.id })).collect();
        let operation = json!({ "op": "add", "path": "members", "value": values });
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        let body = json!({ "schemas": schemas, "Operations": [operation] }).to_string();
        let path = format!("/scim/v2/Groups/{group}");
        let (status, body) = scim.send(request(Method::PATCH, &path, Some(&tenant.token), body)?).await?;
        ensure!(status.is_success(), "adding members returned {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}

/// Creates users on several connections, and returns them in the order of their ids.
async fn create_users(gateway: SocketAddr, token: &str, users: u64, clients: usize) -> Result<Vec<User>> {
    let counter = Arc::new(AtomicU64::new(0));
    let mut loops = JoinSet::new();
    for _ in 0..clients {
        let (counter, token) = (counter.clone(), token.to_owned());
        loops.spawn(async move {
            let mut connection = Connection::open(gateway).await?;
            let mut created = Vec::new();
            loop {
                let number = counter.fetch_add(1, Ordering::Relaxed);
                if number >= users {
                    return Ok::<_, anyhow::Error>(created);
                }
                let body = user::json(&user::name(number));
                let request = request(Method::POST, "/scim/v2/Users", Some(&token), body)?;
                let (status, body) = connection.send(request).await?;
                let shown = || String::from_utf8_lossy(&body[..body.len().min(600)]).into_owned();
                ensure!(status == StatusCode::CREATED, "creating a user returned {status}: {}", shown());
                let id = id_in(&body).with_context(shown)?;
                created.push(User { id, number });
            }
        });
    }
    let mut all = Vec::new();
    while let Some(created) = loops.join_next().await {
        all.extend(created??);
    }
    all.sort_unstable_by_key(|user| user.id);
    Ok(all)
}

/// The `id` of a resource, which is the first member of that name.
fn id_in(body: &[u8]) -> Option<Uuid> {
    const MEMBER: &[u8] = br#""id":""#;
    let start = memmem::find(body, MEMBER)? + MEMBER.len();
    std::str::from_utf8(body.get(start..start + 36)?).ok()?.parse().ok()
}

struct Creation {
    admin: Api,
    gateway: SocketAddr,
    /// Connections that create users.
    clients: usize,
}

impl Creation {
    /// Creates a tenant with users, with a mapping if there is a plugin.
    async fn tenant(&mut self, name: &str, users: u64, plugin: Option<&str>) -> Result<Tenant> {
        let tenant = self.admin.post("/admin/v1/tenants", &json!({ "name": name })).await?;
        let base = format!("/admin/v1/tenants/{name}");
        self.admin.post(&format!("{base}/schemas"), &json!({ "pack": "ws1b" })).await?;
        if let Some(plugin) = plugin {
            self.map(&base, plugin).await?;
        }
        let token = self.admin.post(&format!("{base}/tokens"), &json!({ "scope": "scim" })).await?;
        let id = tenant["id"].as_str().context("a created tenant has no id")?.parse()?;
        let token = token["secret"].as_str().context("a created token has no secret")?.to_owned();
        let clients = if users == FEW_USERS { 1 } else { self.clients };
        let users = Arc::new(create_users(self.gateway, &token, users, clients).await?);
        Ok(Tenant { id, token, users })
    }

    async fn upload_plugin(&mut self) -> Result<String> {
        let wasm = std::fs::read(TUTORIAL_PLUGIN).context(TUTORIAL_PLUGIN)?;
        let plugin = self.admin.send(Method::POST, "/admin/v1/plugins", wasm).await?;
        Ok(plugin["digest"].as_str().context("an uploaded plugin has no digest")?.to_owned())
    }

    /// Sets the demo tenant's mapping: lower-case mail addresses, a displayName, two attributes moved.
    async fn map(&mut self, base: &str, plugin: &str) -> Result<()> {
        let attribute = |name: &str| json!({ "name": name, "type": "string" });
        let attributes = [attribute("badgeNumber"), attribute("building")];
        let schema = json!({ "id": PRODUCT, "name": "Product", "attributes": attributes });
        self.admin.post(&format!("{base}/schemas"), &json!({ "schema": schema, "directoryOnly": true })).await?;
        let lift = json!({
            (format!("{WS1B}:customAttribute1")): format!("{PRODUCT}:badgeNumber"),
            (format!("{WS1B}:customAttribute2")): format!("{PRODUCT}:building"),
        });
        let config = json!({ "lowerCaseMail": true, "buildDisplayName": true, "lift": lift });
        let mapping = json!({ "onFailure": "refuse", "steps": [{ "plugin": plugin, "config": config }] });
        self.admin.send(Method::PUT, &format!("{base}/mapping"), mapping.to_string()).await?;
        Ok(())
    }
}
