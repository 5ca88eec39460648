//! The order a client asks for (RFC 7644 §3.4.2.3).

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::attribute::{Mutability, Returned, Type};
use crate::decimal::Decimal;
use crate::error::ScimError;
use crate::fold::comparison_key;
use crate::instant;
use crate::leniency::{Leniencies, Warnings};
use crate::normalise::key;
use crate::schema::{AttributeRef, ResourceType};

/// `sortBy` and `sortOrder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What to sort by; never complex.
    pub attribute: AttributeRef,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// How much of a value it is sorted by: bytes of a text, digits of a number. What is equal so far is sorted by id, so that
/// a place in the order fits into a cursor.
const LONGEST_KEY: usize = 512;

/// What a resource is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// false comes before true.
    Flag(bool),
    /// By value.
    Number(Decimal),
    /// By the point in time.
    Instant(Timestamp),
    /// By code points, without case where the attribute is not case exact.
    Text(String),
}

impl Sort {
    /// Reads the parameters. Without `sortBy` there is no order to ask for, whatever `sortOrder` says.
    ///
    /// # Errors
    /// 400 `invalidValue` for an attribute that none of the types has, or that cannot be sorted by.
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
        let undefined = "is no attribute of these resources";
        let Some((resource_type, mut attribute)) = each.next() else { return refuse(undefined) };
        if each.any(|(_, it)| !it.is_alike(&attribute)) {
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
        let secret =
            |it: &crate::attribute::Attribute| it.returned == Returned::Never || it.mutability == Mutability::WriteOnly;
        if secret(&attribute.attribute) || secret(attribute.leaf()) {
            return refuse("is never returned and cannot be sorted by");
        }
        let beside = |resource_type: &&ResourceType| resource_type.detached == Some(attribute.attribute.name.as_str());
        if attribute.extension.is_none() && (attribute.attribute.name == "groups" || resource_types.iter().any(beside))
        {
            return refuse("has no order of its own and cannot be sorted by");
        }
        Ok(Some(Self { attribute, descending }))
    }

    /// The value that a resource is sorted by. RFC 7644 §3.4.2.3: "if the attribute is multi-valued, resources are
    /// sorted by the value of the primary attribute (see Section 2.4 of \[RFC7643\]), if any, or else the first value in
    /// the list, if any."
    #[must_use]
    pub fn value<'d>(&self, document: &'d Map<String, Value>) -> Option<&'d Value> {
        let is_primary = |element: &&Value| element.get("primary").and_then(Value::as_bool) == Some(true);
        let one = |value: &'d Value| match value {
            Value::Array(elements) => elements.iter().find(is_primary).or_else(|| elements.first()),
            single => Some(single),
        };
        let element = one(self.attribute.value(document)?)?;
        let leaf = match &self.attribute.sub {
            Some(sub) => one(element.get(&sub.name)?)?,
            None => element,
        };
        (!leaf.is_null()).then_some(leaf)
    }

    /// What a value is sorted by; none where it is not of the attribute's type.
    #[must_use]
    pub fn key(&self, value: &Value) -> Option<SortKey> {
        let leaf = self.attribute.leaf();
        match (leaf.kind, value) {
            // "The attribute type determines the order": a dateTime is sorted by time, whatever its offset.
            (Type::DateTime, Value::String(text)) => instant::parse(text).map(SortKey::Instant),
            (_, Value::String(text)) => {
                let mut key = comparison_key(text, leaf).into_owned();
                key.truncate(key.floor_char_boundary(LONGEST_KEY));
                Some(SortKey::Text(key))
            }
            (_, Value::Number(number)) => Some(SortKey::Number(Decimal::new(number).shortened(LONGEST_KEY))),
            (_, Value::Bool(flag)) => Some(SortKey::Flag(*flag)),
            _ => None,
        }
    }

    /// How two keys stand in an ascending list: "all resources without a value SHALL be sorted last".
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

impl SortKey {
    /// A text from which it is read back.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Flag(flag) => format!("f{flag}"),
            Self::Number(number) => format!("n{}", number.key()),
            Self::Instant(at) => format!("i{}", at.as_nanosecond()),
            Self::Text(text) => format!("t{text}"),
        }
    }

    /// The key whose [`SortKey::to_text`] this is.
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
        sort.value(document.as_object().unwrap()).and_then(|value| sort.key(value))
    }

    #[test]
    fn an_attribute_of_an_extension_is_named_with_its_urn_or_by_leniency() {
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
    fn the_parameters_are_read_in_any_case() {
        let sort = parse("USERNAME", Some("Descending")).unwrap().unwrap();
        assert_eq!((sort.attribute.name().as_str(), sort.descending), ("userName", true));
        assert!(!parse("name.familyName", Some("")).unwrap().unwrap().descending);
        assert_eq!(parse("emails", None).unwrap().unwrap().attribute.name(), "emails.value");
        assert_eq!(Sort::parse(None, Some("sideways"), &[], (&Leniencies::all(), &mut Warnings::default())), Ok(None));
    }

    #[test]
    fn what_has_no_order_is_refused() {
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
    fn of_several_values_the_primary_one_counts_or_else_the_first() {
        let text = |text: &str| Some(SortKey::Text(text.to_owned()));
        let emails = json!({ "emails": [{ "value": "B@x" }, { "value": "A@x", "primary": true }] });
        assert_eq!(key("emails.value", &emails), text("a@x"));
        let none_primary = json!({ "emails": [{ "value": "B@x" }, { "value": "A@x", "primary": false }] });
        assert_eq!(key("emails", &none_primary), text("b@x"));
        assert_eq!(key("emails", &json!({ "emails": [] })), None);
        assert_eq!(key("userName", &json!({ "userName": null })), None);
    }

    #[test]
    fn times_are_sorted_as_times_and_missing_values_come_last() {
        let at = |time: &str| key("meta.created", &json!({ "meta": { "created": time } }));
        let (early, late) = (at("2026-01-01T10:00:00+05:00"), at("2026-01-01T06:00:00Z"));
        assert_eq!(Sort::compare(early.as_ref(), late.as_ref()), Ordering::Less);
        assert_eq!(Sort::compare(None, late.as_ref()), Ordering::Greater);
        assert_eq!(Sort::compare(late.as_ref(), None), Ordering::Less);
        assert_eq!(Sort::compare(None, None), Ordering::Equal);
    }

    #[test]
    fn a_key_is_read_back_from_its_text() {
        for value in [json!("Ada"), json!(""), json!("tie"), json!(-12.5e7), json!(0), json!(true), json!(false)] {
            let key = parse("title", None).unwrap().unwrap().key(&value).unwrap();
            assert_eq!(SortKey::from_text(&key.to_text()), Some(key), "{value}");
        }
        let at = key("meta.created", &json!({ "meta": { "created": "1969-01-01T10:00:00.1234567+05:00" } })).unwrap();
        assert_eq!(SortKey::from_text(&at.to_text()), Some(at));
        for text in ["", "x", "fmaybe", "n", "n1", "n1x2", "i", "i1.5", "i99999999999999999999999999999999999999"] {
            assert_eq!(SortKey::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_long_is_sorted_by_its_beginning() {
        let title = |text: String| key("title", &json!({ "title": text })).unwrap();
        let (long, longer) = ("é".repeat(300), "é".repeat(400));
        assert_eq!(title(long.clone()), title(longer));
        assert_eq!(title(long).to_text().len(), 1 + LONGEST_KEY);
        let sort = parse("title", None).unwrap().unwrap();
        let number = |digits: &str| sort.key(&serde_json::from_str(digits).unwrap()).unwrap();
        assert!(number(&"9".repeat(600)) > number(&"9".repeat(599)));
        assert_eq!(number(&"9".repeat(600)), number(&format!("{}8", "9".repeat(599))));
        assert!(number(&format!("{}8", "9".repeat(511))) < number(&"9".repeat(512)));
    }
}
