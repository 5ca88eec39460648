//! The host's side of the WIT, generated: of the current version from the only copy, which belongs to the SDK, and of the one before it.
#![allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    world: "mapping",
    path: "../../plugin-sdk/wit",
    imports: { default: trappable },
    with: { "scimgate:mapping/documents.document": crate::bindings::DocumentHandle },
});

pub use scimgate::mapping::{documents, types};

/// What plugins built for version 0.1 import. Their exports have the same types as those of the current version.
pub mod version_0_1 {
    wasmtime::component::bindgen!({
        inline: "package scimgate:host; world plugins { import scimgate:mapping/documents@0.1.0; }",
        world: "scimgate:host/plugins",
        path: "wit/0.1.0",
        imports: { default: trappable },
        with: { "scimgate:mapping/documents.document": crate::bindings::DocumentHandle },
    });

    pub use self::scimgate::mapping::{documents, types};
}

/// The plugin's handle to the document. A call has exactly one document, so the handle carries no data.
pub struct DocumentHandle;
