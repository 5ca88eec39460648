//! What a tenant's mapped documents must be.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Kind, Request};

/// The rules.
pub(crate) struct DirectorySchema;

impl Kind for DirectorySchema {
    fn name(&self) -> &'static str {
        "directorySchema"
    }

    fn of(&self, settings: &Value) -> Value {
        settings["directorySchema"].clone()
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Send(Method::PUT, &["directory-schema"], json!({ "rules": after }))]
    }
}
