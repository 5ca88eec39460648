//! Measures a workload. In each round every competitor runs for one slice, so that drift of the machine affects all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::competitor::{Competitor, Variant, competitors};
use crate::environment::Environment;
use crate::load::{self, Slice};
use crate::process::database_cpu_micros;
use crate::request::Requests;
use crate::tenant::{Tenant, add_members, create_group};
use crate::work::{Meter, Work};
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
    /// What the database did for a request.
    pub(crate) work: Work,
}

/// The outcomes of a workload.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    pub(crate) workload: Workload,
    pub(crate) outcomes: Vec<Outcome>,
}

/// Duration of the slices that are not timed: before the first round they fill the caches, after the last one the
/// database's work is counted, which takes time itself.
const UNTIMED: Duration = Duration::from_millis(700);

/// Groups of more members are filled once, in place of once a slice.
const MAX_REFILLED_MEMBERS: usize = 1_000;

/// Measures a workload.
pub(crate) async fn run(arguments: &Arguments, environment: &Environment, workload: Workload) -> Result<Measurement> {
    let mut runs: Vec<Run<'_>> = competitors(workload, arguments)
        .into_iter()
        .map(|competitor| Run::new(arguments, environment, workload, competitor))
        .collect();
    let count = runs.len();
    for round in 0..=arguments.rounds + 1 {
        let is_timed = (1..=arguments.rounds).contains(&round);
        for index in 0..count {
            // The order alternates: the first of one round is the last of the next.
            let run = &mut runs[if round % 2 == 0 { count - 1 - index } else { index }];
            let result = if is_timed {
                run.timed().await.map(|figures| run.outcome.slices.push(figures))
            } else if round == 0 {
                run.slice(UNTIMED).await.map(|_| ())
            } else {
                run.counted().await.map(|work| run.outcome.work = work)
            };
            result.with_context(|| run.outcome.competitor.name())?;
        }
        eprint!("{}", if round > arguments.rounds { "\n" } else { "." });
    }
    Ok(Measurement { workload, outcomes: runs.into_iter().map(|run| run.outcome).collect() })
}

/// The slices of one competitor.
struct Run<'a> {
    arguments: &'a Arguments,
    environment: &'a Environment,
    workload: Workload,
    outcome: Outcome,
    groups: Vec<Uuid>,
    /// The number of the next request.
    counter: Arc<AtomicU64>,
}

impl<'a> Run<'a> {
    fn new(arguments: &'a Arguments, environment: &'a Environment, workload: Workload, competitor: Competitor) -> Self {
        // Members and values of `active` follow from a count of one's own; names must never repeat.
        let counts_alone = matches!(workload, Workload::PatchActive | Workload::Members | Workload::GroupSizes);
        let counter = if counts_alone { Arc::default() } else { environment.counter.clone() };
        let outcome = Outcome { competitor, slices: Vec::new(), work: Work::default() };
        Self { arguments, environment, workload, outcome, groups: Vec::new(), counter }
    }

    /// A slice with its rate, latencies and CPU time.
    async fn timed(&mut self) -> Result<Figures> {
        self.renew_groups().await?;
        let environment = self.environment;
        let server = environment.server(self.outcome.competitor.side);
        let cpu_micros =
            || -> Result<(u64, u64)> { Ok((server.cpu_micros()?, database_cpu_micros(environment.postmaster)?)) };
        let before = cpu_micros()?;
        let slice = self.load(Duration::from_secs(self.arguments.seconds)).await?;
        let after = cpu_micros()?;
        Ok(figures(&slice, after.0 - before.0, after.1 - before.1))
    }

    /// A slice whose work in the database is counted.
    async fn counted(&mut self) -> Result<Work> {
        self.renew_groups().await?;
        let database = Environment::database_name(self.outcome.competitor.side);
        let meter = Meter::start(&self.environment.superuser).await?;
        let slice = self.load(UNTIMED).await?;
        meter.stop(&self.arguments.programs, database, slice.requests).await
    }

    async fn slice(&mut self, duration: Duration) -> Result<Slice> {
        self.renew_groups().await?;
        self.load(duration).await
    }

    /// Sends requests, and returns once their events have numbers.
    async fn load(&self, duration: Duration) -> Result<Slice> {
        let Self { workload, outcome: Outcome { competitor, .. }, .. } = *self;
        let clients = if workload.has_one_client() { 1 } else { self.arguments.clients };
        let (tenants, groups, counter) = (self.tenants().to_vec(), self.groups.clone(), self.counter.clone());
        let requests = Arc::new(Requests { workload, competitor, tenants, groups, counter });
        let address = self.environment.server(competitor.side).address;
        let slice = load::run(address, clients, duration, requests).await?;
        self.environment.wait_for_event_numbers().await?;
        Ok(slice)
    }

    fn tenants(&self) -> &[Tenant] {
        let tenants = &self.environment.tenants;
        match self.outcome.competitor.variant {
            Variant::ManyTenants => &tenants.many,
            Variant::Mapped => &tenants.mapped,
            Variant::Large => &tenants.large,
            _ if self.workload.needs_large_tenant() => &tenants.large,
            _ => &tenants.plain,
        }
    }

    /// New groups, if the workload adds members. The bare handler needs no row for a group.
    async fn renew_groups(&mut self) -> Result<()> {
        let Competitor { side, variant: Variant::Groups { count, members } } = self.outcome.competitor else {
            return Ok(());
        };
        if members > MAX_REFILLED_MEMBERS && !self.groups.is_empty() {
            return Ok(());
        }
        let tenant = &self.tenants()[0];
        let mut groups = Vec::with_capacity(count);
        for _ in 0..count {
            let group = match self.environment.gateway(side) {
                None => Uuid::now_v7(),
                Some(gateway) => {
                    let group = create_group(gateway.server.address, tenant).await?;
                    add_members(gateway.server.address, tenant, group, members).await?;
                    group
                }
            };
            groups.push(group);
        }
        self.groups = groups;
        self.counter.store(0, Ordering::Relaxed);
        self.environment.wait_for_event_numbers().await
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
