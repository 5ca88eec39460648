//! Coerces a value to the type of its attribute. Only the JSON type changes; texts, numbers and times stay as written,
//! because a provider that reads back a changed value would send its own again and again.

use std::fmt::Display;

use serde_json::{Map, Number, Value};

use crate::attribute::{Attribute, Mutability, Returned, Type};
use crate::decimal::Decimal;
use crate::error::{ScimError, quoted};
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::value::{is_primary, keep_primary, member, take_member};

/// The longest integer that is rewritten without an exponent.
const MAX_INTEGER_DIGITS: usize = 64;

/// Refuses U+0000 in any text or key of `value`, because the database cannot store it.
pub(crate) fn refuse_nul(value: &Value) -> Result<(), ScimError> {
    // A stack of its own instead of recursion, so that deep nesting cannot overflow the thread's.
    let mut stack = vec![("", value)];
    while let Some((name, value)) = stack.pop() {
        match value {
            Value::String(text) => refuse_nul_in(text, &name)?,
            Value::Array(elements) => stack.extend(elements.iter().map(|element| (name, element))),
            Value::Object(members) => {
                members.keys().try_for_each(|key| refuse_nul_in(key, &name))?;
                stack.extend(members.iter().map(|(key, value)| (key.as_str(), value)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(())
}

/// The name is that of the member that holds the text; empty for none.
fn refuse_nul_in(text: &str, name: &dyn Display) -> Result<(), ScimError> {
    if !text.contains('\0') {
        return Ok(());
    }
    let name = name.to_string();
    let place = if name.is_empty() { "A text".to_owned() } else { format!("A text in {}", quoted(&name)) };
    Err(ScimError::invalid_value(format!("{place} holds the character U+0000; remove it.")))
}

/// RFC 7643 §2.3.4: an integer "MUST NOT contain fractional or exponent parts", so `1.0` and `1e3` are rewritten. Returns
/// `None` for a fraction.
fn integer(number: Number) -> Option<Number> {
    if number.to_string().bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        return Some(number);
    }
    let value = Decimal::new(&number);
    let plain = || value.plain(MAX_INTEGER_DIGITS).and_then(|text| text.parse().ok());
    value.is_whole().then(|| plain().unwrap_or(number))
}

/// The leniency by which `""` leaves `attribute` unassigned. An empty text is a valid value by the RFC.
fn empty_string_leniency(attribute: &Attribute) -> Leniency {
    match attribute.kind {
        Type::String | Type::Reference | Type::Binary => Leniency::EmptyStringClears,
        _ => Leniency::EmptyStringAsNull,
    }
}

/// Whether `""` leaves `attribute` unassigned.
pub(crate) fn empty_string_clears(attribute: &Attribute, leniencies: Leniencies) -> bool {
    leniencies.allows(empty_string_leniency(attribute))
}

/// The state of coercing the values of one request. Errors are 400 `invalidValue`.
pub(crate) struct Coercion<'a> {
    pub(crate) leniencies: &'a Leniencies,
    pub(crate) warnings: &'a mut Warnings,
    /// Receives unknown sub-attributes under their dotted names, as an array if the attribute is multi-valued.
    pub(crate) unknown: &'a mut Map<String, Value>,
}

impl Coercion<'_> {
    /// Coerces the whole value of an attribute; `None` leaves it unassigned. Errors and warnings use its full `name`.
    pub(crate) fn value(
        &mut self,
        value: Value,
        attribute: &Attribute,
        name: &dyn Display,
    ) -> Result<Option<Value>, ScimError> {
        match value {
            // RFC 7643 §2.5: "Unassigned attributes, the null value, or an empty array (in the case of a
            // multi-valued attribute) SHALL be considered to be equivalent in 'state'."
            Value::Null => Ok(None),
            Value::Array(elements) if elements.is_empty() => Ok(None),
            Value::Array(elements) if attribute.multi_valued => self.elements(elements, attribute, name),
            Value::Array(elements) => self.single(elements, attribute, name),
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
        name: &dyn Display,
    ) -> Result<Option<Value>, ScimError> {
        let mut kept = Vec::with_capacity(elements.len());
        let is_one = elements.len() == 1;
        for (number, element) in (1..).zip(elements) {
            if element.is_null() {
                self.tolerate(Leniency::NullAttribute, name, || "must not have null among its values".into())?;
                continue;
            }
            kept.extend(self.element(element, attribute, name).map_err(|error| {
                let place = if is_one { String::new() } else { format!(" That is value {number} of {name}.") };
                ScimError { detail: error.detail + &place, ..error }
            })?);
        }
        self.single_primary(&mut kept, name)?;
        Ok(if kept.is_empty() { None } else { Some(Value::Array(kept)) })
    }

    /// A single-valued attribute sent as an array, such as Entra ID's manager. Clients that wrap every value do so, too.
    fn single(
        &mut self,
        mut elements: Vec<Value>,
        attribute: &Attribute,
        name: &dyn Display,
    ) -> Result<Option<Value>, ScimError> {
        let (Some(element), true) = (elements.pop(), elements.is_empty()) else {
            return Err(wrong(name, "must be a single value, not several"));
        };
        let leniency = if attribute.is_complex() { Leniency::ManagerAsArray } else { Leniency::WrappedScalar };
        self.tolerate(leniency, name, || "must be a single value, not an array".into())?;
        self.element(element, attribute, name)
    }

    /// Coerces the value of a single-valued attribute or one element of a multi-valued one.
    pub(crate) fn element(
        &mut self,
        value: Value,
        attribute: &Attribute,
        name: &dyn Display,
    ) -> Result<Option<Value>, ScimError> {
        let value = if attribute.is_complex() { value } else { self.unwrap(value, name)? };
        if value.is_null() {
            return Ok(None);
        }
        if value.as_str() == Some("") && empty_string_clears(attribute, *self.leniencies) {
            self.warnings.add(empty_string_leniency(attribute), name.to_string());
            return Ok(None);
        }
        match attribute.kind {
            Type::Boolean => self.boolean(value, name).map(Some),
            Type::Integer | Type::Decimal => self.number(&value, attribute, name).map(Some),
            Type::String | Type::DateTime | Type::Binary | Type::Reference => {
                self.text(value, attribute, name).map(Some)
            }
            Type::Complex => self.complex(value, attribute, name),
        }
    }

    /// The value of an object in the place of a value without parts. Whatever else is in the object must be null.
    fn unwrap(&mut self, value: Value, name: &dyn Display) -> Result<Value, ScimError> {
        let Value::Object(mut members) = value else { return Ok(value) };
        let is_wrapper = members.iter().all(|(key, value)| key.eq_ignore_ascii_case("value") || value.is_null());
        match take_member(&mut members, "value").filter(|inner| is_wrapper && !inner.is_object() && !inner.is_array()) {
            Some(inner) => {
                self.tolerate(Leniency::WrappedScalar, name, || "must be the value itself, not an object".into())?;
                Ok(inner)
            }
            None => Ok(Value::Object(members)),
        }
    }

    fn boolean(&mut self, value: Value, name: &dyn Display) -> Result<Value, ScimError> {
        let flag = match &value {
            Value::Bool(_) => return Ok(value),
            Value::String(text) if text.eq_ignore_ascii_case("true") => true,
            Value::String(text) if text.eq_ignore_ascii_case("false") => false,
            other => return Err(wrong(name, &format!("must be true or false, not {}", describe(other)))),
        };
        self.tolerate(Leniency::StringBoolean, name, || {
            format!("must be true or false without quotes, not {}", describe(&value))
        })?;
        Ok(Value::Bool(flag))
    }

    fn number(&mut self, value: &Value, attribute: &Attribute, name: &dyn Display) -> Result<Value, ScimError> {
        let is_integer = attribute.kind == Type::Integer;
        let expected = if is_integer { "a whole number" } else { "a number" };
        let number = match value {
            Value::Number(number) => Some(number.clone()),
            Value::String(text) => text.parse::<Number>().ok(),
            _ => None,
        };
        let number = number.and_then(|number| if is_integer { integer(number) } else { Some(number) });
        let number = number.ok_or_else(|| wrong(name, &format!("must be {expected}, not {}", describe(value))))?;
        if value.is_string() {
            self.tolerate(Leniency::StringNumber, name, || {
                format!("must be {expected} without quotes, not {}", describe(value))
            })?;
        }
        Ok(Value::Number(number))
    }

    fn text(&mut self, value: Value, attribute: &Attribute, name: &dyn Display) -> Result<Value, ScimError> {
        let text = match &value {
            Value::String(text) => {
                refuse_nul_in(text, name)?;
                return Ok(value);
            }
            Value::Number(number) if attribute.kind == Type::String => number.to_string(),
            Value::Bool(flag) if attribute.kind == Type::String => flag.to_string(),
            other => return Err(wrong(name, &format!("must be a text, not {}", describe(other)))),
        };
        self.tolerate(Leniency::ScalarForString, name, || {
            format!("must be a text in quotes, not {}", describe(&value))
        })?;
        Ok(Value::String(text))
    }

    fn complex(&mut self, value: Value, attribute: &Attribute, name: &dyn Display) -> Result<Option<Value>, ScimError> {
        let members = match value {
            Value::Object(members) => self.unpack(members, attribute, name)?,
            bare @ (Value::String(_) | Value::Number(_)) if attribute.sub_attribute("value").is_some() => {
                let leniency = if attribute.multi_valued { Leniency::BareElement } else { Leniency::ManagerAsString };
                self.tolerate(leniency, name, || format!("must be an object with a value, not {}", describe(&bare)))?;
                self.unpack(Map::from_iter([("value".to_owned(), bare)]), attribute, name)?
            }
            other => return Err(wrong(name, &format!("must be an object, not {}", describe(&other)))),
        };
        if is_canonical(&members, attribute) {
            return Ok(Some(Value::Object(members)));
        }
        let mut kept = Map::new();
        for (key, value) in members {
            let Some(sub) = attribute.sub_attribute(&key) else {
                self.keep_unknown(&key, value, attribute, name)?;
                continue;
            };
            if is_ignored(sub, attribute) {
                continue;
            }
            if let Some(value) = self.value(value, sub, &format_args!("{name}.{}", sub.name))? {
                kept.insert(sub.name.clone(), value);
            }
        }
        Ok(if kept.is_empty() { None } else { Some(Value::Object(kept)) })
    }

    /// Entra ID's `AppRoleAssignmentsComplex`: the `value` of an element is the JSON text of the element itself.
    fn unpack(
        &mut self,
        mut members: Map<String, Value>,
        attribute: &Attribute,
        name: &dyn Display,
    ) -> Result<Map<String, Value>, ScimError> {
        if !attribute.multi_valued || !self.leniencies.allows(Leniency::JsonTextValue) {
            return Ok(members);
        }
        let written = members.iter().find(|(key, _)| key.eq_ignore_ascii_case("value"));
        let json = written.and_then(|(key, value)| Some((key, value.as_str().filter(|it| it.starts_with('{'))?)));
        let Some((key, text)) = json else { return Ok(members) };
        let key = key.clone();
        let Ok(Value::Object(inner)) = crate::json::parse(text) else { return Ok(members) };
        if member(&inner, "value").is_none() {
            return Ok(members);
        }
        self.warnings.add(Leniency::JsonTextValue, name.to_string());
        members.shift_remove(&key);
        for (key, value) in inner {
            refuse_nul_in(&key, name)?;
            refuse_nul(&value)?;
            members.insert(key, value);
        }
        Ok(members)
    }

    fn keep_unknown(
        &mut self,
        key: &str,
        value: Value,
        attribute: &Attribute,
        name: &dyn Display,
    ) -> Result<(), ScimError> {
        if attribute.is_named(key) && (value.is_array() || value.is_object()) {
            return Err(wrong(name, "must be given as it is, not within an object that has its name"));
        }
        let full = format!("{name}.{key}");
        self.leniencies.tolerate(Leniency::UnknownAttributeSetAside, &full, self.warnings, || {
            ScimError::invalid_syntax(format!("{full} is not an attribute of this resource type."))
        })?;
        match self.unknown.entry(full).or_insert(Value::Null) {
            Value::Array(values) if attribute.multi_valued => values.push(value),
            kept if attribute.multi_valued => *kept = Value::Array(vec![value]),
            kept => *kept = value,
        }
        Ok(())
    }

    /// Keeps the last primary element only.
    fn single_primary(&mut self, elements: &mut [Value], name: &dyn Display) -> Result<(), ScimError> {
        let Some(last) = elements.iter().rposition(is_primary) else { return Ok(()) };
        if elements[..last].iter().any(is_primary) {
            self.tolerate(Leniency::ExtraPrimary, name, || "must have at most one primary value".into())?;
            keep_primary(elements, last);
        }
        Ok(())
    }

    fn tolerate(
        &mut self,
        leniency: Leniency,
        name: &dyn Display,
        problem: impl FnOnce() -> String,
    ) -> Result<(), ScimError> {
        self.leniencies.tolerate(leniency, name, self.warnings, || wrong(name, &problem()))
    }
}

/// Whether the members are in canonical form as they are, so that their object need not be built anew.
fn is_canonical(members: &Map<String, Value>, attribute: &Attribute) -> bool {
    let mut written = members.iter();
    !members.is_empty()
        && written.all(|(key, value)| {
            let sub = attribute.sub_attributes.iter().find(|sub| sub.name == *key);
            sub.is_some_and(|sub| !is_ignored(sub, attribute) && is_plain(value, sub))
        })
}

/// Whether a value has the type of its sub-attribute and nothing to coerce.
fn is_plain(value: &Value, sub: &Attribute) -> bool {
    match (value, sub.kind) {
        (Value::String(text), Type::String | Type::Reference) => {
            !sub.multi_valued && !text.is_empty() && !text.contains('\0')
        }
        (Value::Bool(_), Type::Boolean) => !sub.multi_valued,
        _ => false,
    }
}

/// RFC 7644 §3.3: "If an attribute is 'readOnly', the value SHALL be ignored." What is never returned is not stored.
fn is_ignored(sub: &Attribute, parent: &Attribute) -> bool {
    let read_only = sub.mutability == Mutability::ReadOnly && parent.mutability != Mutability::ReadOnly;
    read_only || sub.returned == Returned::Never
}

fn wrong(name: &dyn Display, problem: &str) -> ScimError {
    ScimError::invalid_value(format!("{name} {problem}."))
}

/// The JSON type of a value for an error. The value itself may be long or personal.
pub(crate) fn describe(value: &Value) -> &'static str {
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
