//! The rows of a request that has ended.

use std::sync::LazyLock;

use super::details::{Details, Documents, ListPage, used};
use super::redaction::Redaction;
use super::row_id::numbered_id;
use super::{Ended, causes, kinds, query};
use crate::operation::request_facts::{BulkOperation, Facts, Refusal, Target};
use crate::operation::resource::record::Written;
use crate::operation::settings::Settings;
use crate::store::provisioning_log::LogRow;

/// The status of a request whose client disconnected before the reply.
const CLIENT_GONE: u16 = 499;
/// Longest detail of a refusal.
const MAX_DETAIL_BYTES: usize = 2 << 10;
/// Longest name of a resource.
const MAX_NAME_BYTES: usize = 256;

static NO_REDACTION: LazyLock<Redaction> = LazyLock::new(Redaction::default);

/// The row of a request, and those of its operations if it is a bulk request.
pub(super) fn rows_of(ended: Ended) -> Vec<LogRow> {
    let Ended { at, facts, mut number, .. } = ended;
    let mut facts = *facts;
    let operations = std::mem::take(&mut facts.operations);
    let mut rows = Vec::with_capacity(1 + operations.len());
    let mut id = || {
        number += 1;
        numbered_id(at, number)
    };
    let row = of_request(&mut facts, operations.len());
    for operation in operations {
        rows.push(LogRow { id: id(), ..of_operation(operation, &row, facts.settings.as_deref()) });
    }
    rows.push(LogRow { id: id(), ..row });
    rows
}

fn of_request(facts: &mut Facts, operations: usize) -> LogRow {
    let settings = facts.settings.clone();
    let redaction = redaction(settings.as_deref());
    let write = std::mem::take(&mut facts.writes).pop();
    let status = facts.status.unwrap_or(CLIENT_GONE);
    let mut details = Details {
        warnings: used(&facts.warnings),
        query: facts.query.as_deref().and_then(|text| query::shown(text, redaction)),
        page: facts.page.map(|page| ListPage {
            start_index: page.start_index,
            returned: page.returned,
            total: page.total,
        }),
        operations: Some(operations).filter(|count| *count > 0),
        ..Details::default()
    };
    let subject = Subject::of(write, facts.target.take(), settings.as_deref(), &mut details);
    let row = LogRow {
        request_id: std::mem::take(&mut facts.request_id),
        operation: kinds::operation(facts).into(),
        status: i16::try_from(status).unwrap_or(i16::MAX),
        duration_us: i64::try_from(facts.duration.as_micros()).unwrap_or(i64::MAX),
        credential: facts.credential_id(),
        client: facts.profile().map(Into::into),
        address: facts.client.map(|address| address.to_string()),
        facts: details.text(),
        ..subject.columns()
    };
    refused(row, status, facts.refusal.as_ref(), redaction)
}

/// The row of an operation of a bulk request, beside that of the request.
fn of_operation(operation: BulkOperation, request: &LogRow, settings: Option<&Settings>) -> LogRow {
    let BulkOperation { number, method, status, refusal, target, write } = operation;
    let mut details = Details::default();
    let subject = Subject::of(write, target, settings, &mut details);
    let row = LogRow {
        request_id: request.request_id.clone(),
        number: i32::try_from(number).ok(),
        operation: kinds::of_method(&method).into(),
        status: i16::try_from(status).unwrap_or(i16::MAX),
        duration_us: request.duration_us,
        credential: request.credential,
        client: request.client.clone(),
        address: request.address.clone(),
        facts: details.text(),
        ..subject.columns()
    };
    refused(row, status, refusal.as_ref(), redaction(settings))
}

/// The resource of a row, and what was done with it.
#[derive(Default)]
struct Subject {
    target: Option<Target>,
    name: Option<String>,
    write: Option<Written>,
}

impl Subject {
    fn of(write: Option<Written>, target: Option<Target>, settings: Option<&Settings>, details: &mut Details) -> Self {
        let Some(written) = write else { return Self { target, ..Self::default() } };
        let known = settings.and_then(|settings| settings.registry.resource_type(&written.resource_type));
        let Some(resource_type) = known else { return Self { target, write: Some(written), ..Self::default() } };
        let redaction = redaction(settings);
        let documents = Documents::read(&written);
        details.add_write(&written, &documents, (resource_type, redaction));
        let name = documents.name(resource_type).or(written.name.as_deref());
        let name =
            name.filter(|_| !redaction.hides(&resource_type.name_attribute)).map(|name| clean(name, MAX_NAME_BYTES));
        Self { target, name, write: Some(written) }
    }

    fn columns(self) -> LogRow {
        let Self { target, name, write } = self;
        let of_target = target.map(|target| (target.resource_type.name.clone(), target.id));
        let (resource_type, id) = match &write {
            Some(written) => (Some(written.resource_type.clone()), written.id.or(of_target.and_then(|(_, id)| id))),
            None => of_target.map_or((None, None), |(name, id)| (Some(name), id)),
        };
        LogRow {
            resource_type,
            resource_id: id,
            name,
            effect: write.as_ref().and_then(|written| Some(written.effect?.word().into())),
            mapping_revision: write.map(|written| written.mapping_revision).filter(|revision| *revision > 0),
            ..LogRow::default()
        }
    }
}

/// A row with its refusal.
fn refused(row: LogRow, status: u16, refusal: Option<&Refusal>, redaction: &Redaction) -> LogRow {
    let Some(cause) = causes::of(status, refusal) else { return row };
    let error = refusal.map(|refusal| &refusal.error);
    LogRow {
        scim_type: error.and_then(|error| error.scim_type).map(|known| known.keyword().into()),
        detail: error.and_then(|error| redaction.detail(&error.detail)).map(|text| clean(&text, MAX_DETAIL_BYTES)),
        cause: Some(cause.into()),
        // What was asked for was not done.
        effect: None,
        ..row
    }
}

fn redaction(settings: Option<&Settings>) -> &Redaction {
    settings.map_or(&NO_REDACTION, |settings| settings.log_redaction.as_ref())
}

/// A text that the database takes, cut to a length.
fn clean(text: &str, max_bytes: usize) -> String {
    let end = text.floor_char_boundary(max_bytes);
    let mut cut = text[..end].replace('\0', "\u{fffd}");
    if end < text.len() {
        cut.push('…');
    }
    cut
}
