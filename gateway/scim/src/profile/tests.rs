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
