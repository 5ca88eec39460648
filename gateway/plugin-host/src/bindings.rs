//! The host's side of the WIT, generated from the SDK's copy, which is the only one.
#![allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    world: "mapping",
    path: "../../plugin-sdk/wit",
    imports: { default: trappable },
    with: { "scimgate:mapping/documents.document": crate::document::Handle },
});

pub use scimgate::mapping::{documents, types};
