//! The HTTP surfaces: SCIM for identity providers, pages for the administrators who connect them, the admin API for operators, the
//! directory for the product, and probes. Here an address leads to a use case, and the use case's outcome becomes a reply.

mod accept;
mod access;
mod admin;
pub mod connection;
mod directory;
mod docs;
pub mod error;
mod facts;
mod json;
mod oauth;
mod openapi;
mod page;
mod probe;
mod query;
pub mod router;
mod scim;
mod scope;
mod setup;

/// The OpenAPI documents in JSON, each with the page of the documents' site that shows it.
#[must_use]
pub fn api_documents() -> [(&'static str, &'static str); 2] {
    [("api/admin.html", admin::document()), ("api/directory.html", directory::document())]
}
