//! docs/leniencies.md says what the code does.

use std::fs;

use scimgate_scim::leniency::{Choice, Leniency};
use scimgate_scim::profile::Profile;
use scimgate_scim::recognition::SIGNALS;
use scimgate_tests::root;

fn page() -> String {
    fs::read_to_string(root().join("docs/leniencies.md")).unwrap()
}

/// The rows of the tables that begin with a name in backquotes and have so many cells.
fn rows(page: &str, cells: usize) -> Vec<Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let cut = rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect());
    cut.filter(|row: &Vec<&str>| row.len() == cells).collect()
}

#[test]
fn the_page_has_the_tables_of_the_code() {
    let page = page();
    let marks =
        |allows: &dyn Fn(Profile) -> bool| Profile::ALL.map(|profile| if allows(profile) { "x" } else { "" }).to_vec();
    let leniencies = Leniency::ALL.iter().map(|it| (it.name(), marks(&|profile| profile.leniencies(None).allows(*it))));
    let choices = Choice::ALL.iter().map(|it| (it.name(), marks(&|profile| profile.leniencies(None).chooses(*it))));
    let code: Vec<Vec<&str>> = leniencies.chain(choices).map(|(name, marks)| [vec![name], marks].concat()).collect();
    assert_eq!(rows(&page, Profile::ALL.len() + 1), code);
    let names = format!("| {} |", Profile::ALL.map(Profile::name).join(" | "));
    assert_eq!(page.lines().filter(|line| line.ends_with(&names)).count(), 2, "the columns stand in the same order");
    let described: Vec<&str> = rows(&page, 3).iter().map(|row| row[0]).collect();
    assert_eq!(described, code.iter().map(|row| row[0]).collect::<Vec<_>>(), "each is described");
}

#[test]
fn the_page_lists_every_signal() {
    let page = page();
    let written: Vec<[&str; 3]> = rows(&page, 4).iter().map(|row| [row[0], row[1], row[2]]).collect();
    let code: Vec<[&str; 3]> = SIGNALS.iter().map(|it| [it.name, it.profile.name(), it.strength.word()]).collect();
    assert_eq!(written, code);
}
