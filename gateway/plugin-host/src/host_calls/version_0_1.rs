//! The document as plugins built for version 0.1 of the interface import it. What differs from the current version is translated
//! here, and nowhere else.

use wasmtime::component::Resource;

use crate::{
    bindings::{DocumentHandle, documents as current, types, version_0_1 as old},
    state::State,
};

type Answer<T> = wasmtime::Result<Result<T, old::types::PathError>>;

impl old::documents::HostDocument for State {
    fn get(&mut self, document: Resource<DocumentHandle>, path: String) -> Answer<Vec<String>> {
        translate(current::HostDocument::get(self, document, path))
    }

    fn set(&mut self, document: Resource<DocumentHandle>, path: String, value: String) -> Answer<u32> {
        translate(current::HostDocument::set(self, document, path, value))
    }

    /// Does not return how many were new.
    fn append(&mut self, document: Resource<DocumentHandle>, path: String, value: String) -> Answer<()> {
        translate(current::HostDocument::append(self, document, path, value).map(|added| added.map(drop)))
    }

    fn remove(&mut self, document: Resource<DocumentHandle>, path: String) -> Answer<u32> {
        translate(current::HostDocument::remove(self, document, path))
    }

    fn to_json(&mut self, document: Resource<DocumentHandle>) -> wasmtime::Result<String> {
        current::HostDocument::to_json(self, document)
    }

    fn replace(&mut self, document: Resource<DocumentHandle>, json: String) -> Answer<()> {
        translate(current::HostDocument::replace(self, document, json))
    }

    fn drop(&mut self, document: Resource<DocumentHandle>) -> wasmtime::Result<()> {
        current::HostDocument::drop(self, document)
    }
}

impl old::documents::Host for State {}

impl old::types::Host for State {}

fn translate<T>(answer: wasmtime::Result<Result<T, types::PathError>>) -> Answer<T> {
    answer.map(|answer| answer.map_err(Into::into))
}

impl From<types::PathError> for old::types::PathError {
    fn from(error: types::PathError) -> Self {
        match error {
            types::PathError::Malformed(why) => Self::Malformed(why),
            types::PathError::Unknown(why) => Self::Unknown(why),
            types::PathError::ReadOnly(why) => Self::ReadOnly(why),
            types::PathError::WrongValue(why) | types::PathError::Other(why) => Self::WrongValue(why),
        }
    }
}
