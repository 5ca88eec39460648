//! The headers `traceparent` and `tracestate` of W3C Trace Context.

use std::fmt;
use std::sync::Arc;

/// Longest `tracestate` that is passed on; a longer one is left out.
const MAX_STATE_BYTES: usize = 512;

/// The id of a trace; never all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The id of a span; never all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// A span as the headers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// Whether the trace is kept.
    pub is_sampled: bool,
    /// `tracestate`, as it came.
    pub state: Option<Arc<str>>,
}

impl TraceContext {
    /// Reads the headers; none where `traceparent` is malformed, and then `tracestate` does not count.
    #[must_use]
    pub fn parse(parent: &str, state: Option<&str>) -> Option<Self> {
        let mut parts = parent.split('-');
        let [version] = hex::<1>(parts.next()?)?;
        let (trace, span) = (hex::<16>(parts.next()?)?, hex::<8>(parts.next()?)?);
        let [flags] = hex::<1>(parts.next()?)?;
        // A later version may have more parts; this one has none, and 255 is forbidden.
        let is_known = version != 255 && (version != 0 || parts.next().is_none());
        if !is_known || trace == [0; 16] || span == [0; 8] {
            return None;
        }
        let is_short = |state: &&str| {
            !state.is_empty() && state.len() <= MAX_STATE_BYTES && state.bytes().all(|it| (0x20..0x7f).contains(&it))
        };
        Some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            is_sampled: flags & 1 == 1,
            state: state.filter(is_short).map(Arc::from),
        })
    }
}

/// As the header `traceparent` has it.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// Exactly `N` bytes in lower case.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_is_written_as_it_was_read() {
        let context = TraceContext::parse(PARENT, Some("vendor=1,other=a b")).unwrap();
        assert_eq!(context.to_string(), PARENT);
        assert_eq!(context.state.as_deref(), Some("vendor=1,other=a b"));
        let unsampled = TraceContext::parse(&PARENT.replace("-01", "-00"), None).unwrap();
        assert!(!unsampled.is_sampled && context.is_sampled && unsampled.state.is_none());
        let later = TraceContext::parse(&format!("01{}-more", &PARENT[2..]), None).unwrap();
        assert_eq!(later.to_string(), PARENT, "it is passed on in the version that is known");
    }

    #[test]
    fn what_is_malformed_is_no_context() {
        for parent in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47369-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(parent, Some("a=b")), None, "{parent}");
        }
        let long = "a".repeat(MAX_STATE_BYTES + 1);
        for state in ["", "a=ä", &long] {
            assert_eq!(TraceContext::parse(PARENT, Some(state)).unwrap().state, None, "{state}");
        }
    }
}
