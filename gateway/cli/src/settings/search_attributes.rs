//! The attributes that a tenant's resources can be searched by.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Kind, Request};

/// The attributes.
pub(crate) struct SearchAttributes;

impl Kind for SearchAttributes {
    fn name(&self) -> &'static str {
        "searchAttributes"
    }

    fn of(&self, settings: &Value) -> Value {
        settings["searchAttributes"].clone()
    }

    /// The gateway spells names as the schemas do; in another spelling they are the same.
    fn comparable(&self, now: Value, wanted: &Value) -> Value {
        let fold = |list: &Value| {
            let all = list.as_array().into_iter().flatten().filter_map(Value::as_str);
            let mut names: Vec<String> = all.map(str::to_ascii_lowercase).collect();
            names.sort();
            names.dedup();
            names
        };
        if fold(&now) == fold(wanted) { wanted.clone() } else { now }
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Send(Method::PUT, &["search-attributes"], json!({ "attributes": after }))]
    }
}
