//! Imports lines of an export into a tenant, in batches of the caller's: each line is stored by the one write path, or is a problem
//! that is reported with its number. Lines can be sent again: what is there already stays.

mod line;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream::{StreamExt as _, iter};
use scimgate_scim::error::ScimError;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::mapping::MapError;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::resource::import::{self, Exported, Imported};
use crate::store::resource::key::Key;
use crate::{store, telemetry};
use line::{Line, MembersLine};

pub use line::MAX_LINE_BYTES;

/// Most lines of a batch.
pub const MAX_LINES: usize = 1_000;
/// Lines that are stored at the same time.
const MAX_CONCURRENT: usize = 8;
/// Lines after which it is decided whether there is time for more.
const LINES_AT_ONCE: usize = 64;
/// No line is begun when less than this is left of the request's time.
const RESERVE: Duration = Duration::from_secs(10);

/// A batch of lines.
pub struct Batch {
    /// The lines, with line feeds between them.
    pub text: String,
    /// The number of the first one in its file.
    pub first_line: usize,
    /// Whether nothing is stored.
    pub is_dry_run: bool,
    /// When the request must be answered.
    pub deadline: Instant,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The lines that were read: fewer than were sent where the time did not suffice for all.
    pub lines: usize,
    /// Resources that are stored, or would be.
    pub created: usize,
    /// Resources that are there already.
    pub unchanged: usize,
    /// Members whose memberships are there now, or would be.
    pub members: usize,
    /// The lines that could not be imported.
    pub problems: Vec<Problem>,
}

/// A line that could not be imported, or not as it was exported.
#[derive(Debug)]
pub struct Problem {
    /// Its number in the file, from 1.
    pub line: usize,
    /// The resource's or the group's id.
    pub id: Option<Uuid>,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// Imports a batch. What it stored is recorded in the audit.
///
/// # Errors
/// 404 where there is no such tenant, 400 for too many lines or a format that this gateway does not read; and what may pass, such as a
/// database that is not reached: then send the batch again.
pub async fn run(operator: &Operator, name: &str, batch: Batch) -> Result<Outcome, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(name).await?);
    let ctx = Context {
        request_id: operator.request_id.clone(),
        deadline: batch.deadline,
        ..Context::background(gateway, tenant.id, &operator.actor).await?
    };
    // As for a body of the SCIM endpoint: until the batch is done.
    ctx.store.account().hold_parsed(batch.text.len()).await?;
    let (first, is_dry_run) = (batch.first_line, batch.is_dry_run);
    let outcome = gateway.large.run(tenant.id, Importer::of(ctx, is_dry_run).lines(batch)).await?;
    if !is_dry_run && outcome.created + outcome.members > 0 {
        let Outcome { lines, created, unchanged, members, problems } = &outcome;
        let counts = json!({
            "firstLine": first, "lines": lines, "created": created, "unchanged": unchanged, "members": members,
            "problems": problems.len(),
        });
        gateway.store.control().record(operator.change_of(&tenant, "tenant.import", name).after(&counts)).await?;
        log_change!(operator, tenant.id = %tenant.id, first, lines, created, members, "lines of an export imported");
    }
    Ok(outcome)
}

struct Importer {
    ctx: Context,
    is_dry_run: bool,
    outcome: Outcome,
    /// In a dry run: the unique values of the batch's resources.
    taken: HashSet<(String, Key)>,
}

/// What became of one line: an error ends the batch.
type Imports = Result<(Imported, Vec<Key>), String>;

impl Importer {
    fn of(ctx: Context, is_dry_run: bool) -> Self {
        Self { ctx, is_dry_run, outcome: Outcome::default(), taken: HashSet::new() }
    }

    async fn lines(mut self, batch: Batch) -> Result<Outcome, Error> {
        let texts: Vec<(usize, &str)> = (batch.first_line..).zip(batch.text.lines()).collect();
        if texts.len() > MAX_LINES {
            return Err(ScimError::new(400, format!("At most {MAX_LINES} lines are accepted at once.")).into());
        }
        for some in texts.chunks(LINES_AT_ONCE) {
            // The first ones in any case, so that each request gets on.
            if self.outcome.lines > 0 && Instant::now() + RESERVE > self.ctx.deadline {
                break;
            }
            self.some(some).await?;
            self.outcome.lines += some.len();
        }
        Ok(self.outcome)
    }

    /// Some lines: resources before members, which name them.
    async fn some(&mut self, lines: &[(usize, &str)]) -> Result<(), Error> {
        let (mut resources, mut members) = (Vec::new(), Vec::new());
        for (number, text) in lines.iter().filter(|(_, text)| !text.trim().is_empty()) {
            match Line::read(&self.ctx, text) {
                Ok(Line::Resource(exported)) => resources.push((*number, *exported)),
                Ok(Line::Members(of)) => members.push((*number, of)),
                Ok(Line::Frame) => {}
                Err(refusal) if refusal.is_of_all => return Err(refusal.refusal.into()),
                Err(refusal) => self.problem(*number, refusal.id, refusal.refusal.detail),
            }
        }
        self.resources(resources).await?;
        for (number, of) in members {
            self.members(number, of).await?;
        }
        Ok(())
    }

    async fn resources(&mut self, resources: Vec<(usize, Exported)>) -> Result<(), Error> {
        let (ctx, is_dry_run) = (&self.ctx, self.is_dry_run);
        let one = async |(number, exported): (usize, Exported)| {
            let (id, name) = (exported.id, exported.resource_type.name.clone());
            let done = if is_dry_run {
                import::rehearse(ctx, exported).await
            } else {
                import::resource(&mut ctx.clone(), exported).await.map(|done| (done, Vec::new()))
            };
            match done {
                Ok(done) => Ok((number, id, name, Ok(done))),
                Err(error) => lasting(error).map(|reason| (number, id, name, Err(reason))),
            }
        };
        // A write's future is large.
        let all: Vec<_> = resources.into_iter().map(|resource| Box::pin(one(resource))).collect();
        let done: Vec<Result<(usize, Uuid, String, Imports), Error>> =
            iter(all).buffered(MAX_CONCURRENT).collect().await;
        for result in done {
            let (number, id, name, imported) = result?;
            match imported {
                Ok((Imported::Unchanged, _)) => self.outcome.unchanged += 1,
                Ok((Imported::Created, keys)) => match self.repeated(&name, keys) {
                    Some(attribute) => {
                        self.problem(number, Some(id), format!("Another {name} of the file has this {attribute}."));
                    }
                    None => self.outcome.created += 1,
                },
                Err(reason) => self.problem(number, Some(id), reason),
            }
        }
        Ok(())
    }

    /// In a dry run: the attribute in which a resource has the value of one before it.
    fn repeated(&mut self, resource_type: &str, keys: Vec<Key>) -> Option<String> {
        let mut found = None;
        for key in keys {
            let attribute = key.attribute.to_string();
            if !self.taken.insert((resource_type.to_owned(), key)) {
                found = Some(attribute);
            }
        }
        found
    }

    async fn members(&mut self, number: usize, of: MembersLine) -> Result<(), Error> {
        let MembersLine { group, values, are_pending } = of;
        if self.is_dry_run {
            self.outcome.members += values.len();
            return Ok(());
        }
        let count = values.len();
        let missing = if are_pending { Vec::new() } else { self.ctx.store.unknown_members(&values).await? };
        match Box::pin(import::members(&mut self.ctx.clone(), group, values)).await {
            Ok(()) => self.outcome.members += count - missing.len(),
            Err(error) => {
                let reason = lasting(error)?;
                self.problem(number, Some(group), reason);
                return Ok(());
            }
        }
        if let Some(first) = missing.first() {
            let reason = format!(
                "{} of the members are not in this tenant, such as {}; the group has them as pending references, which become \
                 members when they are imported.",
                missing.len(),
                first.value
            );
            self.problem(number, Some(group), reason);
        }
        Ok(())
    }

    fn problem(&mut self, line: usize, id: Option<Uuid>, reason: String) {
        self.outcome.problems.push(Problem { line, id, reason });
    }
}

/// Why a line cannot be imported however often it is sent.
///
/// # Errors
/// The same error, where it may pass.
fn lasting(error: Error) -> Result<String, Error> {
    match error {
        Error::Scim(refusal) if refusal.status < 500 => Ok(refusal.detail),
        Error::Mapping(MapError::Rejected(refusal)) => Ok(format!("The mapping rejects it: {}", refusal.detail)),
        Error::Mapping(
            lasting @ (MapError::Failed { transient: false, .. }
            | MapError::NonCompliant { .. }
            | MapError::Unusable { .. }),
        ) => Ok(lasting.to_string()),
        Error::Corrupt(_) | Error::Store(store::Error::Corrupt { .. } | store::Error::Refused { .. }) => {
            tracing::error!(error = telemetry::chain(&error), "a line cannot be imported");
            Ok("What is stored of it cannot be understood; the log has more.".to_owned())
        }
        passing => Err(passing),
    }
}
