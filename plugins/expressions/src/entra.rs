//! What is Entra's own: the names of its attributes and where they arrive in SCIM, and its exported schemas.

mod error;
mod import;
mod names;
mod scope;
mod tree;

pub use error::ImportError;
pub use import::{Import, import};
pub use names::{attribute_names, scim_path};
pub use scope::{OPERATORS, operator};
