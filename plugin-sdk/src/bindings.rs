//! The bindings generated from `wit/mapping.wit`, and the adapter between them and [`Mapping`]. Hidden from authors, since
//! their form depends on the generator.
#![allow(unsafe_code, missing_docs, clippy::all, clippy::pedantic, reason = "generated")]

use crate::{Mapping, Package, PathError, document::Paths, manifest, outcome};

wit_bindgen::generate!({
    world: "mapping",
    path: "wit",
    pub_export_macro: true,
    export_macro_name: "export_mapping",
});

pub use scimgate::mapping::types;

/// Exports a [`Mapping`] as the world requires.
pub struct Adapter<M>(core::marker::PhantomData<M>);

impl<M: Mapping + Package> Guest for Adapter<M> {
    fn describe() -> Manifest {
        log_panics();
        let manifest = manifest::Manifest::of::<M>();
        Manifest {
            name: manifest.name,
            version: manifest.version,
            resource_types: manifest.resource_types,
            config_schema: manifest.config_schema.to_string(),
        }
    }

    fn transform(context: Context, config: String, document: &Document) -> Result<Outcome, String> {
        log_panics();
        let outcome = crate::call::<M>(&context.into(), &config, &crate::Document::new(document));
        outcome.map(Outcome::from).map_err(|error| error.to_string())
    }
}

/// Otherwise a panic is a bare `unreachable` for the host; the log line has its location and message.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| crate::log(Level::Error, panic.to_string())));
}

impl From<Context> for outcome::Context {
    fn from(context: Context) -> Self {
        Self {
            tenant: context.tenant,
            resource_type: context.resource_type,
            resource_id: context.resource_id,
            last_modified: context.last_modified,
        }
    }
}

impl From<outcome::Outcome> for Outcome {
    fn from(outcome: outcome::Outcome) -> Self {
        match outcome {
            outcome::Outcome::Mapped => Self::Mapped,
            outcome::Outcome::Excluded(why) => Self::Excluded(why),
            outcome::Outcome::Rejected { scim_type, detail } => Self::Rejected(types::Rejection { scim_type, detail }),
        }
    }
}

impl From<types::PathError> for PathError {
    fn from(error: types::PathError) -> Self {
        match error {
            types::PathError::Malformed(why) => Self::Malformed(why),
            types::PathError::Unknown(why) => Self::Unknown(why),
            types::PathError::ReadOnly(why) => Self::ReadOnly(why),
            types::PathError::WrongValue(why) => Self::WrongValue(why),
            types::PathError::Other(why) => Self::Other(why),
        }
    }
}

impl Paths for Document {
    fn get(&self, path: &str) -> Result<Vec<String>, PathError> {
        Ok(Document::get(self, path)?)
    }

    fn set(&self, path: &str, value: &str) -> Result<u32, PathError> {
        Ok(Document::set(self, path, value)?)
    }

    fn append(&self, path: &str, value: &str) -> Result<u32, PathError> {
        Ok(Document::append(self, path, value)?)
    }

    fn remove(&self, path: &str) -> Result<u32, PathError> {
        Ok(Document::remove(self, path)?)
    }

    fn to_json(&self) -> String {
        Document::to_json(self)
    }

    fn replace(&self, json: &str) -> Result<(), PathError> {
        Ok(Document::replace(self, json)?)
    }
}
