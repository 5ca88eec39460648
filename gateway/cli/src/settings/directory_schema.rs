//! What a tenant's mapped documents must be, and which of their attributes is the single sign-on subject.

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

/// The path of the single sign-on subject; null for none. The rules above leave it as it is.
pub(crate) struct SsoSubject;

impl Kind for SsoSubject {
    fn name(&self) -> &'static str {
        "ssoSubject"
    }

    fn of(&self, settings: &Value) -> Value {
        settings["ssoSubject"].clone()
    }

    fn requests(&self, _now: &Value, after: &Value) -> Vec<Request> {
        vec![Request::Send(Method::PUT, &["sso-subject"], json!({ "path": after }))]
    }
}
