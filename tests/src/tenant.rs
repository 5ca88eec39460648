//! A tenant with its two clients: the identity provider at the SCIM endpoint, the product at the directory.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::harness::poll;
use crate::{Client, Request};

/// The tutorial's extension.
pub const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";
/// The product's own extension, which the SCIM client cannot write.
pub const PRODUCT: &str = "urn:example:product:2.0:User";
/// The enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// A PATCH's schema.
pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Name of the groups that mark a position in the event feed.
const MARK: &str = "mark in the event feed";

/// A tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// The SCIM endpoint with its token.
    pub scim: Client,
    /// The directory with its key.
    pub directory: Client,
    /// The groups that mark positions in the event feed.
    pub(crate) marks: Arc<Mutex<Vec<String>>>,
}

/// A user's body.
#[must_use]
pub fn user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("{name}@corp.test"),
        "externalId": name,
        "active": true,
        "name": { "givenName": name, "familyName": "Byron" },
        "emails": [{ "type": "work", "primary": true, "value": format!("{name}@Corp.Test") }],
    })
}

/// A group's body.
#[must_use]
pub fn group(name: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "externalId": name })
}

/// The definition of a resource type with one attribute of every kind of rule.
#[must_use]
pub fn device() -> Value {
    json!({
        "name": "Device", "endpoint": "/Devices", "description": "A machine.", "nameAttribute": "displayName",
        "schema": { "id": "urn:acme:schemas:2.0:Device", "name": "Device", "attributes": [
            { "name": "displayName", "type": "string", "required": true },
            { "name": "serial", "type": "string", "caseExact": true, "uniqueness": "server" },
            { "name": "inventory", "type": "integer", "uniqueness": "server" },
            { "name": "model", "type": "string", "mutability": "immutable" },
            { "name": "note", "type": "string", "returned": "request" },
            { "name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never" },
            { "name": "checked", "type": "dateTime" },
            { "name": "active", "type": "boolean" },
            { "name": "tags", "type": "string", "multiValued": true },
            { "name": "owner", "type": "complex", "subAttributes": [
                { "name": "value", "type": "string", "caseExact": true },
                { "name": "$ref", "type": "reference", "referenceTypes": ["User", "Device"] },
            ] },
            { "name": "ports", "type": "complex", "multiValued": true, "subAttributes": [
                { "name": "value", "type": "string" },
                { "name": "type", "type": "string", "canonicalValues": ["usb", "hdmi"] },
                { "name": "speed", "type": "decimal" },
            ] },
        ] },
    })
}

/// A PATCH's body.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
pub fn patch(operations: Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

fn product_schema() -> Value {
    json!({
        "id": PRODUCT,
        "name": "Product",
        "attributes": [{ "name": "badgeNumber", "type": "string" }, { "name": "building", "type": "string" }],
    })
}

/// The tutorial's mapping as the demo tenant has it.
#[must_use]
pub fn tutorial_config() -> Value {
    json!({
        "lowerCaseMail": true,
        "buildDisplayName": true,
        "lift": {
            (format!("{WS1B}:customAttribute1")): format!("{PRODUCT}:badgeNumber"),
            (format!("{WS1B}:customAttribute2")): format!("{PRODUCT}:building"),
        },
    })
}

/// Uploads a plugin and makes it a tenant's only step; returns the revision. Without a dry run: some plugins of the tests fail on
/// every document.
pub async fn map(operator: &Client, tenant: &str, plugin: &str, mapping: (&Value, &str)) -> i64 {
    let upload = Request::new("POST", "/plugins").body("application/wasm", crate::plugin(plugin));
    let digest = operator.send(upload).await.body["digest"].clone();
    let (config, on_failure) = mapping;
    let mapping = json!({ "onFailure": on_failure, "steps": [{ "plugin": digest, "config": config }] });
    let put = operator.put(&format!("/tenants/{tenant}/mapping?dryRun=false"), &mapping).await.expect(200);
    put.body["revision"].as_i64().unwrap()
}

/// Issues a token; returns its id and its secret.
pub async fn token(operator: &Client, tenant: &str, scope: &str) -> (String, String) {
    let issued = operator.post(&format!("/tenants/{tenant}/tokens"), &json!({ "scope": scope })).await.expect(201);
    (issued.id(), issued.body["secret"].as_str().unwrap().to_owned())
}

impl Tenant {
    /// Creates a tenant with tokens and nothing else, at a gateway's public and internal address. Its guard is off: most tests
    /// remove what they like.
    pub async fn plain(operator: &Client, name: &str, (public, internal): (&str, &str)) -> Self {
        let _ = operator.post("/tenants", &json!({ "name": name })).await.expect(201);
        let _ = operator.put(&format!("/tenants/{name}/guard"), &json!({})).await.expect(200);
        let (scim, directory) = (token(operator, name, "scim").await.1, token(operator, name, "directory").await.1);
        let client = Client::new(String::new());
        Self::new(name, client.with(&scim), client.with(&directory)).at((public, internal))
    }

    /// Creates a tenant like the demo's: the pack `ws1b`, the product's own schema, and the tutorial's mapping.
    pub async fn demo(operator: &Client, name: &str, addresses: (&str, &str)) -> Self {
        let tenant = Self::plain(operator, name, addresses).await;
        let path = format!("/tenants/{name}/schemas");
        let _ = operator.post(&path, &json!({ "pack": "ws1b" })).await.expect(201);
        let product = json!({ "schema": product_schema(), "directoryOnly": true });
        let _ = operator.post(&path, &product).await.expect(201);
        let _ = map(operator, name, "tutorial", (&tutorial_config(), "refuse")).await;
        tenant
    }

    /// The same tenant at another gateway's addresses.
    #[must_use]
    pub fn at(&self, (public, internal): (&str, &str)) -> Self {
        let scim = self.scim.at(format!("{public}/scim/v2"));
        Self { scim, directory: self.directory.at(format!("{internal}/directory/v1")), ..self.clone() }
    }

    /// A tenant with its clients.
    #[must_use]
    pub fn new(name: &str, scim: Client, directory: Client) -> Self {
        Self { name: name.to_owned(), scim, directory, marks: Arc::default() }
    }

    /// GET at the SCIM endpoint.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::new("GET", path)).await
    }

    /// POST at the SCIM endpoint.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::new("POST", path).json(body)).await
    }

    /// PUT at the SCIM endpoint.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::new("PUT", path).json(body)).await
    }

    /// PATCH at the SCIM endpoint.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::new("PATCH", path).json(body)).await
    }

    /// DELETE at the SCIM endpoint.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Request::new("DELETE", path)).await
    }

    /// Sends a request to the SCIM endpoint and checks what every reply must have.
    pub async fn send(&self, request: Request) -> Answer {
        let answer = self.scim.send(request).await;
        answer.check_scim();
        answer
    }

    /// Creates a user and returns its id.
    pub async fn user(&self, name: &str) -> String {
        self.post("/Users", &user(name)).await.expect(201).id()
    }

    /// Creates a group and returns its id.
    pub async fn group(&self, name: &str) -> String {
        self.post("/Groups", &group(name)).await.expect(201).id()
    }

    /// GET at the directory.
    pub async fn directory(&self, path: &str) -> Answer {
        self.directory.get(path).await
    }

    /// Everything that the SCIM client and the product can read, as texts.
    pub async fn everything(&self) -> [String; 4] {
        [
            self.get("/Users?count=1000").await.expect(200).text,
            self.get("/Groups?count=1000").await.expect(200).text,
            self.directory("/users?limit=1000").await.expect(200).text,
            self.directory("/groups?limit=1000").await.expect(200).text,
        ]
    }

    /// Every event so far, without gaps in their numbers: a group is created, and all events before its event are
    /// complete. The mapping must not exclude groups.
    pub async fn events(&self) -> Vec<Value> {
        let mark = self.group(MARK).await;
        self.marks.lock().unwrap().push(mark.clone());
        let _ = self.delete(&format!("/Groups/{mark}")).await.expect(204);
        let mut events = Vec::new();
        poll("the event feed has reached the mark", async || {
            let after = events.len();
            let page = self.directory(&format!("/events?after={after}&limit=1000")).await.expect(200);
            events.extend(page.body["events"].as_array().unwrap().iter().cloned());
            is_marked(&events, &mark).then_some(())
        })
        .await;
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["seq"], index + 1, "the numbers have no gap");
        }
        let marks = self.marks.lock().unwrap();
        events.retain(|event| marks.iter().all(|mark| event["resourceId"] != mark.as_str()));
        events
    }
}

fn is_marked(events: &[Value], mark: &str) -> bool {
    events.iter().any(|event| event["resourceId"] == mark && event["type"] == "group.deleted")
}
