//! A tenant's state, its limits, its retention, the redaction of its log and its guard.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Kind, Request, merged};

/// Whether the tenant's requests are refused.
pub(crate) struct Suspended;

impl Kind for Suspended {
    fn name(&self) -> &'static str {
        "suspended"
    }

    fn of(&self, settings: &Value) -> Value {
        (settings["state"] == "suspended").into()
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        let state = if *after == true { "suspended" } else { "active" };
        vec![Request::Send(Method::PATCH, &[], json!({ "state": state }))]
    }
}

/// How much may be sent for the tenant.
pub(crate) struct Limits;

impl Kind for Limits {
    fn name(&self) -> &'static str {
        "limits"
    }

    fn of(&self, settings: &Value) -> Value {
        settings["limits"].clone()
    }

    fn after(&self, now: &Value, wanted: &Value) -> Value {
        merged(now, wanted)
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Send(Method::PATCH, &[], json!({ "limits": after }))]
    }
}

/// For how many days the tenant keeps what.
pub(crate) struct Retention;

impl Kind for Retention {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn of(&self, settings: &Value) -> Value {
        settings["retention"].clone()
    }

    fn after(&self, now: &Value, wanted: &Value) -> Value {
        merged(now, wanted)
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Send(Method::PATCH, &[], json!({ "retention": after }))]
    }
}

/// The attributes whose values the provisioning log does not have.
pub(crate) struct LogRedaction;

impl Kind for LogRedaction {
    fn name(&self) -> &'static str {
        "logRedaction"
    }

    fn of(&self, settings: &Value) -> Value {
        settings["logRedaction"].clone()
    }

    /// The gateway spells names as the schemas do; in another spelling and order they are the same.
    fn comparable(&self, now: Value, wanted: &Value) -> Value {
        let fold = |list: &Value| {
            let all = list.as_array().into_iter().flatten().filter_map(Value::as_str);
            all.map(str::to_ascii_lowercase).collect::<std::collections::BTreeSet<_>>()
        };
        if fold(&now) == fold(wanted) { wanted.clone() } else { now }
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Send(Method::PATCH, &[], json!({ "logRedaction": after }))]
    }
}

/// The guard against mass deprovisioning.
pub(crate) struct Guard;

impl Kind for Guard {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn of(&self, settings: &Value) -> Value {
        settings["guard"].clone()
    }

    fn after(&self, now: &Value, wanted: &Value) -> Value {
        merged(now, wanted)
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Send(Method::PUT, &["guard"], after.clone())]
    }
}
