//! The trace of one request: its spans, and its place in the sender's trace (W3C Trace Context). Without `--traces-endpoint` no request has
//! one, and nothing here allocates.

mod context;
mod recording;

pub use context::{SpanId, TraceContext, TraceId};
pub use recording::{Finished, Kind, OpenSpan, Span, Trace, Value, carried, client_span, of_request, span, within};
