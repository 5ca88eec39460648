//! An export as SCIM bulk requests (RFC 7644 §3.7). Each resource is a POST whose bulkId is its id; members and managers follow in PATCHes,
//! which name resources by bulkId. Another server gives ids of its own: `scimgate tenant send` puts those of earlier requests in.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::failure::Failure;

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The bytes of a bulk request around its operations.
const FRAME_BYTES: usize = 100;

/// How much a request may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) operations: usize,
    pub(super) bytes: usize,
}

/// Turns the lines of an export into bulk requests.
#[derive(Debug)]
pub(super) struct Bulk {
    limits: Limits,
    /// The endpoint of each resource type.
    endpoints: HashMap<String, String>,
    /// The ids of the resources, by which references to them are known.
    ids: HashSet<Uuid>,
    /// Managers are set when everybody is there: the endpoint and the id of a user, and the manager.
    managers: Vec<(String, String, Value)>,
    /// The operations of the next request, as texts.
    operations: Vec<String>,
    bytes: usize,
    requests: usize,
    pending: usize,
    with_unknown: usize,
}

impl Bulk {
    pub(super) fn new(limits: Limits) -> Self {
        let endpoints =
            [("User", "/Users"), ("Group", "/Groups")].map(|(name, path)| (name.to_owned(), path.to_owned()));
        Self {
            limits,
            endpoints: HashMap::from(endpoints),
            ids: HashSet::new(),
            managers: Vec::new(),
            operations: Vec::new(),
            bytes: FRAME_BYTES,
            requests: 0,
            pending: 0,
            with_unknown: 0,
        }
    }

    /// The endpoints of the tenant's own resource types, from the header.
    pub(super) fn begin(&mut self, settings: &Value) {
        for known in settings["resourceTypes"].as_array().into_iter().flatten() {
            if let (Some(name), Some(endpoint)) = (known["name"].as_str(), known["endpoint"].as_str()) {
                self.endpoints.insert(name.to_owned(), endpoint.to_owned());
            }
        }
    }

    /// The next line.
    pub(super) fn line(&mut self, line: &[u8], target: &mut impl Write) -> Result<(), Failure> {
        let mut line: Value = serde_json::from_slice(line)?;
        self.with_unknown += usize::from(line["unknown"].is_object() || line["unknown"].is_array());
        if let Some(Value::Object(resource)) = line.get_mut("resource").map(Value::take) {
            return self.resource(resource, target);
        }
        if let Some(pending) = line["members"]["pending"].as_array() {
            self.pending += pending.len();
        }
        if let Some(ids) = line["members"]["ids"].as_array() {
            let group = line["members"]["group"].as_str().unwrap_or_default();
            return self.members(group, ids, target);
        }
        Ok(())
    }

    fn resource(&mut self, mut resource: Map<String, Value>, target: &mut impl Write) -> Result<(), Failure> {
        let id = text(resource.shift_remove("id"));
        let meta = resource.shift_remove("meta").unwrap_or_default();
        let resource_type = meta["resourceType"].as_str().unwrap_or_default();
        let endpoint = self.endpoints.get(resource_type).cloned().ok_or_else(|| {
            Failure::new(format!(
                "the export has a resource of the type {resource_type}, which its header does not define"
            ))
        })?;
        if let Ok(id) = id.parse() {
            self.ids.insert(id);
        }
        if let Some(extension) = resource.get_mut(ENTERPRISE).and_then(Value::as_object_mut) {
            if let Some(manager) = extension.shift_remove("manager") {
                self.managers.push((endpoint.clone(), id.clone(), manager));
            }
            if extension.is_empty() {
                resource.shift_remove(ENTERPRISE);
                if let Some(schemas) = resource.get_mut("schemas").and_then(Value::as_array_mut) {
                    schemas.retain(|urn| urn != ENTERPRISE);
                }
            }
        }
        let operation = json!({ "method": "POST", "path": endpoint, "bulkId": id, "data": resource });
        self.add(&operation, &id, target)
    }

    fn members(&mut self, group: &str, ids: &[Value], target: &mut impl Write) -> Result<(), Failure> {
        let path = self.endpoints.get("Group").cloned().unwrap_or_default();
        // A line is split where it is longer than a request may be.
        let bytes_of_each = 64;
        let most = (self.limits.bytes.saturating_sub(FRAME_BYTES + 400) / bytes_of_each).max(1);
        for some in ids.chunks(most) {
            let values: Vec<Value> = some.iter().map(|id| json!({ "value": reference(id) })).collect();
            let change = json!([{ "op": "add", "path": "members", "value": values }]);
            let data = json!({ "schemas": [PATCH], "Operations": change });
            let operation = json!({ "method": "PATCH", "path": format!("{path}/bulkId:{group}"), "data": data });
            self.add(&operation, group, target)?;
        }
        Ok(())
    }

    /// The managers, and what is left. Returns a sentence on what there is.
    pub(super) fn end(mut self, target: &mut impl Write) -> Result<String, Failure> {
        for (endpoint, id, mut manager) in std::mem::take(&mut self.managers) {
            let known = manager["value"].as_str().and_then(|value| value.parse().ok());
            if known.is_some_and(|id| self.ids.contains(&id)) {
                manager["value"] = reference(&manager["value"]);
            }
            let change = json!([{ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": manager }]);
            let data = json!({ "schemas": [PATCH], "Operations": change });
            let operation = json!({ "method": "PATCH", "path": format!("{endpoint}/bulkId:{id}"), "data": data });
            self.add(&operation, &id, target)?;
        }
        self.flush(target)?;
        let mut sentence = format!("They are {} bulk requests.", self.requests);
        if self.pending > 0 {
            sentence += &format!(" Left out: {} pending references, which name no resource.", self.pending);
        }
        if self.with_unknown > 0 {
            sentence += &format!(" Left out: attributes of {} resources that no schema defines.", self.with_unknown);
        }
        Ok(sentence)
    }

    fn add(&mut self, operation: &Value, id: &str, target: &mut impl Write) -> Result<(), Failure> {
        let text = operation.to_string();
        if FRAME_BYTES + text.len() > self.limits.bytes {
            return Err(Failure::new(format!(
                "{id} alone takes {} bytes, more than a bulk request may have; raise --max-payload if the server takes more",
                text.len()
            )));
        }
        if self.operations.len() == self.limits.operations || self.bytes + text.len() + 1 > self.limits.bytes {
            self.flush(target)?;
        }
        self.bytes += text.len() + 1;
        self.operations.push(text);
        Ok(())
    }

    fn flush(&mut self, target: &mut impl Write) -> Result<(), Failure> {
        if self.operations.is_empty() {
            return Ok(());
        }
        let operations = std::mem::take(&mut self.operations).join(",");
        writeln!(target, "{{\"schemas\":[\"{BULK}\"],\"Operations\":[{operations}]}}")?;
        self.bytes = FRAME_BYTES;
        self.requests += 1;
        Ok(())
    }
}

fn reference(id: &Value) -> Value {
    format!("bulkId:{}", id.as_str().unwrap_or_default()).into()
}

fn text(value: Option<Value>) -> String {
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "0198c0de-0000-7000-8000-000000000001";
    const BOB: &str = "0198c0de-0000-7000-8000-000000000002";
    const CREW: &str = "0198c0de-0000-7000-8000-000000000003";

    /// The requests of an export with a manager, a group and what bulk requests cannot have.
    fn requests(limits: Limits) -> (Vec<Value>, String) {
        let user = |id: &str, name: &str, manager: &str| {
            json!({ "resource": {
                "id": id, "schemas": ["u", ENTERPRISE], "userName": name, ENTERPRISE: { "manager": { "value": manager } },
                "meta": { "resourceType": "User" },
            }})
        };
        let group = json!({ "resource": { "id": CREW, "schemas": ["g"], "displayName": "crew", "meta": { "resourceType": "Group" } },
            "unknown": { "x": 1 } });
        let lines = [
            user(ADA, "ada", BOB),
            user(BOB, "bob", "E5"),
            group,
            json!({ "members": { "group": CREW, "ids": [ADA, BOB] } }),
            json!({ "members": { "group": CREW, "pending": ["eve"] } }),
        ];
        let (mut bulk, mut written) = (Bulk::new(limits), Vec::new());
        bulk.begin(&json!({ "resourceTypes": [] }));
        for line in lines {
            bulk.line(line.to_string().as_bytes(), &mut written).unwrap();
        }
        let sentence = bulk.end(&mut written).unwrap();
        for line in written.split_inclusive(|byte| *byte == b'\n') {
            assert!(line.len() <= limits.bytes + 1, "{}", line.len());
        }
        let text = String::from_utf8(written).unwrap();
        (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), sentence)
    }

    #[test]
    fn references_follow_the_resources_they_name() {
        let (requests, sentence) = requests(Limits { operations: 1000, bytes: 1 << 20 });
        assert_eq!(requests.len(), 1);
        let operations = requests[0]["Operations"].as_array().unwrap();
        assert_eq!(operations.len(), 6);
        assert_eq!(
            operations[0],
            json!({ "method": "POST", "path": "/Users", "bulkId": ADA, "data": { "schemas": ["u"], "userName": "ada" } })
        );
        assert_eq!(operations[3]["path"], format!("/Groups/bulkId:{CREW}"));
        let members = operations[3].pointer("/data/Operations/0/value").unwrap();
        assert_eq!(*members, json!([{ "value": format!("bulkId:{ADA}") }, { "value": format!("bulkId:{BOB}") }]));
        let manager = |index: usize| operations[index].pointer("/data/Operations/0/value/value").cloned().unwrap();
        assert_eq!((manager(4), manager(5)), (json!(format!("bulkId:{BOB}")), json!("E5")));
        assert!(
            sentence.contains("1 bulk requests")
                && sentence.contains("1 pending")
                && sentence.contains("of 1 resources")
        );
    }

    #[test]
    fn requests_keep_to_the_limits() {
        let (two, _) = requests(Limits { operations: 2, bytes: 1 << 20 });
        assert_eq!(two.iter().map(|it| it["Operations"].as_array().unwrap().len()).collect::<Vec<_>>(), [2, 2, 2]);
        let (short, _) = requests(Limits { operations: 1000, bytes: 1024 });
        assert!(short.len() > 1);
    }
}
