use super::*;

fn example(number: u128, change: Change, attributes: &[&str]) -> Example {
    Example {
        id: Uuid::from_u128(number),
        resource_type: "User".to_owned(),
        name: None,
        change,
        reason: None,
        differences: Vec::new(),
        attributes: attributes.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn with(examples: Vec<Example>) -> Report {
    Report { examples, ..Report::default() }
}

#[test]
fn a_new_kind_of_change_takes_the_place_of_an_example_that_is_not_needed() {
    let mut report = Report::default();
    for number in 0..100 {
        report.join(with(vec![example(number, Change::Changed, &["title"])]));
    }
    assert_eq!(report.examples.len(), EXAMPLES_OF_A_KIND);
    for number in 0..40 {
        report.join(with(vec![example(1_000 + number, Change::Changed, &[&format!("a{}", number % 19)])]));
    }
    assert_eq!(report.examples.len(), MAX_EXAMPLES);
    for (number, change) in [(1, Change::Excluded), (2, Change::Failed)] {
        report.join(with(vec![example(2_000 + number, change, &[])]));
    }
    let changes: BTreeSet<Change> = report.examples.iter().map(|it| it.change).collect();
    assert_eq!(changes, BTreeSet::from([Change::Changed, Change::Excluded, Change::Failed]));
    let kinds: BTreeSet<Kind> =
        report.examples.iter().flat_map(|it| kinds(&it.resource_type, it.change, &it.attributes)).collect();
    assert_eq!(kinds.len(), MAX_EXAMPLES, "each example is one of another kind");
}

#[test]
fn the_number_of_counted_attributes_is_bounded() {
    let mut report = Report::default();
    for number in 0..600 {
        report.count_one("User", format!("a{number}"), 1);
    }
    report.count_one("User", "a7".to_owned(), 1);
    assert_eq!((report.attributes["User"].len(), report.other_attributes), (MAX_ATTRIBUTES, 100));
    assert_eq!(report.attributes["User"]["a7"], 2);
}

#[test]
fn a_report_is_read_as_it_was_written() {
    let report = with(vec![example(1, Change::Excluded, &[])]);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    assert_eq!(serde_json::from_str::<Report>("{}").unwrap(), Report::default());
}
