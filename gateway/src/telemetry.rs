//! Logging to standard error, because standard output is for the results of commands; and errors with their causes.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Mutex;

use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Checks a list of directives such as `info,scimgate=debug`.
///
/// # Errors
/// A sentence that says why the text is not such a list.
pub fn parse_filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|error| {
        format!("{error}; write a level (error, warn, info, debug, trace, off) or a list such as info,scimgate=debug")
    })
}

/// What a library says of each connection of a database that is lost: the gateway logs the loss itself, once.
const LOST_CONNECTIONS: &str = "deadpool.postgres";

fn directives(filter: &str) -> EnvFilter {
    let more = if filter.contains(LOST_CONNECTIONS) { String::new() } else { format!(",{LOST_CONNECTIONS}=error") };
    EnvFilter::try_new(format!("{filter}{more}")).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Starts logging by a filter that `parse_filter` has accepted.
pub fn start(filter: &str, format: LogFormat) {
    let directives = directives(filter);
    let log = tracing_subscriber::fmt()
        .with_env_filter(directives)
        .with_writer(|| OneLine(io::stderr()))
        .with_target(false)
        .with_span_events(FmtSpan::NONE);
    // Colours are for terminals only.
    let log = if io::stderr().is_terminal() { log } else { log.with_ansi(false) };
    // This fails only if logging has started already, and then the first settings apply.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        // The current span alone: the list of spans repeats it.
        LogFormat::Json => log.json().with_span_list(false).try_init(),
    };
}

/// Starts logging to a writer of text, besides another receiver of what is logged, which has a filter of its own.
pub fn start_beside(
    filter: &str,
    writer: impl Write + Send + 'static,
    other: impl Layer<Registry> + Send + Sync + 'static,
) {
    let directives = directives(filter);
    let writer = Mutex::new(OneLine(writer));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false).with_ansi(false);
    // This fails only if logging has started already, and then the first settings apply.
    let _ = tracing_subscriber::registry().with(other).with(lines.with_filter(directives)).try_init();
}

/// Writes each record as one line: a line break inside one, such as a database's message may have, is written as `\\n`.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    /// Is called once for each record.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = record.strip_suffix(b"\n").unwrap_or(record);
        if !text.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            self.0.write_all(record)?;
            return Ok(record.len());
        }
        let mut line = Vec::with_capacity(record.len() + 8);
        for byte in text {
            match byte {
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                byte => line.push(*byte),
            }
        }
        line.extend_from_slice(&record[text.len()..]);
        self.0.write_all(&line)?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// An error with all its causes, on one line unless a cause has more. A text that is there already is not repeated: some
/// libraries include the source in an error's own text.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let text = source.to_string();
        if text.starts_with(&format!("{chain}: ")) {
            chain = text;
        } else if chain != text && !chain.ends_with(&format!(": {text}")) {
            chain = format!("{chain}: {text}");
        }
        cause = source.source();
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line() {
        for (record, line) in [
            ("INFO done\n", "INFO done\n"),
            ("INFO a\nERROR b\r\n c\n", "INFO a\\nERROR b\\r\\n c\n"),
            ("no end\n\n", "no end\\n\n"),
            ("", ""),
        ] {
            let mut written = OneLine(Vec::new());
            written.write_all(record.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(written.0).unwrap(), line, "{record:?}");
        }
    }

    #[derive(Debug, thiserror::Error)]
    enum Error {
        #[error("no certificate")]
        Root,
        #[error("handshake failed")]
        OwnLevel(#[source] Box<Error>),
        #[error("connecting: {0}")]
        WithSource(#[source] Box<Error>),
        #[error(transparent)]
        Transparent(Box<Error>),
        #[error("{0}")]
        SourceOnly(#[source] Box<Error>),
        #[error("handshake failed: no certificate")]
        Flattened,
    }

    fn boxed(error: Error) -> Box<Error> {
        Box::new(error)
    }

    #[test]
    fn a_chain_never_repeats_a_text() {
        use Error::{Flattened, OwnLevel, Root, SourceOnly, Transparent, WithSource};
        let handshake = || boxed(OwnLevel(boxed(Root)));
        let cases = [
            (*handshake(), "handshake failed: no certificate"),
            (WithSource(boxed(Root)), "connecting: no certificate"),
            (WithSource(handshake()), "connecting: handshake failed: no certificate"),
            (OwnLevel(boxed(WithSource(boxed(Root)))), "handshake failed: connecting: no certificate"),
            (SourceOnly(handshake()), "handshake failed: no certificate"),
            (Transparent(handshake()), "handshake failed: no certificate"),
            (OwnLevel(boxed(Flattened)), "handshake failed: no certificate"),
        ];
        for (error, expected) in cases {
            let chain = chain(&error);
            assert_eq!(chain, expected, "{error:?}");
            let texts: Vec<&str> = chain.split(": ").collect();
            assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "{chain}");
        }
    }
}
