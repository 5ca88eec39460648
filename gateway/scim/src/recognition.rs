//! Recognises the client by the form of its requests. A signal has a name, a client and a strength. A form that several
//! clients are known to send is not a signal.

use serde_json::{Map, Value};

use crate::profile::Profile;
use crate::value::member;

/// The reliability of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// A form that other clients may send, too.
    Likely,
    /// The client's name, or a form that only this client sends.
    Certain,
}

impl Strength {
    /// The keyword in the database and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }

    /// The reverse of [`Strength::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Likely, Self::Certain].into_iter().find(|strength| strength.word() == word)
    }
}

/// A request without its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a str,
    /// The path below the SCIM endpoint: `/Users`.
    pub path: &'a str,
    /// The query as sent, decoded or not.
    pub query: &'a str,
    /// The User-Agent header.
    pub user_agent: &'a str,
    /// Whether the Authorization header is the token alone. Several clients do that, so it is not a signal.
    pub bare_token: bool,
}

/// The condition for a signal.
enum Test {
    /// The User-Agent contains this text, in any case.
    Agent(&'static str),
    /// A test of the request without its body.
    Head(fn(&Head<'_>) -> bool),
    /// A test of the body of requests with this method.
    Body(&'static str, fn(&Map<String, Value>) -> bool),
}

/// A form of request that identifies a client.
pub struct Signal {
    /// The name in the admin API.
    pub name: &'static str,
    /// The client.
    pub profile: Profile,
    /// The reliability.
    pub strength: Strength,
    test: Test,
}

const fn certain(name: &'static str, profile: Profile, test: Test) -> Signal {
    Signal { name, profile, strength: Strength::Certain, test }
}

const fn likely(name: &'static str, profile: Profile, test: Test) -> Signal {
    Signal { name, profile, strength: Strength::Likely, test }
}

/// All signals. If several match a request, the strongest applies, and of equal ones the first.
pub static SIGNALS: [Signal; 24] = [
    certain("user-agent-microsoft", Profile::Entra, Test::Agent("microsoft azure ad")),
    certain("user-agent-entra", Profile::Entra, Test::Agent("microsoft entra")),
    certain("user-agent-okta", Profile::Okta, Test::Agent("okta")),
    certain("user-agent-onelogin", Profile::OneLogin, Test::Agent("onelogin")),
    certain("user-agent-jumpcloud", Profile::JumpCloud, Test::Agent("jumpcloud")),
    certain("user-agent-pingfederate", Profile::Ping, Test::Agent("pingfederate")),
    certain("user-agent-pingone", Profile::Ping, Test::Agent("pingone")),
    certain("user-agent-google", Profile::Google, Test::Agent("google-workspace")),
    certain("user-agent-google-apps", Profile::Google, Test::Agent("google-apps")),
    certain("user-agent-rippling", Profile::Rippling, Test::Agent("rippling")),
    certain("user-agent-sailpoint", Profile::SailPoint, Test::Agent("sailpoint")),
    certain("user-agent-identitynow", Profile::SailPoint, Test::Agent("identitynow")),
    certain("entra-feature-flag", Profile::Entra, Test::Head(has_feature_flag)),
    certain("adscim-schema", Profile::Entra, Test::Body("POST", names_adscim)),
    certain("azure-role", Profile::Entra, Test::Body("POST", has_azure_role)),
    likely("capitalised-operation", Profile::Entra, Test::Body("PATCH", has_capitalised_operation)),
    likely("dotted-keys-without-path", Profile::Entra, Test::Body("PATCH", has_dotted_keys)),
    likely("created-with-meta", Profile::Entra, Test::Body("POST", has_type_in_meta)),
    likely("reference-check", Profile::Entra, Test::Head(checks_a_reference)),
    likely("replace-without-path-with-id", Profile::Okta, Test::Body("PATCH", has_id_without_path)),
    likely("created-with-empty-groups", Profile::Okta, Test::Body("POST", has_empty_groups)),
    likely("page-of-two", Profile::Okta, Test::Head(asks_for_two)),
    likely("schema-of-1.0", Profile::OneLogin, Test::Body("POST", names_old_schema)),
    likely("removal-by-value", Profile::JumpCloud, Test::Body("PATCH", removes_by_value)),
];

/// The signal called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Signal> {
    SIGNALS.iter().find(|signal| signal.name == name)
}

/// The strongest signal in a request without its body.
#[must_use]
pub fn in_head(head: &Head<'_>) -> Option<&'static Signal> {
    let agent = head.user_agent.to_ascii_lowercase();
    strongest(|test| match test {
        Test::Agent(name) => agent.contains(name),
        Test::Head(matches) => matches(head),
        Test::Body(..) => false,
    })
}

/// The strongest signal in the body of a request.
#[must_use]
pub fn in_body(method: &str, body: &Value) -> Option<&'static Signal> {
    let body = body.as_object()?;
    strongest(|test| matches!(test, Test::Body(of, matches) if *of == method && matches(body)))
}

fn strongest(matches: impl Fn(&Test) -> bool) -> Option<&'static Signal> {
    let found = SIGNALS.iter().filter(|signal| matches(&signal.test));
    found.reduce(|best, next| if next.strength > best.strength { next } else { best })
}

/// Whether a new signal replaces the known client. A certain one replaces a likely one, and an old certain one of another
/// client, because a tenant may change its provider. A likely one only counts if no client is known, because the dialects of
/// one provider may look like two clients.
#[must_use]
pub fn outranks(new: (Profile, Strength), known: Option<(Profile, Strength)>, known_is_old: bool) -> bool {
    let Some(known) = known else { return true };
    match (new.1, known.1) {
        (Strength::Certain, Strength::Likely) => true,
        (Strength::Certain, Strength::Certain) => new.0 != known.0 && known_is_old,
        (Strength::Likely, _) => false,
    }
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> &'a str {
    member(object, name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(object: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    member(object, name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn operations(body: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    list(body, "Operations").iter().filter_map(Value::as_object)
}

/// The values of operations without a path.
fn pathless(body: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    operations(body)
        .filter(|operation| text(operation, "path").is_empty())
        .filter_map(|operation| member(operation, "value").and_then(Value::as_object))
}

fn names_schema(body: &Map<String, Value>, known: impl Fn(&str) -> bool) -> bool {
    list(body, "schemas").iter().filter_map(Value::as_str).any(known)
}

/// Administrators append the flag to the tenant's URL.
fn has_feature_flag(head: &Head<'_>) -> bool {
    head.query.contains("aadOptscim") || head.query.contains("AzureAdScimPatch")
}

/// Entra sends this URN when it creates a group.
fn names_adscim(body: &Map<String, Value>) -> bool {
    names_schema(body, |urn| urn.contains("/ADSCIM/"))
}

fn has_azure_role(body: &Map<String, Value>) -> bool {
    let roles = list(body, "roles").iter().filter_map(Value::as_object);
    roles.into_iter().any(|role| text(role, "type") == "WindowsAzureActiveDirectoryRole")
}

/// `"Add"`, `"Replace"`, `"Remove"`: Entra's dialect without the feature flag.
fn has_capitalised_operation(body: &Map<String, Value>) -> bool {
    operations(body).any(|operation| matches!(text(operation, "op"), "Add" | "Replace" | "Remove"))
}

/// `{"name.givenName": …}` in a replace without a path: Entra's dialect with the feature flag.
fn has_dotted_keys(body: &Map<String, Value>) -> bool {
    let dotted = |key: &String| !key.contains(':') && key.contains('.') || key.contains('[');
    pathless(body).any(|value| value.keys().any(dotted))
}

/// `"meta": {"resourceType": "User"}` in a POST.
fn has_type_in_meta(body: &Map<String, Value>) -> bool {
    let meta = member(body, "meta").and_then(Value::as_object);
    meta.is_some_and(|meta| meta.len() == 1 && !text(meta, "resourceType").is_empty())
}

/// `id eq "…" and manager eq "…"`: a check whether a reference is set.
fn checks_a_reference(head: &Head<'_>) -> bool {
    let query = head.query.replace(['+', ' '], "%20");
    let asks = |reference: &str| query.contains(&format!("%20and%20{reference}%20eq%20"));
    query.contains("id%20eq%20") && (asks("manager") || asks("members"))
}

/// Okta renames a pushed group by `{"op": "replace", "value": {"id": "…", "displayName": "…"}}`.
fn has_id_without_path(body: &Map<String, Value>) -> bool {
    pathless(body).any(|value| member(value, "id").is_some_and(Value::is_string))
}

/// `"groups": []` beside a password or a locale in a POST.
fn has_empty_groups(body: &Map<String, Value>) -> bool {
    let empty = member(body, "groups").and_then(Value::as_array).is_some_and(Vec::is_empty);
    empty && (member(body, "password").is_some() || member(body, "locale").is_some())
}

/// Okta's connection test: `GET /Users?startIndex=1&count=2`.
fn asks_for_two(head: &Head<'_>) -> bool {
    head.method == "GET" && head.path == "/Users" && head.query == "startIndex=1&count=2"
}

/// Templates that declare the core schema of SCIM 1.0 on a 2.0 endpoint.
fn names_old_schema(body: &Map<String, Value>) -> bool {
    names_schema(body, |urn| urn.to_ascii_lowercase().starts_with("urn:scim:schemas:"))
}

/// `{"op": "remove", "path": "members", "value": [{"value": "…"}]}`, in lower case.
fn removes_by_value(body: &Map<String, Value>) -> bool {
    operations(body).any(|operation| {
        text(operation, "op") == "remove"
            && text(operation, "path") == "members"
            && !list(operation, "value").is_empty()
    })
}

#[cfg(test)]
mod tests;
