//! Everything that a Scimgate mapping plugin needs: implement [`Mapping`], name the type in [`plugin!`], build for
//! `wasm32-unknown-unknown`. `scimgate plugin new` makes a project with all of it.
//!
//! ```
//! use scimgate_plugin_sdk::prelude::*;
//!
//! /// What an administrator may configure.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// Attributes to write in capitals.
//!     attributes: Vec<ScimPath>,
//! }
//!
//! struct Shout;
//!
//! impl Mapping for Shout {
//!     type Config = Config;
//!
//!     fn transform(_: &Context, config: Config, document: &Document) -> Result<Outcome> {
//!         for path in &config.attributes {
//!             document.edit_texts(path, |text| Some(text.to_uppercase()))?;
//!         }
//!         Ok(Outcome::Mapped)
//!     }
//! }
//!
//! plugin!(Shout);
//!
//! # use scimgate_plugin_sdk::{serde_json::json, test};
//! # fn main() {
//! let ran = test::run::<Shout>(&json!({ "attributes": ["name.familyName"] }), json!({ "name": { "familyName": "Byron" } }));
//! assert_eq!(ran.document["name"]["familyName"], "BYRON");
//! # }
//! ```
//!
//! A plugin is a pure function of context, configuration and document. It has no clock, network, files or randomness,
//! and every call runs in a fresh instance, so a `static` does not survive a call.

mod document;
mod error;
mod manifest;
mod outcome;
mod path;
mod values;

#[cfg(target_arch = "wasm32")]
mod arena;
#[doc(hidden)]
pub mod bindings;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;

pub use document::Document;
pub use error::{Error, PathError, Result};
pub use jiff;
pub use manifest::Manifest;
#[doc(hidden)]
pub use manifest::Package;
pub use outcome::{Context, Outcome, ScimType};
pub use path::{PathMap, ScimPath};
pub use schemars;
pub use serde;
pub use serde_json;
pub use values::{ENTERPRISE_USER, MultiValue, Name, Reference};

/// The level of a line in the provisioning log.
pub use bindings::Level;

/// What most plugins use.
pub mod prelude {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::{
        Context, Document, Error, Level, Mapping, MultiValue, Name, Outcome, PathMap, Reference, Result, ScimPath,
        ScimType, log, plugin,
    };
}

/// One mapping. The host reads its description once, at upload, and calls [`transform`](Mapping::transform) for every document.
pub trait Mapping {
    /// What an administrator may configure; its JSON Schema is derived from the type. Give every field a default where one
    /// makes sense: an empty configuration is read as `{}`. A plugin without a configuration has `()`.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    /// The resource types that the plugin can map.
    const RESOURCE_TYPES: &'static [&'static str] = &["User", "Group"];

    /// Maps one document in place and decides its outcome.
    ///
    /// # Errors
    /// An error means that the plugin could not do its work, and its changes are discarded. For an invalid document
    /// return [`Outcome::rejected`].
    fn transform(context: &Context, config: Self::Config, document: &Document<'_>) -> Result<Outcome>;
}

/// Writes a line to the provisioning log of this request. Never log names or mail addresses.
pub fn log(level: Level, message: impl AsRef<str>) {
    #[cfg(target_arch = "wasm32")]
    bindings::log(level, message.as_ref());
    #[cfg(not(target_arch = "wasm32"))]
    test::record_log(level, message.as_ref());
}

/// One call, the same for the host and for native tests.
fn call<M: Mapping>(context: &Context, config: &str, document: &Document<'_>) -> Result<Outcome> {
    M::transform(context, manifest::read_config(config).map_err(Error::Config)?, document)
}

/// Makes a type that implements [`Mapping`] the plugin of this crate, with the crate's name and version. Once per crate.
#[macro_export]
macro_rules! plugin {
    ($mapping:ty) => {
        impl $crate::Package for $mapping {
            const NAME: &'static str = env!("CARGO_PKG_NAME");
            const VERSION: &'static str = env!("CARGO_PKG_VERSION");
        }
        // Natively nothing is exported; this use of the type avoids unused warnings.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Manifest = $crate::Manifest::of::<$mapping>;
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the component's entry points are extern functions")]
        const _: () = {
            type Exported = $crate::bindings::Adapter<$mapping>;
    $crate::bindings::export_mapping!(Exported with_types_in $crate::bindings);
        };
    };
}

/// The README's examples must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
