use super::*;

#[test]
fn the_table_has_a_row_for_each_leniency_and_each_choice() {
    let rows: Vec<Leniency> = TABLE.iter().map(|(leniency, _)| *leniency).collect();
    assert_eq!(rows, Leniency::ALL, "in the order of their definition, so that none is there twice");
    assert_eq!(CHOICES.iter().map(|(choice, _)| *choice).collect::<Vec<_>>(), Choice::ALL);
}

#[test]
fn the_columns_are_the_profiles_in_their_order() {
    for (place, profile) in Profile::ALL.into_iter().enumerate() {
        assert_eq!(profile as usize, place);
        assert_eq!(Profile::find(profile.name()), Some(profile));
    }
    assert_eq!(Profile::find("Entra"), None, "names are as they are written");
}

#[test]
fn no_profile_asks_for_what_excludes_each_other() {
    for profile in Profile::ALL {
        let set = profile.leniencies(None);
        for (leniency, row) in &TABLE {
            assert_eq!(set.allows(*leniency), row[profile as usize], "{leniency} in {}", profile.name());
        }
        for (choice, row) in &CHOICES {
            assert_eq!(set.chooses(*choice), row[profile as usize], "{choice} in {}", profile.name());
        }
    }
}

#[test]
fn strict_has_nothing_and_every_leniency_has_a_client() {
    assert_eq!(Profile::Strict.leniencies(None), Leniencies::strict());
    let someone = |row: &Row| row.iter().any(|cell| *cell);
    assert!(TABLE.iter().all(|(_, row)| someone(row)) && CHOICES.iter().all(|(_, row)| someone(row)));
}

#[test]
fn in_auto_everybody_is_read_and_the_meaning_follows_who_was_recognised() {
    for recognised in Profile::ALL {
        let set = Profile::Auto.leniencies(Some(recognised));
        for leniency in Leniency::ALL {
            let expected =
                if leniency.changes_meaning() { recognised.leniencies(None).allows(*leniency) } else { true };
            assert_eq!(set.allows(*leniency), expected, "{leniency}, {} recognised", recognised.name());
        }
        for choice in Choice::ALL {
            assert_eq!(set.chooses(*choice), recognised.leniencies(None).chooses(*choice), "{choice}");
        }
    }
}

#[test]
fn who_was_recognised_does_not_matter_to_a_profile_that_was_chosen() {
    for profile in Profile::ALL.into_iter().filter(|profile| *profile != Profile::Auto) {
        for recognised in Profile::ALL {
            assert_eq!(profile.leniencies(Some(recognised)), profile.leniencies(None));
        }
    }
}

/// The rows of the page's tables that begin with a name in backquotes, as cells.
fn page() -> Vec<Vec<&'static str>> {
    let page = include_str!("../../../../docs/leniencies.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The page that administrators read says what the code does.
#[test]
fn the_page_has_the_same_table() {
    let page = page();
    let code = TABLE.iter().map(|(leniency, row)| (leniency.name(), row));
    let code: Vec<_> = code.chain(CHOICES.iter().map(|(choice, row)| (choice.name(), row))).collect();
    let marks = page.iter().filter(|row| row.len() == PROFILES + 1);
    let marks: Vec<(&str, Row)> =
        marks.map(|row| (row[0].trim_matches('`'), std::array::from_fn(|place| row[place + 1] == "x"))).collect();
    assert_eq!(marks.len(), code.len());
    for ((name, row), (written, marks)) in code.iter().zip(&marks) {
        assert_eq!((name, *row), (written, marks));
    }
    let names = format!("| {} |", Profile::ALL.map(Profile::name).join(" | "));
    let headings = include_str!("../../../../docs/leniencies.md").lines().filter(|line| line.ends_with(&names));
    assert_eq!(headings.count(), 2, "the columns stand in the same order");
    for (name, _) in code {
        let described = page.iter().filter(|row| row.len() == 3 && row[0].trim_matches('`') == name);
        assert_eq!(described.count(), 1, "{name} is described");
    }
}

#[test]
fn the_page_has_every_signal() {
    let page: Vec<_> = page().into_iter().filter(|row| row.len() == 4).collect();
    let signals = &crate::recognition::SIGNALS;
    assert_eq!(page.len(), signals.len());
    for (row, signal) in page.iter().zip(signals) {
        let code = (signal.name, signal.profile.name(), signal.strength.word());
        assert_eq!((row[0].trim_matches('`'), row[1], row[2]), code);
    }
}
