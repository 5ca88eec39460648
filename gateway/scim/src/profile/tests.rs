use super::*;

#[test]
fn the_tables_have_a_row_per_leniency_and_choice() {
    let rows: Vec<Leniency> = TABLE.iter().map(|(leniency, _)| *leniency).collect();
    assert_eq!(rows, Leniency::ALL, "in the order of definition");
    assert_eq!(CHOICES.iter().map(|(choice, _)| *choice).collect::<Vec<_>>(), Choice::ALL);
}

#[test]
fn the_columns_follow_the_order_of_profiles() {
    for (index, profile) in Profile::ALL.into_iter().enumerate() {
        assert_eq!(profile as usize, index);
        assert_eq!(Profile::find(profile.name()), Some(profile));
    }
    assert_eq!(Profile::find("Entra"), None, "names are case-sensitive");
}

#[test]
fn no_profile_has_contradicting_leniencies() {
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
fn strict_has_no_leniency_and_every_leniency_has_a_client() {
    assert_eq!(Profile::Strict.leniencies(None), Leniencies::strict());
    let is_used = |row: &Row| row.iter().any(|cell| *cell);
    assert!(TABLE.iter().all(|(_, row)| is_used(row)) && CHOICES.iter().all(|(_, row)| is_used(row)));
}

#[test]
fn auto_uses_the_meaning_of_the_recognised_client() {
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
fn a_chosen_profile_ignores_the_recognised_client() {
    for profile in Profile::ALL.into_iter().filter(|profile| *profile != Profile::Auto) {
        for recognised in Profile::ALL {
            assert_eq!(profile.leniencies(Some(recognised)), profile.leniencies(None));
        }
    }
}
