//! Tokens that a file asks for. A secret is shown once, when the token is issued, and never written into the file.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::AdminClient;
use crate::failure::Failure;

/// A token that the tenant is to have. One is known by its label: whatever else it has, it is left alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TokenRequest {
    pub(super) label: String,
    #[serde(default)]
    scope: Scope,
    expires_in_days: Option<u32>,
    #[serde(default)]
    read_only: bool,
    resource_type: Option<String>,
    #[serde(default)]
    networks: Vec<String>,
}

/// What a token gives access to.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    #[default]
    Scim,
    Directory,
}

impl TokenRequest {
    fn scope(&self) -> &'static str {
        match self.scope {
            Scope::Scim => "scim",
            Scope::Directory => "directory",
        }
    }

    /// A line for people.
    pub(super) fn line(&self) -> String {
        let days = self.expires_in_days.map_or_else(|| "365 days".to_owned(), |days| format!("{days} days"));
        format!("+ {}: scope {}, {days}", self.label, self.scope())
    }
}

/// The tokens that a tenant lacks: no token with the label is accepted.
pub(super) fn missing<'t>(tokens: &Value, wanted: &'t [TokenRequest]) -> Vec<&'t TokenRequest> {
    let accepted = |token: &Value| !matches!(token["state"].as_str(), Some("expired" | "revoked"));
    let has = |label: &str| {
        let mut all = tokens["tokens"].as_array().into_iter().flatten();
        all.any(|token| accepted(token) && token["label"] == label)
    };
    wanted.iter().filter(|wanted| !has(&wanted.label)).collect()
}

/// Issues a token, and returns it with its secret.
pub(super) async fn issue(client: &AdminClient, tenant: &str, wanted: &TokenRequest) -> Result<Value, Failure> {
    let body = json!({
        "scope": wanted.scope(), "label": wanted.label, "expiresInDays": wanted.expires_in_days, "readOnly": wanted.read_only,
        "resourceType": wanted.resource_type, "networks": wanted.networks,
    });
    let mut issued = client.put(Method::POST, &client.path(&["tenants", tenant, "tokens"])?, &body).await?;
    issued["tenant"] = tenant.into();
    Ok(issued)
}

/// Writes secrets into a file that only its owner may read, and that is not there yet.
pub(super) struct Secrets {
    file: std::fs::File,
}

impl Secrets {
    /// Before anything is done: a secret that cannot be written would be lost.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = opened.map_err(|error| Failure::new(format!("cannot create {}: {error}", path.display())))?;
        Ok(Self { file })
    }

    /// One token, as a line of JSON.
    pub(super) fn write(&mut self, token: &Value) -> Result<(), Failure> {
        let line = json!({
            "tenant": token["tenant"], "label": token["label"], "scope": token["scope"], "id": token["id"],
            "expiresAt": token["expiresAt"], "secret": token["secret"],
        });
        writeln!(self.file, "{line}")?;
        Ok(self.file.sync_all()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_missing_if_none_with_its_label_is_accepted() {
        let request = |label: &str| -> TokenRequest { serde_json::from_value(json!({ "label": label })).unwrap() };
        let wanted = ["okta", "old", "new", "product"].map(request);
        let tokens = json!({ "tokens": [
            { "label": "okta", "state": "active" }, { "label": "old", "state": "revoked" }, { "label": "new", "state": "pending" },
            { "label": "old", "state": "expired" },
        ]});
        let labels: Vec<&str> = missing(&tokens, &wanted).iter().map(|it| it.label.as_str()).collect();
        assert_eq!(labels, ["old", "product"]);
        assert_eq!(wanted[0].line(), "+ okta: scope scim, 365 days");
    }
}
