//! Everything a Scimgate mapping plugin needs: implement [`Mapping`], name the type in [`export!`], build for
//! `wasm32-unknown-unknown`. The README has a first plugin.
//!
//! A plugin is a pure function of context, configuration and document. It has no clock, network, files or randomness,
//! and every call runs in a fresh instance, so a `static` does not survive a call.

mod document;
mod error;
mod outcome;

#[cfg(target_arch = "wasm32")]
mod arena;
#[doc(hidden)]
pub mod bindings;
pub mod test;

pub use document::Document;
pub use error::{Error, PathError};
pub use outcome::{Context, Manifest, Outcome};
pub use serde_json;

/// The level of a line in the provisioning log.
pub use bindings::Level;

/// One mapping. The host calls [`describe`](Mapping::describe) once, at upload, and
/// [`transform`](Mapping::transform) for every document.
pub trait Mapping {
    /// What an administrator may configure. Give every field a default where one makes sense:
    /// an empty configuration is read as `{}`.
    type Config: serde::de::DeserializeOwned;

    /// The plugin's description of itself.
    fn describe() -> Manifest;

    /// Maps one document in place and decides its outcome.
    ///
    /// # Errors
    /// An error means that the plugin could not do its work, and its changes are discarded. For an invalid document
    /// return [`Outcome::rejected`].
    fn transform(context: &Context, config: Self::Config, document: &Document<'_>) -> Result<Outcome, Error>;
}

/// Writes a line to the provisioning log of this request. Never log names or mail addresses.
pub fn log(level: Level, message: impl AsRef<str>) {
    #[cfg(target_arch = "wasm32")]
    bindings::log(level, message.as_ref());
    #[cfg(not(target_arch = "wasm32"))]
    test::record_log(level, message.as_ref());
}

/// One call, the same for the host and for native tests.
fn call<M: Mapping>(context: &Context, config: &str, document: &Document<'_>) -> Result<Outcome, Error> {
    let config = if config.trim().is_empty() { "{}" } else { config };
    M::transform(context, serde_json::from_str(config).map_err(Error::Config)?, document)
}

/// Makes a type that implements [`Mapping`] the plugin of this crate. Once per crate; natively it does nothing.
#[macro_export]
macro_rules! export {
    ($mapping:ty) => {
        // Natively nothing is exported; this use of the type avoids unused warnings.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Manifest = <$mapping as $crate::Mapping>::describe;
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the component's entry points are extern functions")]
        const _: () = {
            type Exported = $crate::bindings::Adapter<$mapping>;
    $crate::bindings::export_mapping!(Exported with_types_in $crate::bindings);
        };
    };
}

/// The README's first plugin must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
