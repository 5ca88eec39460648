//! The tenants, created through the gateway's APIs with one user each.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use hyper::Method;
use serde_json::json;
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::client::Api;
use crate::user;

/// Users of each of the many tenants.
pub(crate) const FEW_USERS: u64 = 20;
const TUTORIAL_PLUGIN: &str = "target/wasm32-unknown-unknown/plugin/tutorial.wasm";
const PRODUCT: &str = "urn:example:product:2.0:User";
const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";

/// A tenant and its token.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) token: String,
    pub(crate) users: u64,
}

/// The tenants by use. All but `many` have at most one.
#[derive(Default)]
pub(crate) struct Tenants {
    pub(crate) plain: Vec<Tenant>,
    pub(crate) mapped: Vec<Tenant>,
    /// The only one whose users are in groups.
    pub(crate) grouped: Vec<Tenant>,
    /// Empty if the large tenant is left out.
    pub(crate) large: Vec<Tenant>,
    pub(crate) many: Vec<Tenant>,
}

impl Tenants {
    /// Creates the tenants, each with the template user.
    pub(crate) async fn create(
        arguments: &Arguments,
        admin: SocketAddr,
        key: &str,
        gateway: SocketAddr,
    ) -> Result<Self> {
        let mut creation = Creation { admin: Api::open(admin, key).await?, gateway };
        let mut tenants = Self::default();
        tenants.plain.push(creation.tenant("plain", arguments.users, None).await?);
        let plugin = creation.upload_plugin().await?;
        tenants.mapped.push(creation.tenant("mapped", arguments.users, Some(&plugin)).await?);
        tenants.grouped.push(creation.tenant("grouped", arguments.users, None).await?);
        if arguments.million > 0 {
            tenants.large.push(creation.tenant("large", arguments.million, None).await?);
        }
        for n in 0..arguments.tenants {
            tenants.many.push(creation.tenant(&format!("t{n}"), FEW_USERS, None).await?);
        }
        Ok(tenants)
    }
}

struct Creation {
    admin: Api,
    gateway: SocketAddr,
}

impl Creation {
    /// Creates a tenant, with a mapping if there is a plugin.
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
        let template = user::json(user::TEMPLATE);
        Api::open(self.gateway, &token).await?.send(Method::POST, "/scim/v2/Users", template).await?;
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
