//! A look-up finds what comparing each with each finds.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::registry::Registry;

/// Elements of a small alphabet, so that many are the same or nearly so.
fn elements() -> impl Strategy<Value = Vec<Value>> {
    let text = || prop::option::of(prop::sample::select(vec!["a", "A", "b"]));
    let element = (text(), text(), text()).prop_map(|(value, kind, display)| {
        let members = [("value", value), ("type", kind), ("display", display)];
        members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))).collect::<Value>()
    });
    let object = element.prop_map(|element| if element.is_object() { element } else { json!({}) });
    prop::collection::vec(prop_oneof![8 => object, 1 => Just(json!("a")), 1 => Just(json!(1))], 0..8)
}

/// What [`Listed`] says, of two elements.
fn is_listed(present: &Value, listed: &Value, attribute: &Attribute) -> bool {
    let same = |one: &Value, other: &Value, attribute: &Attribute| match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => comparison_key(one, attribute) == comparison_key(other, attribute),
        _ => one == other,
    };
    let (Some(own), Some(members)) = (present.as_object(), listed.as_object()) else {
        return same(present, listed, attribute);
    };
    let by_value = members.contains_key("value");
    members
        .iter()
        .filter(|(name, _)| *name != "display" && (!by_value || ["value", "type"].contains(&name.as_str())))
        .all(|(name, value)| match (own.get(name), attribute.sub_attribute(name)) {
            (Some(own), Some(sub)) => same(own, value, sub),
            _ => false,
        })
}

proptest! {
    #[test]
    fn an_added_element_is_found_by_look_up(present in elements(), added in elements()) {
        let effort = &mut Effort::unlimited();
        let mut all = present;
        let mut index = Present::new(&all, effort).unwrap();
        for new in added {
            let found = index.find(&all, &new, effort).unwrap();
            prop_assert_eq!(found, position(&all, &new, effort).unwrap(), "{} in {:?}", new, all);
            if found.is_none() {
                index.insert(all.len(), &new, effort).unwrap();
                all.push(new);
            }
        }
    }

    #[test]
    fn a_listed_element_is_found_by_look_up(present in elements(), list in elements()) {
        let effort = &mut Effort::unlimited();
        let emails = Registry::standard().resource_type("User").unwrap().resolve("emails").unwrap().attribute;
        let identifies = |it: &Value| it.as_object().is_none_or(|it| it.contains_key("value") || it.contains_key("type"));
        let found = Listed::new(&list, &emails, effort).unwrap();
        prop_assert_eq!(found.is_some(), list.iter().all(identifies));
        let Some(found) = found else { return Ok(()) };
        for element in &present {
            let expected = list.iter().any(|listed| is_listed(element, listed, &emails));
            prop_assert_eq!(found.contains(element, effort).unwrap(), expected, "{} in {:?}", element, list);
        }
    }
}
