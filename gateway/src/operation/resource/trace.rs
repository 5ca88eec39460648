//! What a write leaves for its record, over its attempts.

use std::time::Instant;

use scimgate_scim::leniency::Leniency;

use crate::mapping::StepReport;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::guard::Reservation;
use crate::operation::resource::change::{Change, Outcome};
use crate::operation::resource::record::{Record, Written};
use crate::store::membership::Members;
use crate::store::resource::read::Stored;

/// What is kept of the attempts.
pub(super) struct Trace {
    begun: Instant,
    pub(super) attempts: u32,
    pub(super) before: Option<Stored>,
    /// The mapping steps of the refused document.
    pub(super) steps: Vec<StepReport>,
    pub(super) unknown: Option<Leniency>,
    /// The change of members that was made or refused.
    pub(super) members: Option<Members>,
    /// What the guard has counted for this write.
    pub(super) reserved: Reservation,
}

impl Trace {
    pub(super) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            attempts: 0,
            before: None,
            steps: Vec::new(),
            unknown: None,
            members: None,
            reserved: Reservation::default(),
        }
    }

    /// Passes the record of the write to the recorder; one for each row that was written.
    pub(super) fn record(&self, ctx: &Context, change: &impl Change, result: &Result<Outcome, Error>) {
        if result.as_ref().is_err_and(|error| !change.is_final(error)) {
            return;
        }
        let (resource_type, id) = change.subject();
        let mut warnings = change.warnings(0);
        if let Some(leniency) = self.unknown {
            warnings.add(leniency, "members");
        }
        let record = Record {
            tenant: ctx.store.id(),
            actor: &ctx.actor,
            request_id: &ctx.request_id,
            action: change.action(),
            resource_type: &resource_type.name,
            id,
            warnings: &warnings,
            before: self.before.as_ref(),
            after: None,
            name: change.name(),
            members: self.members.as_ref(),
            mapping_revision: ctx.settings.chain.revision,
            steps: &self.steps,
            result: result.as_ref().map(Outcome::effect),
            attempts: self.attempts,
            duration: self.begun.elapsed(),
        };
        let Ok(Outcome::Saved(rows)) = result else { return keep(ctx, &record) };
        for (index, row) in rows.iter().enumerate() {
            let warnings = change.warnings(index);
            keep(
                ctx,
                &Record {
                    resource_type: &row.stored.resource_type,
                    id: Some(row.stored.id),
                    warnings: &warnings,
                    before: row.before.as_ref(),
                    after: Some(&row.stored),
                    members: row.members.as_ref(),
                    steps: &row.steps,
                    result: Ok(row.effect),
                    ..record.clone()
                },
            );
        }
    }
}

fn keep(ctx: &Context, record: &Record<'_>) {
    ctx.count_leniencies(record.warnings);
    ctx.gateway.recorder.record(record);
    if ctx.gateway.provisioning_log.is_on() {
        ctx.facts.add_write(|| Written::of(record));
    }
}
