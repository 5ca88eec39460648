//! A tenant's settings as `apply` and `tenant import` set them: each kind is compared with what the tenant has, and changed only
//! where it differs. A new kind is a file with a [`Kind`] and a line in [`KINDS`].

mod definitions;
pub(crate) mod difference;
pub(crate) mod directory_schema;
pub(crate) mod group_rules;
pub(crate) mod mapping;
pub(crate) mod packs;
pub(crate) mod resource_types;
pub(crate) mod schemas;
pub(crate) mod scim_client;
pub(crate) mod search_attributes;
pub(crate) mod tenant;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::AdminClient;
use crate::failure::Failure;
use difference::{Difference, differences};

/// One kind of settings. Its values are JSON in one form, however they are written, so that equal ones are equal.
pub(crate) trait Kind: Sync {
    /// Its name, in files and in the header of an export.
    fn name(&self) -> &'static str;

    /// What a tenant has of it, by its settings as the admin API shows them.
    fn of(&self, settings: &Value) -> Value;

    /// What the tenant has, in the form that compares with what is wanted.
    fn comparable(&self, now: Value, _wanted: &Value) -> Value {
        now
    }

    /// What the tenant has afterwards: what is not wanted by name stays.
    fn after(&self, _now: &Value, wanted: &Value) -> Value {
        wanted.clone()
    }

    /// The requests that change it.
    fn requests(&self, now: &Value, after: &Value) -> Vec<Request>;

    /// What the tenant has of it that nobody named.
    fn left_alone(&self, _now: &Value, _wanted: &Value) -> Vec<String> {
        Vec::new()
    }
}

/// Every kind, in the order in which they are set: what is defined comes before what names it.
pub(crate) const KINDS: [&dyn Kind; 14] = [
    &packs::Packs,
    &resource_types::ResourceTypes,
    &schemas::Schemas,
    &search_attributes::SearchAttributes,
    &directory_schema::DirectorySchema,
    &directory_schema::SsoSubject,
    &scim_client::ScimClient,
    &tenant::Limits,
    &tenant::Retention,
    &tenant::LogRedaction,
    &tenant::Guard,
    &mapping::Mapping,
    &group_rules::GroupRules,
    &tenant::Suspended,
];

/// A request below a tenant's path.
#[derive(Debug)]
pub(crate) enum Request {
    /// One that changes something at once.
    Send(Method, &'static [&'static str], Value),
    /// A mapping that is drafted, planned and activated; null for none.
    Map(Value),
}

/// What is wanted of a tenant: values of kinds, in their order.
pub(crate) type Wanted = Vec<(&'static dyn Kind, Value)>;

/// What is to be done about one kind.
pub(crate) struct Change {
    /// The kind's name.
    pub(crate) kind: &'static str,
    /// What differs.
    pub(crate) differences: Vec<Difference>,
    pub(crate) requests: Vec<Request>,
}

/// What is to be done about a tenant.
#[derive(Default)]
pub(crate) struct Plan {
    /// The kinds that differ.
    pub(crate) changes: Vec<Change>,
    /// What the tenant has and nobody named, by kind.
    pub(crate) left_alone: Vec<(&'static str, Vec<String>)>,
}

/// Compares what a tenant has with what is wanted.
pub(crate) fn plan(settings: &Value, wanted: &[(&'static dyn Kind, Value)]) -> Plan {
    let mut plan = Plan::default();
    for (kind, wanted) in wanted {
        let now = kind.comparable(kind.of(settings), wanted);
        let after = kind.after(&now, wanted);
        let left_alone = kind.left_alone(&now, wanted);
        if !left_alone.is_empty() {
            plan.left_alone.push((kind.name(), left_alone));
        }
        let differences = differences(&now, &after);
        if !differences.is_empty() {
            plan.changes.push(Change { kind: kind.name(), differences, requests: kind.requests(&now, &after) });
        }
    }
    plan
}

/// Reads a tenant's settings, in the form of an export's header.
pub(crate) async fn read(client: &AdminClient, tenant: &str) -> Result<Value, Failure> {
    let get = async |names: &[&str]| client.get(&client.path(&[&["tenants", tenant], names].concat())?).await;
    let shown = get(&[]).await?;
    let directory = get(&["directory-schema"]).await?;
    Ok(json!({
        "state": shown["state"],
        "limits": shown["limits"],
        "retention": shown["retention"],
        "logRedaction": shown["logRedaction"],
        "client": get(&["client"]).await?,
        "schemas": get(&["schemas"]).await?["schemas"],
        "resourceTypes": get(&["resource-types"]).await?["resourceTypes"],
        "searchAttributes": get(&["search-attributes"]).await?["attributes"],
        "directorySchema": directory["rules"],
        "ssoSubject": directory["ssoSubject"],
        "groupRules": get(&["group-rules"]).await?["rules"],
        "guard": get(&["guard"]).await?,
        "mapping": get(&["mapping"]).await?,
    }))
}

/// The settings of a tenant that has just been created, as far as they are the same for all.
pub(crate) fn of_new_tenant() -> Value {
    json!({
        "state": "active", "limits": {}, "retention": {}, "logRedaction": [], "client": { "profile": "auto", "leniencies": [], "choices": [] }, "schemas": [],
        "resourceTypes": [], "searchAttributes": ["emails.value"], "directorySchema": [],
        "ssoSubject": null, "groupRules": [], "guard": {}, "mapping": { "revision": 0 },
    })
}

/// Makes the changes of one kind.
pub(crate) async fn make(
    client: &AdminClient,
    tenant: &str,
    change: &Change,
    accepts_vanishing: bool,
) -> Result<(), Failure> {
    for request in &change.requests {
        let done = match request {
            Request::Send(method, names, body) => {
                let path = client.path(&[&["tenants", tenant], *names].concat())?;
                client.put(method.clone(), &path, body).await.map(drop).map_err(Failure::from)
            }
            Request::Map(mapping) => mapping::activate(client, tenant, mapping, accepts_vanishing).await,
        };
        done.map_err(|failure| Failure {
            message: format!("{tenant}: {}: {}", change.kind, failure.message),
            ..failure
        })?;
    }
    Ok(())
}

/// The members of an object, over those of another one.
fn merged(under: &Value, over: &Value) -> Value {
    let mut all: Map<String, Value> = under.as_object().cloned().unwrap_or_default();
    all.extend(over.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

/// The values of a list of objects that are new or differ, by the key under which each is.
fn changed<'v>(now: &'v Value, after: &'v Value) -> impl Iterator<Item = (&'v str, &'v Value)> {
    let all = after.as_object().into_iter().flatten();
    all.filter(move |(key, value)| now.get(key.as_str()) != Some(*value)).map(|(key, value)| (key.as_str(), value))
}

/// The keys of an object that another one lacks.
fn unnamed(now: &Value, wanted: &Value) -> Vec<String> {
    let all = now.as_object().into_iter().flatten();
    all.filter(|(key, _)| wanted.get(key.as_str()).is_none()).map(|(key, _)| key.clone()).collect()
}
