//! The functions that a plugin may call. Every call is counted, and every write is charged before it is made.

mod version_0_1;

use wasmtime::component::Resource;

use crate::{
    bindings::{DocumentHandle, MappingImports, documents, types},
    document::{Document, PathError},
    error::Failure,
    state::State,
};

/// For a longer value, the number of places it is written to is determined before the write.
const LONG_VALUE_BYTES: usize = 1 << 10;

impl From<PathError> for types::PathError {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Malformed(why) => Self::Malformed(why),
            PathError::Unknown(why) => Self::Unknown(why),
            PathError::ReadOnly(why) => Self::ReadOnly(why),
            PathError::WrongValue(why) => Self::WrongValue(why),
            PathError::Other(why) => Self::Other(why),
        }
    }
}

impl State {
    fn begin_read(&mut self) -> Result<&dyn Document, Failure> {
        self.meter.count_call()?;
        self.document()
    }

    fn begin_write(&mut self, bytes: usize) -> Result<&mut dyn Document, Failure> {
        self.meter.count_call()?;
        self.meter.count_written(bytes)?;
        self.document_mut()
    }

    /// Charges the time that the host took before the plugin continues.
    fn finish<T>(&mut self, result: Result<T, PathError>) -> wasmtime::Result<Result<T, types::PathError>> {
        self.meter.check_clocks_if_due()?;
        Ok(result.map_err(Into::into))
    }

    /// Charges a value for every place it is written to. The first place was charged at the start of the call.
    fn charge_places(&mut self, places: usize, path: &str, value: &str) -> Result<(), Failure> {
        self.meter.count_written(places.saturating_sub(1).saturating_mul(path.len() + value.len()))
    }
}

impl documents::HostDocument for State {
    fn get(
        &mut self,
        _: Resource<DocumentHandle>,
        path: String,
    ) -> wasmtime::Result<Result<Vec<String>, types::PathError>> {
        let found = self.begin_read()?.get(&path);
        self.finish(found)
    }

    fn set(
        &mut self,
        _: Resource<DocumentHandle>,
        path: String,
        value: String,
    ) -> wasmtime::Result<Result<u32, types::PathError>> {
        self.begin_write(path.len() + value.len())?;
        let is_long = value.len() > LONG_VALUE_BYTES;
        if is_long {
            // A long value in ten thousand places would be copied ten thousand times before it could be charged.
            let places = self.document()?.get(&path).map_or(0, |found| found.len());
            self.charge_places(places, &path, &value)?;
        }
        let places = self.document_mut()?.set(&path, &value);
        if let (Ok(places), false) = (&places, is_long) {
            self.charge_places(*places as usize, &path, &value)?;
        }
        self.finish(places)
    }

    fn append(
        &mut self,
        _: Resource<DocumentHandle>,
        path: String,
        value: String,
    ) -> wasmtime::Result<Result<u32, types::PathError>> {
        let added = self.begin_write(path.len() + value.len())?.append(&path, &value);
        self.finish(added)
    }

    fn remove(&mut self, _: Resource<DocumentHandle>, path: String) -> wasmtime::Result<Result<u32, types::PathError>> {
        let removed = self.begin_write(0)?.remove(&path);
        self.finish(removed)
    }

    fn to_json(&mut self, _: Resource<DocumentHandle>) -> wasmtime::Result<String> {
        let json = self.begin_read()?.to_json();
        self.meter.check_clocks_if_due()?;
        Ok(json)
    }

    fn replace(&mut self, _: Resource<DocumentHandle>, json: String) -> wasmtime::Result<Result<(), types::PathError>> {
        let replaced = self.begin_write(json.len())?.replace(&json);
        self.finish(replaced)
    }

    fn drop(&mut self, _: Resource<DocumentHandle>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl documents::Host for State {}

impl types::Host for State {}

impl MappingImports for State {
    fn log(&mut self, level: types::Level, message: String) -> wasmtime::Result<()> {
        self.meter.count_call()?;
        Ok(self.push_log(level.into(), message)?)
    }
}
