//! Who is calling, by what a request looks like. Signals are data: each has a name, the client it speaks for, and how
//! certain it is. Only what no other client is known to send is a signal at all; what several send says nothing.

use serde_json::{Map, Value};

use crate::profile::Profile;

/// How much a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// A habit that others may have, too.
    Likely,
    /// The client says who it is, or sends what it alone sends.
    Certain,
}

impl Strength {
    /// The word in the database and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Likely, Self::Certain].into_iter().find(|strength| strength.word() == word)
    }
}

/// A request without its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The method's word.
    pub method: &'a str,
    /// The path below the SCIM endpoint: `/Users`.
    pub path: &'a str,
    /// The query as the client wrote it, decoded or not.
    pub query: &'a str,
    /// The User-Agent header.
    pub user_agent: &'a str,
    /// Whether the Authorization header is the token alone. Several send it so: it is no signal.
    pub bare_token: bool,
}

/// How a signal is seen.
enum Seen {
    /// The User-Agent contains this, in any case.
    Agent(&'static str),
    /// In the request without its body.
    Head(fn(&Head<'_>) -> bool),
    /// In the body of a request of this method.
    Body(&'static str, fn(&Map<String, Value>) -> bool),
}

/// Something by which a client is recognised.
pub struct Signal {
    /// Its name in the admin API: the reason that is shown.
    pub name: &'static str,
    /// Whom it speaks for.
    pub profile: Profile,
    /// How much it says.
    pub strength: Strength,
    seen: Seen,
}

const fn certain(name: &'static str, profile: Profile, seen: Seen) -> Signal {
    Signal { name, profile, strength: Strength::Certain, seen }
}

const fn likely(name: &'static str, profile: Profile, seen: Seen) -> Signal {
    Signal { name, profile, strength: Strength::Likely, seen }
}

/// Every signal. Of several that a request gives the strongest counts, and of equal ones the first.
pub const SIGNALS: [Signal; 24] = [
    certain("user-agent-microsoft", Profile::Entra, Seen::Agent("microsoft azure ad")),
    certain("user-agent-entra", Profile::Entra, Seen::Agent("microsoft entra")),
    certain("user-agent-okta", Profile::Okta, Seen::Agent("okta")),
    certain("user-agent-onelogin", Profile::OneLogin, Seen::Agent("onelogin")),
    certain("user-agent-jumpcloud", Profile::JumpCloud, Seen::Agent("jumpcloud")),
    certain("user-agent-pingfederate", Profile::Ping, Seen::Agent("pingfederate")),
    certain("user-agent-pingone", Profile::Ping, Seen::Agent("pingone")),
    certain("user-agent-google", Profile::Google, Seen::Agent("google-workspace")),
    certain("user-agent-google-apps", Profile::Google, Seen::Agent("google-apps")),
    certain("user-agent-rippling", Profile::Rippling, Seen::Agent("rippling")),
    certain("user-agent-sailpoint", Profile::SailPoint, Seen::Agent("sailpoint")),
    certain("user-agent-identitynow", Profile::SailPoint, Seen::Agent("identitynow")),
    certain("entra-feature-flag", Profile::Entra, Seen::Head(has_feature_flag)),
    certain("adscim-schema", Profile::Entra, Seen::Body("POST", names_adscim)),
    certain("azure-role", Profile::Entra, Seen::Body("POST", has_azure_role)),
    likely("capitalised-operation", Profile::Entra, Seen::Body("PATCH", has_capitalised_operation)),
    likely("dotted-keys-without-path", Profile::Entra, Seen::Body("PATCH", has_dotted_keys)),
    likely("created-with-meta", Profile::Entra, Seen::Body("POST", has_type_in_meta)),
    likely("reference-check", Profile::Entra, Seen::Head(checks_a_reference)),
    likely("replace-without-path-with-id", Profile::Okta, Seen::Body("PATCH", has_id_without_path)),
    likely("created-with-empty-groups", Profile::Okta, Seen::Body("POST", has_empty_groups)),
    likely("page-of-two", Profile::Okta, Seen::Head(asks_for_two)),
    likely("schema-of-1.0", Profile::OneLogin, Seen::Body("POST", names_old_schema)),
    likely("removal-by-value", Profile::JumpCloud, Seen::Body("PATCH", removes_by_value)),
];

/// The signal called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Signal> {
    static ALL: [Signal; SIGNALS.len()] = SIGNALS;
    ALL.iter().find(|signal| signal.name == name)
}

/// What a request says without its body.
#[must_use]
pub fn in_head(head: &Head<'_>) -> Option<&'static Signal> {
    let agent = head.user_agent.to_ascii_lowercase();
    strongest(|seen| match seen {
        Seen::Agent(word) => agent.contains(word),
        Seen::Head(shows) => shows(head),
        Seen::Body(..) => false,
    })
}

/// What the body of a request says.
#[must_use]
pub fn in_body(method: &str, body: &Value) -> Option<&'static Signal> {
    let body = body.as_object()?;
    strongest(|seen| matches!(seen, Seen::Body(of, shows) if *of == method && shows(body)))
}

fn strongest(shows: impl Fn(&Seen) -> bool) -> Option<&'static Signal> {
    static ALL: [Signal; SIGNALS.len()] = SIGNALS;
    let found = ALL.iter().filter(|signal| shows(&signal.seen));
    found.reduce(|best, next| if next.strength > best.strength { next } else { best })
}

/// Whether a signal for `new` is to be believed over what is known: a certain one over a likely one, and over another
/// certain one once that is old, since a tenant may change its provider; a likely one only where nothing is known, since
/// one provider's dialects may look like two.
#[must_use]
pub fn outranks(new: (Profile, Strength), known: Option<(Profile, Strength)>, known_is_old: bool) -> bool {
    let Some(known) = known else { return true };
    match (new.1, known.1) {
        (Strength::Certain, Strength::Likely) => true,
        (Strength::Certain, Strength::Certain) => new.0 != known.0 && known_is_old,
        (Strength::Likely, _) => false,
    }
}

/// The member of an object whose name is this in any case (RFC 7643 §2.1).
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
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

/// The value of each operation that has no path.
fn pathless(body: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    operations(body)
        .filter(|operation| text(operation, "path").is_empty())
        .filter_map(|operation| member(operation, "value").and_then(Value::as_object))
}

fn names_schema(body: &Map<String, Value>, known: impl Fn(&str) -> bool) -> bool {
    list(body, "schemas").iter().filter_map(Value::as_str).any(known)
}

/// Administrators append it to the tenant's URL.
fn has_feature_flag(head: &Head<'_>) -> bool {
    head.query.contains("aadOptscim") || head.query.contains("AzureAdScimPatch")
}

/// Entra writes it into each group it makes.
fn names_adscim(body: &Map<String, Value>) -> bool {
    names_schema(body, |urn| urn.contains("/ADSCIM/"))
}

fn has_azure_role(body: &Map<String, Value>) -> bool {
    let roles = list(body, "roles").iter().filter_map(Value::as_object);
    roles.into_iter().any(|role| text(role, "type") == "WindowsAzureActiveDirectoryRole")
}

/// `"Add"`, `"Replace"`, `"Remove"`: the dialect without the feature flag.
fn has_capitalised_operation(body: &Map<String, Value>) -> bool {
    operations(body).any(|operation| matches!(text(operation, "op"), "Add" | "Replace" | "Remove"))
}

/// `{"name.givenName": …}` in a replace without a path: the dialect with it.
fn has_dotted_keys(body: &Map<String, Value>) -> bool {
    let dotted = |key: &String| !key.contains(':') && key.contains('.') || key.contains('[');
    pathless(body).any(|value| value.keys().any(dotted))
}

/// `"meta": {"resourceType": "User"}` on what is only being made.
fn has_type_in_meta(body: &Map<String, Value>) -> bool {
    let meta = member(body, "meta").and_then(Value::as_object);
    meta.is_some_and(|meta| meta.len() == 1 && !text(meta, "resourceType").is_empty())
}

/// `id eq "…" and manager eq "…"`: whether a reference is set.
fn checks_a_reference(head: &Head<'_>) -> bool {
    let query = head.query.replace(['+', ' '], "%20");
    let asks = |reference: &str| query.contains(&format!("%20and%20{reference}%20eq%20"));
    query.contains("id%20eq%20") && (asks("manager") || asks("members"))
}

/// Group push renames so: `{"op": "replace", "value": {"id": "…", "displayName": "…"}}`.
fn has_id_without_path(body: &Map<String, Value>) -> bool {
    pathless(body).any(|value| member(value, "id").is_some_and(Value::is_string))
}

/// `"groups": []` beside a password or a locale, on a user who is only being made.
fn has_empty_groups(body: &Map<String, Value>) -> bool {
    let empty = member(body, "groups").and_then(Value::as_array).is_some_and(Vec::is_empty);
    empty && (member(body, "password").is_some() || member(body, "locale").is_some())
}

/// The test of the connection: `GET /Users?startIndex=1&count=2`.
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
