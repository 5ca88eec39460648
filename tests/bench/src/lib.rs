//! What the floor and the driver that measures it share.

pub mod statement;
