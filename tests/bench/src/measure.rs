//! Measures a workload. In each round every competitor runs for one slice, so that drift of the machine affects all.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::client::Api;
use crate::competitor::{Competitor, Side, Variant, competitors};
use crate::database::{fill_groups, wait_for_event_numbers};
use crate::environment::Environment;
use crate::load::{self, Slice};
use crate::pgbench;
use crate::process::{Server, database_cpu_micros};
use crate::request::Requests;
use crate::setting::Setting;
use crate::tenant::Tenant;
use crate::workload::Workload;

/// The figures of a slice. CPU times are per request and include the work after the response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) server_micros: f64,
    pub(crate) database_micros: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

/// A competitor's figures, round by round.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) competitor: Competitor,
    pub(crate) slices: Vec<Figures>,
}

/// The outcomes of a workload.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    pub(crate) setting: Setting,
    pub(crate) workload: Workload,
    pub(crate) outcomes: Vec<Outcome>,
}

/// Duration of the slices before the first round, which fill the caches.
const WARM_UP: Duration = Duration::from_millis(700);

/// Measures a workload.
pub(crate) async fn run(
    arguments: &Arguments,
    environment: &Environment,
    setting: Setting,
    workload: Workload,
) -> Result<Measurement> {
    let all = competitors(workload, setting.has_many_tenants());
    let mut outcomes: Vec<Outcome> =
        all.into_iter().map(|competitor| Outcome { competitor, slices: Vec::new() }).collect();
    for round in 0..=arguments.rounds {
        let duration = if round == 0 { WARM_UP } else { Duration::from_secs(arguments.seconds) };
        let mut order: Vec<&mut Outcome> = outcomes.iter_mut().collect();
        // The order alternates: the first of one round is the last of the next.
        if round % 2 == 0 {
            order.reverse();
        }
        for Outcome { competitor, slices } in order {
            let run = Run { arguments, environment, setting, workload, competitor: *competitor, duration };
            let figures = run.measure().await.with_context(|| competitor.name())?;
            if round > 0 {
                slices.push(figures);
            }
        }
        eprint!("{}", if round == arguments.rounds { "\n" } else { "." });
    }
    Ok(Measurement { setting, workload, outcomes })
}

/// One slice of one competitor.
struct Run<'a> {
    arguments: &'a Arguments,
    environment: &'a Environment,
    setting: Setting,
    workload: Workload,
    competitor: Competitor,
    duration: Duration,
}

impl Run<'_> {
    async fn measure(&self) -> Result<Figures> {
        let environment = self.environment;
        let server = match self.competitor.side {
            Side::Gateway => Some(&environment.gateway),
            Side::Floor => Some(&environment.floor),
            Side::Pgbench => None,
        };
        let groups = self.groups().await?;
        wait_for_event_numbers(&environment.gateway_database).await?;
        let cpu_micros = || -> Result<(u64, u64)> {
            let of_server = server.map_or(Ok(0), Server::cpu_micros)?;
            Ok((of_server, database_cpu_micros(environment.postmaster)?))
        };
        let before = cpu_micros()?;
        let slice = match server {
            Some(server) => self.load(server, groups).await?,
            None => self.pgbench().await?,
        };
        if self.competitor.side == Side::Gateway {
            wait_for_event_numbers(&environment.gateway_database).await?;
        }
        let after = cpu_micros()?;
        Ok(figures(&slice, after.0 - before.0, after.1 - before.1))
    }

    fn tenants(&self) -> &[Tenant] {
        let tenants = &self.environment.tenants;
        match self.competitor.variant {
            _ if self.setting.has_many_tenants() => &tenants.many,
            Variant::Mapped => &tenants.mapped,
            _ if self.workload.adds_members() => &tenants.grouped,
            _ if self.workload.needs_large_tenant() => &tenants.large,
            _ => &tenants.plain,
        }
    }

    fn clients(&self) -> usize {
        if self.workload.needs_large_tenant() { 1 } else { self.arguments.clients }
    }

    async fn load(&self, server: &Server, groups: Vec<Uuid>) -> Result<Slice> {
        let tenants = self.tenants().to_vec();
        let pairs = groups.len() as u64 * tenants[0].users;
        // New groups get their members from the first user on.
        let counter = if groups.is_empty() { self.environment.counter.clone() } else { Arc::default() };
        let Self { workload, competitor, .. } = *self;
        let requests = Arc::new(Requests { workload, competitor, tenants, groups, counter });
        let slice = load::run(server.address, self.clients(), self.duration, requests.clone()).await?;
        let enough = !workload.adds_members() || requests.counter.load(Ordering::Relaxed) <= pairs;
        ensure!(enough, "there are too few users for so many new members: increase --users");
        Ok(slice)
    }

    async fn pgbench(&self) -> Result<Slice> {
        let Self { workload, competitor: Competitor { variant, .. }, duration, .. } = *self;
        let (tenant, clients) = (&self.tenants()[0], self.clients());
        let job = pgbench::Job { workload, variant, tenant, clients, duration };
        pgbench::run(self.environment, &self.arguments.programs, &job).await
    }

    /// New groups, if the workload adds members. The floor needs no row for a group.
    async fn groups(&self) -> Result<Vec<Uuid>> {
        let Variant::Groups { count, members } = self.competitor.variant else { return Ok(Vec::new()) };
        let tenant = &self.tenants()[0];
        let (groups, database) = match self.competitor.side {
            Side::Gateway => (self.create_groups(tenant, count).await?, &self.environment.gateway_database),
            _ => ((0..count).map(|_| Uuid::now_v7()).collect(), &self.environment.floor_database),
        };
        if members > 0 {
            fill_groups(database, tenant, &groups, members).await?;
        }
        Ok(groups)
    }

    async fn create_groups(&self, tenant: &Tenant, count: u64) -> Result<Vec<Uuid>> {
        let mut scim = Api::open(self.environment.gateway.address, &tenant.token).await?;
        let mut groups = Vec::new();
        for _ in 0..count {
            let name = Uuid::now_v7().to_string();
            let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
            let body = json!({ "schemas": schemas, "displayName": name, "externalId": name });
            let group = scim.post("/scim/v2/Groups", &body).await?;
            groups.push(group["id"].as_str().context("a created group has no id")?.parse()?);
        }
        Ok(groups)
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests and of microseconds")]
fn figures(slice: &Slice, server_micros: u64, database_micros: u64) -> Figures {
    let requests = slice.requests.max(1) as f64;
    Figures {
        rate: requests / slice.seconds,
        server_micros: server_micros as f64 / requests,
        database_micros: database_micros as f64 / requests,
        p50_micros: slice.latencies.value_at_quantile(0.5) as f64,
        p99_micros: slice.latencies.value_at_quantile(0.99) as f64,
    }
}
