//! Sorting (RFC 7644 §3.4.2.3).

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::attribute::Type;
use crate::decimal::Decimal;
use crate::effort::Effort;
use crate::error::ScimError;
use crate::fold::comparison_key;
use crate::instant;
use crate::leniency::{Leniencies, Warnings};
use crate::normalise::key;
use crate::schema::{AttributeRef, ResourceType};
use crate::value::{elements, is_primary};

/// `sortBy` and `sortOrder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The attribute, never complex.
    pub attribute: AttributeRef,
    /// Whether the order is descending.
    pub descending: bool,
}

/// The bytes of a text or digits of a number that are compared, so that a position in the order fits into a cursor. Longer
/// values that start alike are sorted by id.
const MAX_KEY_LENGTH: usize = 512;

/// The sort key of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// false before true.
    Flag(bool),
    /// By value.
    Number(Decimal),
    /// Chronologically.
    Instant(Timestamp),
    /// By code point, folded unless the attribute is case exact.
    Text(String),
}

impl Sort {
    /// Parses the parameters. `sortOrder` without `sortBy` is ignored. An error is 400 `invalidValue`.
    pub fn parse(
        by: Option<&str>,
        order: Option<&str>,
        resource_types: &[&ResourceType],
        (leniencies, warnings): (&Leniencies, &mut Warnings),
    ) -> Result<Option<Self>, ScimError> {
        let Some(name) = by.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(None) };
        // RFC 7644 §3.4.2.3: "If a value for "sortBy" is provided and no "sortOrder" is specified, "sortOrder" SHALL
        // default to ascending."
        let descending = match order.map(str::trim).unwrap_or_default() {
            word if word.is_empty() || word.eq_ignore_ascii_case("ascending") => false,
            word if word.eq_ignore_ascii_case("descending") => true,
            word => {
                let detail = format!("sortOrder is \"{word}\"; it must be ascending or descending.");
                return Err(ScimError::invalid_value(detail));
            }
        };
        let refuse = |why: &str| Err(ScimError::invalid_value(format!("sortBy: {name} {why}.")));
        let mut each = resource_types.iter().filter_map(|known| Some((*known, known.resolve(name)?)));
        let undefined = "is not an attribute of these resources";
        let Some((resource_type, mut attribute)) = each.next() else { return refuse(undefined) };
        if each.any(|(_, it)| !it.compares_like(&attribute)) {
            return refuse("is not the same kind of attribute in all of these resources");
        }
        key::tolerate_form(name, &attribute, resource_type, leniencies, warnings, || {
            ScimError::invalid_value(format!("sortBy: {name} {undefined}."))
        })?;
        if attribute.leaf().is_complex() {
            let Some(value) = attribute.attribute.sub_attribute("value").cloned() else {
                return refuse("has parts; name the one to sort by, such as name.familyName");
            };
            attribute.sub = Some(value);
        }
        if attribute.attribute.is_secret() || attribute.leaf().is_secret() {
            return refuse("is never returned and cannot be sorted by");
        }
        let is_groups = attribute.extension.is_none() && attribute.attribute.name == "groups";
        if is_groups || resource_types.iter().any(|known| known.is_detached(&attribute)) {
            return refuse("has no order of its own and cannot be sorted by");
        }
        Ok(Some(Self { attribute, descending }))
    }

    /// The sort key of a resource; `None` if it has no value of the attribute's type. RFC 7644 §3.4.2.3: "if the attribute is
    /// multi-valued, resources are sorted by the value of the primary attribute (see Section 2.4 of \[RFC7643\]), if any, or
    /// else the first value in the list, if any."
    ///
    /// # Errors
    /// That of `effort`.
    pub fn key(&self, document: &Map<String, Value>, effort: &mut Effort) -> Result<Option<SortKey>, ScimError> {
        let Some(value) = self.attribute.value(document) else { return Ok(None) };
        let Some(element) = first(value, effort)? else { return Ok(None) };
        match &self.attribute.sub {
            None => self.key_of(element, effort),
            Some(sub) => match element.get(&sub.name).map(|value| first(value, effort)).transpose()? {
                Some(Some(leaf)) => self.key_of(leaf, effort),
                _ => Ok(None),
            },
        }
    }

    fn key_of(&self, value: &Value, effort: &mut Effort) -> Result<Option<SortKey>, ScimError> {
        let leaf = self.attribute.leaf();
        Ok(match (leaf.kind, value) {
            // "The attribute type determines the order": a dateTime is sorted by time, whatever its offset.
            (Type::DateTime, Value::String(text)) => {
                effort.charge(text.len())?;
                instant::parse(text).map(SortKey::Instant)
            }
            (_, Value::String(text)) => {
                // Folding shortens a text to a third at most, so that no more of it counts.
                let text = text.get(..text.floor_char_boundary(8 * MAX_KEY_LENGTH)).unwrap_or_default();
                effort.fold(text)?;
                let mut key = comparison_key(text, leaf).into_owned();
                key.truncate(key.floor_char_boundary(MAX_KEY_LENGTH));
                Some(SortKey::Text(key))
            }
            (_, Value::Number(number)) => {
                effort.charge(number.as_str().len())?;
                Some(SortKey::Number(Decimal::new(number).shortened(MAX_KEY_LENGTH)))
            }
            (_, Value::Bool(flag)) => Some(SortKey::Flag(*flag)),
            _ => None,
        })
    }

    /// The order of two keys in an ascending list: "all resources without a value SHALL be sorted last".
    #[must_use]
    pub fn compare(one: Option<&SortKey>, other: Option<&SortKey>) -> Ordering {
        match (one, other) {
            (Some(one), Some(other)) => one.cmp(other),
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
        }
    }
}

/// The primary element, or else the first one.
fn first<'d>(value: &'d Value, effort: &mut Effort) -> Result<Option<&'d Value>, ScimError> {
    let elements = elements(Some(value));
    effort.compare(elements.len(), 0)?;
    Ok(elements.iter().find(|element| is_primary(element)).or_else(|| elements.first()))
}

impl SortKey {
    /// The text form, for a cursor.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Flag(flag) => format!("f{flag}"),
            Self::Number(number) => format!("n{}", number.key()),
            Self::Instant(at) => format!("i{}", at.as_nanosecond()),
            Self::Text(text) => format!("t{text}"),
        }
    }

    /// The reverse of [`SortKey::to_text`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut rest = text.chars();
        let kind = rest.next()?;
        let rest = rest.as_str();
        match kind {
            'f' => rest.parse().ok().map(Self::Flag),
            'n' => Decimal::from_key(rest).map(Self::Number),
            'i' => rest.parse().ok().and_then(|at| Timestamp::from_nanosecond(at).ok()).map(Self::Instant),
            't' => Some(Self::Text(rest.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::registry::Registry;

    fn parse(by: &str, order: Option<&str>) -> Result<Option<Sort>, ScimError> {
        Sort::parse(
            Some(by),
            order,
            &[Registry::standard().resource_type("User").unwrap()],
            (&Leniencies::all(), &mut Warnings::default()),
        )
    }

    fn key(by: &str, document: &Value) -> Option<SortKey> {
        let sort = parse(by, None).unwrap().unwrap();
        sort.key(document.as_object().unwrap(), &mut Effort::list()).unwrap()
    }

    #[test]
    fn an_extension_attribute_without_urn_needs_a_leniency() {
        let registry = Registry::standard();
        let types: [&ResourceType; 1] = [registry.resource_type("User").unwrap()];
        let full = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
        for (by, is_lenient) in [(full, false), ("department", true), ("title", false)] {
            let mut warnings = Warnings::default();
            assert!(Sort::parse(Some(by), None, &types, (&Leniencies::all(), &mut warnings)).is_ok());
            assert_eq!(warnings.is_empty(), !is_lenient, "{by}");
            let strict = Sort::parse(Some(by), None, &types, (&Leniencies::strict(), &mut warnings));
            assert_eq!(strict.is_err(), is_lenient, "{by}");
        }
    }

    #[test]
    fn parameters_are_parsed_in_any_case() {
        let sort = parse("USERNAME", Some("Descending")).unwrap().unwrap();
        assert_eq!((sort.attribute.name().as_str(), sort.descending), ("userName", true));
        assert!(!parse("name.familyName", Some("")).unwrap().unwrap().descending);
        assert_eq!(parse("emails", None).unwrap().unwrap().attribute.name(), "emails.value");
        assert_eq!(Sort::parse(None, Some("sideways"), &[], (&Leniencies::all(), &mut Warnings::default())), Ok(None));
    }

    #[test]
    fn attributes_without_an_order_are_refused() {
        for (by, order) in
            [("hat", None), ("name", None), ("password", None), ("groups", None), ("userName", Some("sideways"))]
        {
            assert_eq!(parse(by, order).unwrap_err().status, 400, "{by}");
        }
        let registry = Registry::standard();
        let group = registry.resource_type("Group").unwrap();
        assert!(Sort::parse(Some("members"), None, &[group], (&Leniencies::all(), &mut Warnings::default())).is_err());
    }

    #[test]
    fn a_multi_valued_attribute_sorts_by_its_primary_or_first_value() {
        let text = |text: &str| Some(SortKey::Text(text.to_owned()));
        let emails = json!({ "emails": [{ "value": "B@x" }, { "value": "A@x", "primary": true }] });
        assert_eq!(key("emails.value", &emails), text("a@x"));
        let none_primary = json!({ "emails": [{ "value": "B@x" }, { "value": "A@x", "primary": false }] });
        assert_eq!(key("emails", &none_primary), text("b@x"));
        assert_eq!(key("emails", &json!({ "emails": [] })), None);
        assert_eq!(key("userName", &json!({ "userName": null })), None);
    }

    #[test]
    fn times_sort_chronologically_and_missing_values_last() {
        let at = |time: &str| key("meta.created", &json!({ "meta": { "created": time } }));
        let (early, late) = (at("2026-01-01T10:00:00+05:00"), at("2026-01-01T06:00:00Z"));
        assert_eq!(Sort::compare(early.as_ref(), late.as_ref()), Ordering::Less);
        assert_eq!(Sort::compare(None, late.as_ref()), Ordering::Greater);
        assert_eq!(Sort::compare(late.as_ref(), None), Ordering::Less);
        assert_eq!(Sort::compare(None, None), Ordering::Equal);
    }

    #[test]
    fn sort_keys_survive_a_round_trip() {
        for value in [json!("Ada"), json!(""), json!("tie"), json!(-12.5e7), json!(0), json!(true), json!(false)] {
            let key = key("title", &json!({ "title": value })).unwrap();
            assert_eq!(SortKey::from_text(&key.to_text()), Some(key), "{value}");
        }
        let at = key("meta.created", &json!({ "meta": { "created": "1969-01-01T10:00:00.1234567+05:00" } })).unwrap();
        assert_eq!(SortKey::from_text(&at.to_text()), Some(at));
        for text in ["", "x", "fmaybe", "n", "n1", "n1x2", "i", "i1.5", "i99999999999999999999999999999999999999"] {
            assert_eq!(SortKey::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn long_values_are_sorted_by_their_prefix() {
        let title = |text: String| key("title", &json!({ "title": text })).unwrap();
        let (long, longer) = ("é".repeat(300), "é".repeat(400));
        assert_eq!(title(long.clone()), title(longer));
        assert_eq!(title(long).to_text().len(), 1 + MAX_KEY_LENGTH);
        let number =
            |digits: &str| key("title", &serde_json::from_str(&format!("{{\"title\":{digits}}}")).unwrap()).unwrap();
        assert!(number(&"9".repeat(600)) > number(&"9".repeat(599)));
        assert_eq!(number(&"9".repeat(600)), number(&format!("{}8", "9".repeat(599))));
        assert!(number(&format!("{}8", "9".repeat(511))) < number(&"9".repeat(512)));
    }
}
