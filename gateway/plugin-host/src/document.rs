//! The document as the embedder gives it, and the plugin's way to it: every call is counted, every write is weighed
//! before it is done.

use std::any::Any;

use wasmtime::component::Resource;

use crate::{
    Failure, FailureKind, LogLine,
    bindings::{MappingImports, documents, types},
    instance::{self, State},
};

/// A document that a plugin can read and write by SCIM attribute paths; values are JSON text. `id`, `meta` and
/// `schemas` are read-only, also for `replace`, which leaves them as they are.
pub trait Document: Any + Send {
    /// Every match; none is an empty list. `emails` matches once, the whole array; `emails.value` once an element.
    fn get(&self, path: &str) -> Result<Vec<String>, PathError>;
    /// Sets every match, creates what the path names where there is none; says how many places were set.
    fn set(&mut self, path: &str, value: &str) -> Result<u32, PathError>;
    /// Adds one element to a multi-valued attribute.
    fn append(&mut self, path: &str, value: &str) -> Result<(), PathError>;
    /// Removes every match and says how many there were.
    fn remove(&mut self, path: &str) -> Result<u32, PathError>;
    /// The whole document.
    fn to_json(&self) -> String;
    /// Replaces the whole document.
    fn replace(&mut self, json: &str) -> Result<(), PathError>;
}

/// Why a path could not be read or written; the text is a sentence about this path. The plugin may carry on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not a SCIM attribute path.
    #[error("{0}")]
    Malformed(String),
    /// No schema of this tenant has such an attribute.
    #[error("{0}")]
    Unknown(String),
    /// The attribute is the host's.
    #[error("{0}")]
    ReadOnly(String),
    /// Not JSON, or not a value of the attribute's type.
    #[error("{0}")]
    WrongValue(String),
}

impl From<PathError> for types::PathError {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Malformed(why) => Self::Malformed(why),
            PathError::Unknown(why) => Self::Unknown(why),
            PathError::ReadOnly(why) => Self::ReadOnly(why),
            PathError::WrongValue(why) => Self::WrongValue(why),
        }
    }
}

/// What a plugin holds in place of the document. There is one document a call, so it carries nothing.
#[allow(unreachable_pub, reason = "the generated bindings hand it on as pub")]
pub struct Handle;

/// A value longer than this is weighed by the places it goes to before it is written.
const HEAVY: usize = 1 << 10;

impl State {
    fn reading(&mut self) -> Result<&dyn Document, Failure> {
        self.meter.call()?;
        self.document.as_deref().ok_or_else(no_document)
    }

    fn writing(&mut self, bytes: usize) -> Result<&mut dyn Document, Failure> {
        self.meter.call()?;
        self.meter.write(bytes)?;
        self.document.as_deref_mut().ok_or_else(no_document)
    }
}

fn no_document() -> Failure {
    Failure::new(FailureKind::Trap, "The plugin used a document that it was not given.")
}

impl State {
    /// What the host did is charged before the plugin goes on.
    fn done<T>(&mut self, value: Result<T, PathError>) -> wasmtime::Result<Result<T, types::PathError>> {
        self.meter.glance()?;
        Ok(value.map_err(Into::into))
    }

    /// One value and ten thousand places would be ten thousand copies before anyone has counted.
    fn weigh(&mut self, path: &str, value: &str) -> Result<(), Failure> {
        let document = self.document.as_deref().ok_or_else(no_document)?;
        let places = document.get(path).map_or(0, |found| found.len());
        self.spread(places, path, value)
    }

    /// The first place was counted with the call.
    fn spread(&mut self, places: usize, path: &str, value: &str) -> Result<(), Failure> {
        self.meter.write(places.saturating_sub(1).saturating_mul(path.len() + value.len()))
    }
}

impl documents::HostDocument for State {
    fn get(&mut self, _: Resource<Handle>, path: String) -> wasmtime::Result<Result<Vec<String>, types::PathError>> {
        let found = self.reading()?.get(&path);
        self.done(found)
    }

    fn set(
        &mut self,
        _: Resource<Handle>,
        path: String,
        value: String,
    ) -> wasmtime::Result<Result<u32, types::PathError>> {
        self.writing(path.len() + value.len())?;
        let is_heavy = value.len() > HEAVY;
        if is_heavy {
            self.weigh(&path, &value)?;
        }
        let places = self.document.as_deref_mut().ok_or_else(no_document)?.set(&path, &value);
        if let (Ok(places), false) = (&places, is_heavy) {
            self.spread(*places as usize, &path, &value)?;
        }
        self.done(places)
    }

    fn append(
        &mut self,
        _: Resource<Handle>,
        path: String,
        value: String,
    ) -> wasmtime::Result<Result<(), types::PathError>> {
        let added = self.writing(path.len() + value.len())?.append(&path, &value);
        self.done(added)
    }

    fn remove(&mut self, _: Resource<Handle>, path: String) -> wasmtime::Result<Result<u32, types::PathError>> {
        let removed = self.writing(0)?.remove(&path);
        self.done(removed)
    }

    fn to_json(&mut self, _: Resource<Handle>) -> wasmtime::Result<String> {
        let json = self.reading()?.to_json();
        self.meter.glance()?;
        Ok(json)
    }

    fn replace(&mut self, _: Resource<Handle>, json: String) -> wasmtime::Result<Result<(), types::PathError>> {
        let replaced = self.writing(json.len())?.replace(&json);
        self.done(replaced)
    }

    fn drop(&mut self, _: Resource<Handle>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl documents::Host for State {}

impl types::Host for State {}

impl MappingImports for State {
    fn log(&mut self, level: types::Level, message: String) -> wasmtime::Result<()> {
        self.meter.call()?;
        let limits = self.meter.limits();
        if self.log.len() >= limits.log_lines {
            let reason = format!("The plugin logged more than {} lines.", limits.log_lines);
            return Err(Failure::new(FailureKind::LogLines, reason).into());
        }
        let message = instance::cut(message, limits.log_line);
        self.log.push(LogLine { level: level.into(), message });
        Ok(())
    }
}
