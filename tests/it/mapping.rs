//! What a tenant's chain of plugins does to what the product reads, and what it does not do to what the SCIM client
//! wrote; and plugins that misbehave.
