//! The host's side of the WIT, generated from the only copy, which belongs to the SDK.
#![allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    world: "mapping",
    path: "../../plugin-sdk/wit",
    imports: { default: trappable },
    with: { "scimgate:mapping/documents.document": crate::bindings::DocumentHandle },
});

pub use scimgate::mapping::{documents, types};

/// The plugin's handle to the document. A call has exactly one document, so the handle carries no data.
pub struct DocumentHandle;
