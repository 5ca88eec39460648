//! The built binary as an operator meets it: its commands, its sentences when something is wrong, how it starts, ends
//! and comes back.
