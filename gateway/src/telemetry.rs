//! Logging to standard error, because standard output is for the results of commands; and errors with their causes.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging. `filter` is a list of directives such as `info,scimgate=debug`; if it is invalid, `info` is used.
pub fn start(filter: &str, format: LogFormat) {
    let directives = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(directives)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_span_events(FmtSpan::NONE);
    // Colours are for terminals only.
    let log = if std::io::stderr().is_terminal() { log } else { log.with_ansi(false) };
    // This fails only if logging has started already, and then the first settings apply.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
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
