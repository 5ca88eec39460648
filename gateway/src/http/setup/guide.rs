//! How each provider calls the fields of its console. The steps are in `templates/setup/`.

use crate::store::setup_link::{Method, Provider};

/// Which steps a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProviderPage {
    EntraToken,
    EntraOauth,
    Okta,
    OneLogin,
    JumpCloud,
    Ping,
    Google,
    Other,
}

/// The words of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guide {
    pub(super) name: &'static str,
    pub(super) page: ProviderPage,
    pub(super) is_oauth: bool,
    pub(super) is_federated: bool,
    /// The field of the SCIM endpoint's address, with a hint.
    pub(super) url: (&'static str, &'static str),
    /// That of the token.
    pub(super) token: (&'static str, &'static str),
    /// Whether the address ends in a slash.
    pub(super) has_slash: bool,
}

/// The words for a provider and a method.
pub(super) fn guide(provider: Provider, method: Method) -> Guide {
    let (name, page, url, token) = match provider {
        Provider::Entra if method == Method::Token => {
            ("Microsoft Entra ID", ProviderPage::EntraToken, ("Tenant URL", ""), ("Secret Token", ""))
        }
        Provider::Entra => ("Microsoft Entra ID", ProviderPage::EntraOauth, ("Tenant URL", ""), ("", "")),
        Provider::Okta => (
            "Okta",
            ProviderPage::Okta,
            ("SCIM connector base URL", "in a catalogue app: SCIM 2.0 Base Url"),
            ("Authorization", "in a catalogue app: OAuth Bearer Token"),
        ),
        Provider::OneLogin => ("OneLogin", ProviderPage::OneLogin, ("SCIM Base URL", ""), ("SCIM Bearer Token", "")),
        Provider::JumpCloud => ("JumpCloud", ProviderPage::JumpCloud, ("Base URL", ""), ("Token Key", "")),
        Provider::Ping => (
            "Ping Identity",
            ProviderPage::Ping,
            ("SCIM Base URL", "in PingFederate: SCIM URL"),
            ("OAuth Access Token", "in PingFederate: Access Token"),
        ),
        Provider::Google => ("Google Workspace", ProviderPage::Google, ("Endpoint URL", ""), ("Access token", "")),
        Provider::Other => (
            "your identity provider",
            ProviderPage::Other,
            ("SCIM base URL", "also called endpoint or tenant URL"),
            ("Bearer token", "also called API token or secret token"),
        ),
    };
    Guide {
        name,
        page,
        is_oauth: method != Method::Token,
        is_federated: method == Method::WorkloadIdentity,
        url,
        token,
        has_slash: provider == Provider::Entra,
    }
}
