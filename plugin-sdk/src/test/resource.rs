//! A document for native tests: a JSON object behind the same functions as the host's.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::path::Path;
use crate::{document::Paths, error::PathError};

type Object = Map<String, Value>;

const READ_ONLY: [&str; 3] = ["id", "meta", "schemas"];

/// A JSON object that can be read and written by simple paths.
#[derive(Debug)]
pub struct Resource(RefCell<Object>);

impl Resource {
    /// A document with these attributes; anything but a JSON object counts as an empty one.
    #[must_use]
    pub fn new(value: Value) -> Self {
        match value {
            Value::Object(object) => Self(RefCell::new(object)),
            _ => Self(RefCell::default()),
        }
    }

    /// The document's attributes.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.0.into_inner())
    }
}

impl Paths for Resource {
    fn get(&self, path: &str) -> Result<Vec<String>, PathError> {
        let mut found = Vec::new();
        visit(&mut self.0.borrow_mut(), &Path::parse(path)?, false, &mut |place| {
            found.extend(place.as_ref().map(Value::to_string));
        });
        Ok(found)
    }

    fn set(&self, path: &str, value: &str) -> Result<u32, PathError> {
        let (path, value) = (writable(path)?, json(value)?);
        let mut places = 0;
        visit(&mut self.0.borrow_mut(), &path, true, &mut |place| {
            *place = Some(value.clone());
            places += 1;
        });
        Ok(places)
    }

    fn append(&self, path: &str, value: &str) -> Result<(), PathError> {
        let (path, value) = (writable(path)?, json(value)?);
        let mut wrong = false;
        visit(&mut self.0.borrow_mut(), &path, true, &mut |place| match place
            .get_or_insert_with(|| Value::Array(Vec::new()))
        {
            Value::Array(array) => array.push(value.clone()),
            _ => wrong = true,
        });
        if wrong { Err(PathError::WrongValue(format!("{} is not multi-valued", path.attribute))) } else { Ok(()) }
    }

    fn remove(&self, path: &str) -> Result<u32, PathError> {
        let path = writable(path)?;
        let mut places = 0;
        visit(&mut self.0.borrow_mut(), &path, false, &mut |place| places += u32::from(place.take().is_some()));
        Ok(places)
    }

    fn to_json(&self) -> String {
        Value::Object(self.0.borrow().clone()).to_string()
    }

    fn replace(&self, text: &str) -> Result<(), PathError> {
        let Value::Object(mut new) = json(text)? else {
            return Err(PathError::WrongValue("a document is a JSON object".to_owned()));
        };
        let mut root = self.0.borrow_mut();
        for name in READ_ONLY {
            new.shift_remove(name);
            if let Some(kept) = root.shift_remove(name) {
                new.insert(name.to_owned(), kept);
            }
        }
        *root = new;
        Ok(())
    }
}

fn json(text: &str) -> Result<Value, PathError> {
    serde_json::from_str(text).map_err(|error| PathError::WrongValue(format!("not JSON: {error}")))
}

fn writable(text: &str) -> Result<Path<'_>, PathError> {
    let path = Path::parse(text)?;
    if path.schema.is_none() && READ_ONLY.contains(&path.attribute) {
        return Err(PathError::ReadOnly(format!("{text} is read-only")));
    }
    Ok(path)
}

/// Lends every value that the path names to `at`, which removes it by leaving `None`.
fn visit(root: &mut Object, path: &Path<'_>, create: bool, at: &mut dyn FnMut(&mut Option<Value>)) {
    let Some(schema) = path.schema else {
        return visit_attribute(root, path, create, at);
    };
    place(root, schema, &mut |extension| {
        if let Some(Value::Object(extension)) = with_default(extension, create, || Value::Object(Object::new())) {
            visit_attribute(extension, path, create, at);
        }
    });
}

fn visit_attribute(object: &mut Object, path: &Path<'_>, create: bool, at: &mut dyn FnMut(&mut Option<Value>)) {
    place(object, path.attribute, &mut |attribute| match (&path.filter, path.sub) {
        (None, None) => at(attribute),
        (None, Some(sub)) => match with_default(attribute, create, || Value::Object(Object::new())) {
            Some(Value::Object(object)) => place(object, sub, at),
            Some(Value::Array(elements)) => {
                elements.iter_mut().filter_map(Value::as_object_mut).for_each(|element| place(element, sub, at));
            }
            _ => {}
        },
        (Some((name, wanted)), sub) => {
            if let Some(Value::Array(elements)) = with_default(attribute, create, || Value::Array(Vec::new())) {
                visit_matches(elements, (name, wanted), sub, create, at);
            }
        }
    });
}

fn visit_matches(
    elements: &mut Vec<Value>,
    (name, wanted): (&str, &Value),
    sub: Option<&str>,
    create: bool,
    at: &mut dyn FnMut(&mut Option<Value>),
) {
    let matches = |element: &Value| element.get(name).is_some_and(|value| value == wanted);
    if create && !elements.iter().any(matches) {
        elements.push(Value::Object([(name.to_owned(), wanted.clone())].into_iter().collect()));
    }
    *elements = std::mem::take(elements)
        .into_iter()
        .filter_map(|mut element| {
            if !matches(&element) {
                return Some(element);
            }
            if let (Some(sub), Value::Object(object)) = (sub, &mut element) {
                place(object, sub, at);
                return Some(element);
            }
            let mut lent = Some(element);
            at(&mut lent);
            lent
        })
        .collect();
}

fn with_default(place: &mut Option<Value>, create: bool, default: fn() -> Value) -> Option<&mut Value> {
    if create && place.is_none() {
        *place = Some(default());
    }
    place.as_mut()
}

/// Lends one member by name, ignoring case (RFC 7643, section 2.1), and keeps its position.
fn place(object: &mut Object, name: &str, at: &mut dyn FnMut(&mut Option<Value>)) {
    let key = object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned());
    let mut lent = object.get_mut(&key).map(Value::take);
    at(&mut lent);
    match lent {
        Some(value) => {
            object.insert(key, value);
        }
        None => {
            object.shift_remove(&key);
        }
    }
}
