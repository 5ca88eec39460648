//! Every row of testdata/functions.json, which has every function with its corners.

use std::collections::BTreeSet;

use expressions::function_names;
use serde_json::Value as Json;

use crate::row::{Example, result};

fn rows() -> Vec<Json> {
    serde_json::from_str(include_str!("../../testdata/functions.json")).unwrap()
}

#[test]
fn every_row_gives_what_it_says() {
    let rows = rows();
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let expression = row["expression"].as_str().unwrap();
            let given = result(expression, &mut Example { attributes: &row["attributes"], context: &row["context"] });
            (given != row["expected"])
                .then(|| format!("{expression} {}: {given}, not {}", row["attributes"], row["expected"]))
        })
        .collect();
    assert!(rows.len() > 300);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_every_function() {
    let rows = rows();
    let covered: BTreeSet<&str> = rows.iter().map(|row| row["function"].as_str().unwrap()).collect();
    let missing: Vec<&str> = function_names().filter(|name| !covered.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
