//! The rows of resources: one write or one read a file, each with its statement.

pub mod batch;
pub mod content;
pub mod delete;
pub mod filter_sql;
pub mod indexed;
pub mod insert;
pub mod key;
pub mod list;
pub mod mapping_count;
pub mod page_position;
pub mod read;
pub mod remap;
pub mod restore;
pub mod search_key;
pub mod session_page;
pub mod unknown;
pub mod update;
pub mod visible;
