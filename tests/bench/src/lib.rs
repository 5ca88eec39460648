//! The part that the floor and the load generator share.

pub mod statement;
