//! The health of tenants on the wire.

use std::time::SystemTime;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::operation::admin::health::{Listed, Shown};
use crate::operation::health::finding::Finding;
use crate::operation::health::look::Looked;
use crate::operation::health::seen::{self, Seen};
use crate::operation::provisioning_log::causes;
use crate::store::health::traffic::{Count, Counts};
use crate::store::health::{Credential, Unseen};

/// The health of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct TenantHealth {
    tenant: String,
    #[schema(value_type = HealthWord)]
    health: &'static str,
    /// Since when it is so.
    #[schema(format = DateTime)]
    since: String,
    /// What was found, the worst first.
    findings: Vec<HealthFinding>,
    /// What is not known, and why.
    not_known: Vec<&'static str>,
    client: HealthClient,
    /// What the provider sent; null where that is not recorded.
    #[schema(required)]
    traffic: Option<SeenTraffic>,
    /// The credentials with which the provider can authenticate.
    credentials: Vec<UsableCredential>,
    /// How many resources there are.
    resources: Vec<TypeCount>,
    unseen: UnseenCounts,
}

/// A tenant's health in a word.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "for the OpenAPI document")]
pub(in crate::http) enum HealthWord {
    /// It does not work.
    Unhealthy,
    /// It works, and somebody should do something.
    Attention,
    /// What the provider sends is not recorded, and nothing else is wrong.
    Unknown,
    /// Nothing is wrong.
    Healthy,
    /// No provider has ever sent anything.
    NotConnected,
    /// An operator has suspended it.
    Suspended,
}

/// Something that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HealthFinding {
    /// Its name, such as `failing`.
    code: &'static str,
    /// The health of a tenant of which this is found.
    #[schema(value_type = HealthWord)]
    health: &'static str,
    /// What is so.
    what: String,
    /// What to do.
    remedy: String,
}

/// The SCIM client.
#[derive(Debug, Serialize, ToSchema)]
struct HealthClient {
    /// The profile that was chosen; `auto` for the recognised one.
    profile: &'static str,
    /// The client that was recognised.
    #[schema(required)]
    recognised: Option<&'static str>,
}

/// What a provider sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SeenTraffic {
    /// The first request with an accepted credential.
    #[schema(format = DateTime, required)]
    first_seen: Option<String>,
    /// The last one.
    #[schema(format = DateTime, required)]
    last_seen: Option<String>,
    /// The last write that succeeded, to ten minutes.
    #[schema(format = DateTime, required)]
    last_write: Option<String>,
    /// How long the provider may be silent before that is found; null where it has no rhythm.
    #[schema(required)]
    silence_limit_minutes: Option<u64>,
    /// The latest cycle.
    #[schema(required)]
    cycle: Option<ProviderCycle>,
    last_hour: Period,
    last_day: Period,
}

/// Requests without a pause of ten minutes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProviderCycle {
    #[schema(value_type = CycleWord)]
    kind: &'static str,
    /// Which one with work, from 1.
    number: u32,
    #[schema(format = DateTime)]
    begun_at: String,
    #[schema(format = DateTime)]
    last_request: String,
    /// Whether there may be more requests.
    is_running: bool,
    /// What was sent so far.
    sent: Sent,
    /// Pages of lists without a filter, the resources on them, and how many the list has.
    pages: i64,
    listed: i64,
    #[schema(required)]
    listed_of: Option<i64>,
}

/// What a provider does in a cycle.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the OpenAPI document")]
enum CycleWord {
    /// It sends everything.
    Initial,
    /// It sends what changed.
    Incremental,
    /// It only looks whether the connection works.
    Probe,
}

/// What was sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Sent {
    requests: i64,
    lookups: i64,
    users_created: i64,
    groups_created: i64,
    others_created: i64,
    changed: i64,
    deleted: i64,
    failed: i64,
}

/// What was sent within a time, to ten minutes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Period {
    #[serde(flatten)]
    sent: Sent,
    /// Requests that were refused with 429.
    throttled: i64,
    /// Requests with a credential that is not accepted.
    refused_credentials: i64,
    /// The most frequent causes of failures.
    causes: Vec<CauseCount>,
}

/// A cause of failures.
#[derive(Debug, Serialize, ToSchema)]
struct CauseCount {
    code: String,
    count: i64,
    /// What happened.
    cause: String,
    /// What to do at the provider.
    remedy: String,
}

/// A credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsableCredential {
    /// `token`, or `client` for an OAuth client.
    kind: String,
    #[schema(format = "uuid")]
    id: String,
    /// When it expires; of a client, the last of its secrets. Null for never.
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    /// Of a token.
    #[schema(format = DateTime, required)]
    last_used_at: Option<String>,
}

/// Resources of a type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TypeCount {
    resource_type: String,
    count: i64,
}

/// Resources of which the product does not see what the source says, each counted to 1,000.
#[derive(Debug, Serialize, ToSchema)]
struct UnseenCounts {
    held: i64,
    stale: i64,
    never: i64,
}

/// A page of tenants.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HealthList {
    tenants: Vec<ListedHealth>,
    /// `cursor` of the next page; null after the last.
    #[schema(required)]
    next: Option<String>,
}

/// A tenant in the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListedHealth {
    tenant: String,
    #[schema(value_type = HealthWord)]
    health: &'static str,
    #[schema(format = DateTime)]
    since: String,
    /// The names of what was found.
    findings: Vec<&'static str>,
    #[schema(format = DateTime, required)]
    last_seen: Option<String>,
    #[schema(value_type = Option<CycleWord>, required)]
    cycle: Option<&'static str>,
    /// Requests that failed in the last hour.
    failed: i64,
}

const NOT_RECORDED: &str = "What the provider sends is not recorded: this process runs with --provisioning-log off.";

pub(super) fn shown(it: Shown) -> TenantHealth {
    let Shown { looked, now, client, day, causes: [of_hour, of_day], resources } = it;
    let traffic = looked.seen.as_ref().map(|seen| SeenTraffic {
        first_seen: seen.first_at().map(rfc3339),
        last_seen: seen.last_at().map(rfc3339),
        last_write: seen.last_write_at().map(rfc3339),
        silence_limit_minutes: seen.silence_limit().map(|limit| limit.as_secs() / 60),
        cycle: seen.cycle(now).map(|cycle| wire_cycle(&cycle, seen)),
        last_hour: period(&looked.hour, of_hour),
        last_day: period(&day, of_day),
    });
    let Unseen { held, stale, never, .. } = looked.unseen;
    TenantHealth {
        health: looked.health.word(),
        since: rfc3339(looked.since(now)),
        findings: looked.found.iter().map(finding).collect(),
        not_known: if looked.seen.is_none() { vec![NOT_RECORDED] } else { Vec::new() },
        client: HealthClient {
            profile: client.profile.name(),
            recognised: client.recognised.map(|found| found.profile.name()),
        },
        traffic,
        credentials: looked.credentials.iter().map(credential).collect(),
        resources: resources.into_iter().map(|(resource_type, count)| TypeCount { resource_type, count }).collect(),
        unseen: UnseenCounts { held, stale, never },
        tenant: looked.tenant.name,
    }
}

pub(super) fn listed(it: Listed) -> HealthList {
    let Listed { tenants, now, next } = it;
    HealthList { tenants: tenants.iter().map(|looked| line(looked, now)).collect(), next }
}

fn line(looked: &Looked, now: SystemTime) -> ListedHealth {
    let seen = looked.seen.as_ref();
    ListedHealth {
        tenant: looked.tenant.name.clone(),
        health: looked.health.word(),
        since: rfc3339(looked.since(now)),
        findings: looked.found.iter().map(|finding| finding.code.word()).collect(),
        last_seen: seen.and_then(Seen::last_at).map(rfc3339),
        cycle: seen.and_then(|seen| seen.cycle(now)).map(|cycle| cycle.kind.word()),
        failed: looked.hour.get(Count::Failed),
    }
}

fn finding(found: &Finding) -> HealthFinding {
    let Finding { code, what, remedy } = found;
    HealthFinding { code: code.word(), health: code.health().word(), what: what.clone(), remedy: remedy.clone() }
}

fn wire_cycle(cycle: &seen::Cycle, seen: &Seen) -> ProviderCycle {
    ProviderCycle {
        kind: cycle.kind.word(),
        number: seen.cycles(),
        begun_at: rfc3339(cycle.begun_at),
        last_request: rfc3339(cycle.last_at),
        is_running: cycle.is_running,
        sent: sent(&cycle.counts),
        pages: cycle.counts.get(Count::Pages),
        listed: cycle.counts.get(Count::Listed),
        listed_of: (cycle.counts.get(Count::Pages) > 0).then_some(cycle.total),
    }
}

fn sent(counts: &Counts) -> Sent {
    Sent {
        requests: counts.get(Count::Requests),
        lookups: counts.get(Count::Lookups),
        users_created: counts.get(Count::Users),
        groups_created: counts.get(Count::Groups),
        others_created: counts.get(Count::Others),
        changed: counts.get(Count::Changed),
        deleted: counts.get(Count::Deleted),
        failed: counts.get(Count::Failed),
    }
}

fn period(counts: &Counts, of_period: Vec<(String, i64)>) -> Period {
    let wire = |(code, count): (String, i64)| {
        let known = causes::find(&code);
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let (cause, remedy) = (text(known.map(|known| &known.cause)), text(known.map(|known| &known.remedy)));
        CauseCount { code, count, cause, remedy }
    };
    Period {
        sent: sent(counts),
        throttled: counts.get(Count::Throttled),
        refused_credentials: counts.get(Count::Refused),
        causes: of_period.into_iter().map(wire).collect(),
    }
}

fn credential(it: &Credential) -> UsableCredential {
    UsableCredential {
        kind: it.kind.clone(),
        id: it.id.to_string(),
        expires_at: it.expires_at.map(rfc3339),
        last_used_at: it.last_used_at.map(rfc3339),
    }
}
