//! What a WASM store holds for its single call: the document, the log and the meter.

use crate::{
    bindings::types,
    document::Document,
    error::{Failure, FailureKind},
    limits::Meter,
    wasi::state::Wasi,
};

/// The severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// For information.
    Info,
    /// Something is unusual.
    Warn,
    /// Something failed; the SDK logs a panic at this level.
    Error,
}

impl From<types::Level> for Level {
    fn from(level: types::Level) -> Self {
        match level {
            types::Level::Debug => Self::Debug,
            types::Level::Info => Self::Info,
            types::Level::Warn => Self::Warn,
            types::Level::Error => Self::Error,
        }
    }
}

/// One line that the plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The severity.
    pub level: Level,
    /// The text, cut to the limit.
    pub message: String,
}

/// What a store holds for its single call.
pub(crate) struct State {
    /// The document; none while the plugin describes itself.
    pub(crate) document: Option<Box<dyn Document>>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) meter: Meter,
    /// None for a plugin that imports nothing of it.
    pub(crate) wasi: Option<Box<Wasi>>,
}

impl State {
    pub(crate) fn new(document: Option<Box<dyn Document>>, meter: Meter, wasi: Option<Wasi>) -> Self {
        Self { document, log: Vec::new(), meter, wasi: wasi.map(Box::new) }
    }

    pub(crate) fn document(&self) -> Result<&dyn Document, Failure> {
        self.document.as_deref().ok_or_else(no_document)
    }

    pub(crate) fn document_mut(&mut self) -> Result<&mut dyn Document, Failure> {
        self.document.as_deref_mut().ok_or_else(no_document)
    }

    pub(crate) fn wasi(&mut self) -> Result<&mut Wasi, Failure> {
        let absent = || Failure::new(FailureKind::Trap, "The plugin called what it does not import.");
        self.wasi.as_deref_mut().ok_or_else(absent)
    }

    /// Keeps a log line, unless there are too many.
    pub(crate) fn push_log(&mut self, level: Level, message: String) -> Result<(), Failure> {
        let limits = self.meter.limits();
        if self.log.len() >= limits.log_lines {
            let reason = format!("The plugin logged more than {} lines.", limits.log_lines);
            return Err(Failure::new(FailureKind::LogLines, reason));
        }
        let message = cut(message, limits.log_line);
        self.log.push(LogLine { level, message });
        Ok(())
    }
}

fn no_document() -> Failure {
    Failure::new(FailureKind::Trap, "The plugin used a document outside of a call that has one.")
}

/// Cuts a text to a number of bytes, at a character boundary, and marks the cut with an ellipsis.
pub(crate) fn cut(mut text: String, max_bytes: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes.saturating_sub(ELLIPSIS.len())));
        text.push_str(ELLIPSIS);
        text.shrink_to_fit();
    }
    text
}
