//! Traces as messages of OTLP.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{self, ResourceSpans, ScopeSpans, Status};
use prost::Message as _;

use crate::trace::{Finished, Kind, Span, TraceContext, Value};

/// In `flags`: the trace is kept; whether the parent is another process's is said; it is.
const SAMPLED: u32 = 1;
const KNOWS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// A request with traces, of one process.
pub(super) fn request(traces: &[Finished], instance: &str) -> Vec<u8> {
    let spans = traces.iter().flat_map(|Finished { context, spans }| spans.iter().map(|it| span(context, it)));
    let resource = [
        ("service.name", "scimgate".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", instance.to_owned()),
    ];
    let attributes = resource.into_iter().map(|(name, value)| attribute(name, &value.into())).collect();
    let scope = ScopeSpans {
        scope: Some(InstrumentationScope { name: "scimgate".to_owned(), ..InstrumentationScope::default() }),
        spans: spans.collect(),
        ..ScopeSpans::default()
    };
    let resource = ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

/// How many spans a collector's reply rejects; one that cannot be read rejects none.
pub(super) fn rejected(reply: &[u8]) -> usize {
    let reply = ExportTraceServiceResponse::decode(reply).unwrap_or_default();
    reply.partial_success.and_then(|partial| partial.rejected_spans.try_into().ok()).unwrap_or_default()
}

fn span(context: &TraceContext, span: &Span) -> v1::Span {
    let is_first = span.id == context.span;
    let remote = if is_first && span.parent.is_some() { IS_REMOTE } else { 0 };
    let kind = match span.kind {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Internal => SpanKind::Internal,
    };
    let mut attributes: Vec<KeyValue> = span.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    attributes.extend(span.failure.map(|failure| attribute("error.type", &failure.into())));
    v1::Span {
        trace_id: context.trace.0.to_vec(),
        span_id: span.id.0.to_vec(),
        trace_state: context.state.as_deref().unwrap_or_default().to_owned(),
        parent_span_id: span.parent.map(|parent| parent.0.to_vec()).unwrap_or_default(),
        flags: SAMPLED | KNOWS_REMOTE | remote,
        name: span.name.clone().into_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanoseconds(span.begun),
        end_time_unix_nano: nanoseconds(span.begun + span.took),
        attributes,
        status: span.failure.map(|_| Status { code: StatusCode::Error.into(), ..Status::default() }),
        ..v1::Span::default()
    }
}

fn attribute(name: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(Cow::clone(text).into_owned()),
        Value::Number(number) => any_value::Value::IntValue(*number),
    };
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanoseconds(at: SystemTime) -> u64 {
    let since: Duration = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    #[test]
    fn a_reply_says_how_many_spans_are_rejected() {
        let reply = |rejected_spans| {
            let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message: "full".into() });
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        };
        assert_eq!([&reply(3)[..], &reply(-1), &[], b"{}"].map(rejected), [3, 0, 0, 0]);
    }
}
