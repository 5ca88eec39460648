//! Which roles and entitlements the members of groups have.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Kind, Request};

/// The rules.
pub(crate) struct GroupRules;

impl Kind for GroupRules {
    fn name(&self) -> &'static str {
        "groupRules"
    }

    fn of(&self, settings: &Value) -> Value {
        settings["groupRules"].as_array().into_iter().flatten().cloned().map(rule).collect()
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Send(Method::PUT, &["group-rules"], json!({ "rules": after }))]
    }
}

/// A rule in the form in which rules are compared: without what the gateway assumes.
pub(crate) fn rule(mut rule: Value) -> Value {
    for grant in ["role", "entitlement"] {
        if let Some(grant) = rule.get_mut(grant).and_then(Value::as_object_mut)
            && grant.get("primary") == Some(&Value::Bool(false))
        {
            let _ = grant.remove("primary");
        }
    }
    rule
}
