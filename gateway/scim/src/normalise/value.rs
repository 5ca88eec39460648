//! One value, brought to the type its attribute wants. Text, numbers and times stay as they were written, since a
//! value that comes back changed is an endless difference at the provider; only the kind of JSON is mended.

use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::attribute::{Attribute, Mutability, Returned, Type};
use crate::decimal::Decimal;
use crate::error::ScimError;
use crate::leniency::{Leniencies, Leniency, Warnings};

/// Brings `value` to the form that `attribute` wants; `None` means that it leaves the attribute unassigned.
/// Unknown sub-attributes are left out, with a warning.
///
/// # Errors
/// 400 `invalidValue` that names the attribute, if the value is of another type or a leniency it needs is refused.
pub fn coerce(
    value: Value,
    attribute: &Attribute,
    leniencies: &Leniencies,
    warnings: &mut Warnings,
) -> Result<Option<Value>, ScimError> {
    let mut unknown = Map::new();
    Coercion { leniencies, warnings, unknown: &mut unknown }.value(value, attribute, &attribute.name)
}

/// Like [`coerce`], for one element of a multi-valued attribute.
///
/// # Errors
/// As [`coerce`].
pub fn coerce_element(
    value: Value,
    attribute: &Attribute,
    leniencies: &Leniencies,
    warnings: &mut Warnings,
) -> Result<Option<Value>, ScimError> {
    let mut unknown = Map::new();
    Coercion { leniencies, warnings, unknown: &mut unknown }.element(value, attribute, &attribute.name)
}

/// Refuses U+0000 in any text or key of `value`: no database text can hold it, and none of it can be meant.
///
/// # Errors
/// 400 `invalidValue`.
pub fn refuse_nul(value: &Value) -> Result<(), ScimError> {
    // A list of open values in place of recursion, so that no nesting can exhaust the stack.
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => refuse_nul_in(text)?,
            Value::Array(elements) => open.extend(elements),
            Value::Object(members) => {
                members.keys().try_for_each(|key| refuse_nul_in(key))?;
                open.extend(members.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(())
}

fn refuse_nul_in(text: &str) -> Result<(), ScimError> {
    if text.contains('\0') {
        return Err(ScimError::invalid_value("A text holds the character U+0000; remove it."));
    }
    Ok(())
}

/// Whether a number is whole, however it is written: `1`, `1.0`, `1e3`.
#[must_use]
pub fn is_whole(number: &Number) -> bool {
    Decimal::new(number).is_whole()
}

/// RFC 7643 §2.3.4: an integer "MUST NOT contain fractional or exponent parts". One with thousands of digits stays as it is.
fn plain(number: Number) -> Number {
    if number.to_string().bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        return number;
    }
    Decimal::new(&number).plain(MOST_DIGITS).and_then(|text| text.parse().ok()).unwrap_or(number)
}

/// Digits of an integer that is written out.
const MOST_DIGITS: usize = 64;

/// Which leniency `""` needs to leave `attribute` unassigned: as a text it could be meant.
fn empty_string(attribute: &Attribute) -> Leniency {
    match attribute.kind {
        Type::String | Type::Reference | Type::Binary => Leniency::EmptyStringClears,
        _ => Leniency::EmptyStringAsNull,
    }
}

/// Whether `""` leaves `attribute` unassigned.
pub(crate) fn clears(attribute: &Attribute, leniencies: Leniencies) -> bool {
    leniencies.allows(empty_string(attribute))
}

/// The leniencies in force and what they bring to light.
pub(crate) struct Coercion<'a> {
    pub(crate) leniencies: &'a Leniencies,
    pub(crate) warnings: &'a mut Warnings,
    /// Unknown sub-attributes under their dotted names; for a multi-valued attribute an array of them.
    pub(crate) unknown: &'a mut Map<String, Value>,
}

impl Coercion<'_> {
    /// The whole value of an attribute. `name` is the attribute's full name for errors and warnings.
    pub(crate) fn value(
        &mut self,
        value: Value,
        attribute: &Attribute,
        name: &str,
    ) -> Result<Option<Value>, ScimError> {
        match value {
            // RFC 7643 §2.5: "Unassigned attributes, the null value, or an empty array (in the case of a
            // multi-valued attribute) SHALL be considered to be equivalent in 'state'."
            Value::Null => Ok(None),
            Value::Array(elements) if elements.is_empty() => Ok(None),
            Value::Array(elements) if attribute.multi_valued => self.elements(elements, attribute, name),
            Value::Array(elements) => self.only(elements, attribute, name),
            value if attribute.multi_valued => {
                let Some(element) = self.element(value, attribute, name)? else { return Ok(None) };
                self.tolerate(Leniency::ScalarForArray, name, || "must be an array".into())?;
                Ok(Some(Value::Array(vec![element])))
            }
            value => self.element(value, attribute, name),
        }
    }

    fn elements(
        &mut self,
        elements: Vec<Value>,
        attribute: &Attribute,
        name: &str,
    ) -> Result<Option<Value>, ScimError> {
        let mut kept = Vec::with_capacity(elements.len());
        for element in elements {
            if element.is_null() {
                self.tolerate(Leniency::NullAttribute, name, || "must not have null among its values".into())?;
                continue;
            }
            kept.extend(self.element(element, attribute, name)?);
        }
        self.settle_primary(&mut kept, name)?;
        Ok(if kept.is_empty() { None } else { Some(Value::Array(kept)) })
    }

    /// A single-valued attribute that came as an array: Entra ID's manager.
    fn only(
        &mut self,
        mut elements: Vec<Value>,
        attribute: &Attribute,
        name: &str,
    ) -> Result<Option<Value>, ScimError> {
        let (Some(element), true) = (elements.pop(), elements.is_empty()) else {
            return Err(wrong(name, "must be a single value, not several"));
        };
        self.tolerate(Leniency::ManagerAsArray, name, || "must be a single value, not an array".into())?;
        self.element(element, attribute, name)
    }

    /// One value: that of a single-valued attribute, or one element of a multi-valued one.
    pub(crate) fn element(
        &mut self,
        value: Value,
        attribute: &Attribute,
        name: &str,
    ) -> Result<Option<Value>, ScimError> {
        if value.is_null() {
            return Ok(None);
        }
        if value.as_str() == Some("") && clears(attribute, *self.leniencies) {
            self.warnings.add(empty_string(attribute), name);
            return Ok(None);
        }
        match attribute.kind {
            Type::Boolean => self.boolean(value, name).map(Some),
            Type::Integer | Type::Decimal => self.number(&value, attribute, name).map(Some),
            Type::String => self.string(value, name).map(Some),
            Type::DateTime | Type::Binary | Type::Reference => match value {
                Value::String(text) => checked_text(text).map(Some),
                other => Err(wrong(name, &format!("must be a text, not {}", shown(&other)))),
            },
            Type::Complex => self.complex(value, attribute, name),
        }
    }

    fn boolean(&mut self, value: Value, name: &str) -> Result<Value, ScimError> {
        let meant = match &value {
            Value::Bool(_) => return Ok(value),
            Value::String(text) if text.eq_ignore_ascii_case("true") => true,
            Value::String(text) if text.eq_ignore_ascii_case("false") => false,
            other => return Err(wrong(name, &format!("must be true or false, not {}", shown(other)))),
        };
        self.tolerate(Leniency::StringBoolean, name, || {
            format!("must be true or false without quotes, not {}", shown(&value))
        })?;
        Ok(Value::Bool(meant))
    }

    fn number(&mut self, value: &Value, attribute: &Attribute, name: &str) -> Result<Value, ScimError> {
        let wanted = if attribute.kind == Type::Integer { "a whole number" } else { "a number" };
        let refuse = |value: &Value| wrong(name, &format!("must be {wanted}, not {}", shown(value)));
        let number = match value {
            Value::Number(number) => number.clone(),
            Value::String(text) => text.parse::<Number>().map_err(|_| refuse(value))?,
            _ => return Err(refuse(value)),
        };
        if attribute.kind == Type::Integer && !is_whole(&number) {
            return Err(refuse(value));
        }
        if value.is_string() {
            self.tolerate(Leniency::StringNumber, name, || {
                format!("must be {wanted} without quotes, not {}", shown(value))
            })?;
        }
        Ok(Value::Number(if attribute.kind == Type::Integer { plain(number) } else { number }))
    }

    fn string(&mut self, value: Value, name: &str) -> Result<Value, ScimError> {
        let text = match &value {
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::String(_) => String::new(),
            other => return Err(wrong(name, &format!("must be a text, not {}", shown(other)))),
        };
        if let Value::String(text) = value {
            return checked_text(text);
        }
        self.tolerate(Leniency::ScalarForString, name, || format!("must be a text in quotes, not {}", shown(&value)))?;
        Ok(Value::String(text))
    }

    fn complex(&mut self, value: Value, attribute: &Attribute, name: &str) -> Result<Option<Value>, ScimError> {
        let members = match value {
            Value::Object(members) => self.unpacked(members, attribute, name)?,
            bare @ (Value::String(_) | Value::Number(_)) if attribute.sub_attribute("value").is_some() => {
                self.tolerate(Leniency::ManagerAsString, name, || {
                    format!("must be an object with a value, not {}", shown(&bare))
                })?;
                self.unpacked(Map::from_iter([("value".to_owned(), bare)]), attribute, name)?
            }
            other => return Err(wrong(name, &format!("must be an object, not {}", shown(&other)))),
        };
        let mut kept = Map::new();
        for (key, value) in members {
            let Some(sub) = attribute.sub_attribute(&key) else {
                self.keep_unknown(&key, value, attribute, name)?;
                continue;
            };
            if is_dropped(sub, attribute) {
                continue;
            }
            if let Some(value) = self.sub_value(value, sub, name)? {
                kept.insert(sub.name.clone(), value);
            }
        }
        Ok(if kept.is_empty() { None } else { Some(Value::Object(kept)) })
    }

    /// The dotted name is only needed if something is amiss, and a group can have 100,000 members.
    fn sub_value(&mut self, value: Value, sub: &Arc<Attribute>, name: &str) -> Result<Option<Value>, ScimError> {
        match (&value, sub.kind) {
            (Value::String(text), Type::String | Type::Reference) if !text.is_empty() && !sub.multi_valued => {
                refuse_nul_in(text)?;
                Ok(Some(value))
            }
            _ => self.value(value, sub, &format!("{name}.{}", sub.name)),
        }
    }

    /// Entra ID's `AppRoleAssignmentsComplex`: the `value` of an element is the JSON text of the element itself.
    fn unpacked(
        &mut self,
        mut members: Map<String, Value>,
        attribute: &Attribute,
        name: &str,
    ) -> Result<Map<String, Value>, ScimError> {
        let written = members.iter().find(|(key, _)| key.eq_ignore_ascii_case("value"));
        let Some((key, text)) = written.and_then(|(key, value)| Some((key.clone(), value.as_str()?))) else {
            return Ok(members);
        };
        if !attribute.multi_valued || !text.starts_with('{') || !self.leniencies.allows(Leniency::JsonTextValue) {
            return Ok(members);
        }
        let Ok(Value::Object(inner)) = crate::json::parse(text) else { return Ok(members) };
        if !inner.keys().any(|key| key.eq_ignore_ascii_case("value")) {
            return Ok(members);
        }
        self.warnings.add(Leniency::JsonTextValue, name);
        members.shift_remove(&key);
        for (key, value) in inner {
            refuse_nul_in(&key)?;
            refuse_nul(&value)?;
            members.insert(key, value);
        }
        Ok(members)
    }

    fn keep_unknown(&mut self, key: &str, value: Value, attribute: &Attribute, name: &str) -> Result<(), ScimError> {
        let full = format!("{name}.{key}");
        self.leniencies.tolerate(Leniency::UnknownAttributeSetAside, &full, self.warnings, || {
            ScimError::invalid_syntax(format!("{full} is no attribute of this resource type."))
        })?;
        match self.unknown.entry(full).or_insert(Value::Null) {
            Value::Array(values) if attribute.multi_valued => values.push(value),
            place if attribute.multi_valued => *place = Value::Array(vec![value]),
            place => *place = value,
        }
        Ok(())
    }

    /// RFC 7643 §2.4: "The primary attribute value 'true' MUST appear no more than once."
    fn settle_primary(&mut self, elements: &mut [Value], name: &str) -> Result<(), ScimError> {
        let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
        let primaries = elements.iter().filter(|element| is_primary(element)).count();
        if primaries < 2 {
            return Ok(());
        }
        self.tolerate(Leniency::ExtraPrimary, name, || "must have at most one primary value".into())?;
        for element in elements.iter_mut().filter(|element| is_primary(element)).take(primaries - 1) {
            element["primary"] = Value::Bool(false);
        }
        Ok(())
    }

    fn tolerate(
        &mut self,
        leniency: Leniency,
        name: &str,
        complaint: impl FnOnce() -> String,
    ) -> Result<(), ScimError> {
        self.leniencies.tolerate(leniency, name, self.warnings, || wrong(name, &complaint()))
    }
}

/// RFC 7644 §3.3: "If an attribute is 'readOnly', the value SHALL be ignored." What is never returned is not kept.
fn is_dropped(sub: &Attribute, parent: &Attribute) -> bool {
    let read_only = sub.mutability == Mutability::ReadOnly && parent.mutability != Mutability::ReadOnly;
    read_only || sub.returned == Returned::Never
}

fn checked_text(text: String) -> Result<Value, ScimError> {
    refuse_nul_in(&text)?;
    Ok(Value::String(text))
}

fn wrong(name: &str, complaint: &str) -> ScimError {
    ScimError::invalid_value(format!("{name} {complaint}."))
}

/// What was found, for an error. Texts are not repeated: they can be long, and they can be personal.
fn shown(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "this number",
        Value::String(_) => "this text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
