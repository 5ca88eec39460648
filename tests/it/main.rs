//! The whole gateway over HTTP: one binary, every test on a database of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod auth;
mod bad_input;
mod binary;
mod bulk;
mod conditions;
mod conformance;
mod corpus;
mod corrupt;
mod cursors;
mod explain;
mod fair_share;
mod faults;
mod floors;
mod forwarded;
mod guard;
mod hostile;
mod isolation;
mod limits;
mod limits_page;
mod lists;
mod mapping;
mod members;
mod migrations;
mod outage;
mod paging;
mod plan;
mod plans;
mod profiles;
mod pushdown;
mod races;
mod recent_rows;
mod reconcile;
mod records;
mod remap;
mod replay;
mod replies;
mod resource_types;
mod routes;
mod schema_change;
mod search_attributes;
mod shadow;
mod simulate;
mod statements;
mod upgrade;
