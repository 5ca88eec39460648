//! The attributes that a simulation provisions: their paths, and how they are read from and written to a document.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The core schema of users.
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The core schema of groups.
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The enterprise extension.
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The third-party extension of Microsoft's tutorials; provisioned if the server has it.
pub(crate) const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";

/// An attribute of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Attribute {
    schema: &'static str,
    name: &'static str,
    /// The type of its element, if it is multi-valued.
    element: Option<&'static str>,
    sub: Option<&'static str>,
}

const fn simple(name: &'static str) -> Attribute {
    Attribute { schema: USER, name, element: None, sub: None }
}

const fn sub(name: &'static str, sub: &'static str) -> Attribute {
    Attribute { schema: USER, name, element: None, sub: Some(sub) }
}

const fn element(name: &'static str, element: &'static str, sub: &'static str) -> Attribute {
    Attribute { schema: USER, name, element: Some(element), sub: Some(sub) }
}

const fn extension(schema: &'static str, name: &'static str) -> Attribute {
    Attribute { schema, name, element: None, sub: None }
}

/// The first matching attribute.
pub(crate) const USER_NAME: Attribute = simple("userName");
/// The second matching attribute.
pub(crate) const EXTERNAL_ID: Attribute = simple("externalId");
pub(crate) const ACTIVE: Attribute = simple("active");
pub(crate) const DISPLAY_NAME: Attribute = simple("displayName");
pub(crate) const GIVEN_NAME: Attribute = sub("name", "givenName");
pub(crate) const FAMILY_NAME: Attribute = sub("name", "familyName");
pub(crate) const MAIL: Attribute = element("emails", "work", "value");
pub(crate) const PHONE: Attribute = element("phoneNumbers", "work", "value");
pub(crate) const MOBILE: Attribute = element("phoneNumbers", "mobile", "value");
pub(crate) const TITLE: Attribute = simple("title");
pub(crate) const NICK_NAME: Attribute = simple("nickName");
pub(crate) const LANGUAGE: Attribute = simple("preferredLanguage");
pub(crate) const STREET: Attribute = element("addresses", "work", "streetAddress");
pub(crate) const LOCALITY: Attribute = element("addresses", "work", "locality");
pub(crate) const POSTAL_CODE: Attribute = element("addresses", "work", "postalCode");
pub(crate) const COUNTRY: Attribute = element("addresses", "work", "country");
pub(crate) const EMPLOYEE_NUMBER: Attribute = extension(ENTERPRISE, "employeeNumber");
pub(crate) const DEPARTMENT: Attribute = extension(ENTERPRISE, "department");
pub(crate) const COST_CENTER: Attribute = extension(ENTERPRISE, "costCenter");
pub(crate) const DIVISION: Attribute = extension(ENTERPRISE, "division");
pub(crate) const MANAGER: Attribute =
    Attribute { schema: ENTERPRISE, name: "manager", element: None, sub: Some("value") };
pub(crate) const CUSTOM_1: Attribute = extension(WS1B, "customAttribute1");
pub(crate) const CUSTOM_2: Attribute = extension(WS1B, "customAttribute2");

pub(crate) const ALL: [Attribute; 23] = [
    USER_NAME,
    EXTERNAL_ID,
    ACTIVE,
    DISPLAY_NAME,
    GIVEN_NAME,
    FAMILY_NAME,
    MAIL,
    PHONE,
    MOBILE,
    TITLE,
    NICK_NAME,
    LANGUAGE,
    STREET,
    LOCALITY,
    POSTAL_CODE,
    COUNTRY,
    EMPLOYEE_NUMBER,
    DEPARTMENT,
    COST_CENTER,
    DIVISION,
    MANAGER,
    CUSTOM_1,
    CUSTOM_2,
];

/// All attributes but references and those of third-party extensions.
pub(crate) fn default_mapping() -> BTreeSet<Attribute> {
    ALL.into_iter().filter(|attribute| *attribute != MANAGER && attribute.schema() != WS1B).collect()
}

impl Attribute {
    pub(crate) fn schema(self) -> &'static str {
        self.schema
    }

    /// The name in its schema.
    pub(crate) fn name(self) -> &'static str {
        self.name
    }

    /// Whether it belongs to an element of a multi-valued attribute.
    pub(crate) fn is_in_element(self) -> bool {
        self.element.is_some()
    }

    /// The path in a PATCH. That of the manager is the complex attribute itself.
    pub(crate) fn path(self) -> String {
        let prefix = if self.schema == USER { String::new() } else { format!("{}:", self.schema) };
        match (self.element, self.sub) {
            (Some(element), Some(sub)) => format!("{}[type eq \"{element}\"].{sub}", self.name),
            (None, Some(sub)) if self != MANAGER => format!("{}.{sub}", self.name),
            _ => format!("{prefix}{}", self.name),
        }
    }

    /// The values in a document: at most one, unless there are several elements of the type.
    pub(crate) fn read(self, document: &Value) -> Vec<&Value> {
        let within = if self.schema == USER { Some(document) } else { member(document, self.schema) };
        let Some(found) = within.and_then(|within| member(within, self.name)) else { return Vec::new() };
        let values = match (self.element, self.sub) {
            (Some(element), Some(sub)) => {
                let elements = found.as_array().map(Vec::as_slice).unwrap_or_default();
                let typed = elements.iter().filter(|it| member(it, "type").and_then(Value::as_str) == Some(element));
                typed.filter_map(|element| member(element, sub)).collect()
            }
            (None, Some(sub)) => member(found, sub).into_iter().collect(),
            _ => vec![found],
        };
        values.into_iter().filter(|value| !value.is_null()).collect()
    }

    /// Removes the value from a body, and its element if that has no other value.
    pub(crate) fn clear(self, body: &mut Map<String, Value>) {
        let within =
            if self.schema == USER { Some(body) } else { body.get_mut(self.schema).and_then(Value::as_object_mut) };
        let Some(within) = within else { return };
        match (self.element, self.sub) {
            (Some(kind), Some(sub)) => {
                let Some(Value::Array(elements)) = within.get_mut(self.name) else { return };
                for element in elements.iter_mut().filter(|element| element["type"] == kind) {
                    element.as_object_mut().and_then(|element| element.remove(sub));
                }
                let has_values = |element: &Value| {
                    element.as_object().is_some_and(|it| it.keys().any(|key| key != "type" && key != "primary"))
                };
                elements.retain(has_values);
            }
            (None, Some(sub)) => {
                within.get_mut(self.name).and_then(Value::as_object_mut).and_then(|it| it.remove(sub));
            }
            _ => drop(within.remove(self.name)),
        }
    }

    /// Writes a value into a body.
    pub(crate) fn write(self, body: &mut Map<String, Value>, value: Value) {
        let within = if self.schema == USER { body } else { object(body.entry(self.schema).or_insert(json!({}))) };
        match (self.element, self.sub) {
            (Some(kind), Some(sub)) => {
                let Value::Array(elements) = within.entry(self.name).or_insert(json!([])) else { return };
                let at = elements.iter().position(|element| element["type"] == kind).unwrap_or_else(|| {
                    elements.push(json!({ "type": kind }));
                    elements.len() - 1
                });
                elements[at][sub] = value;
            }
            (None, Some(sub)) => {
                drop(object(within.entry(self.name).or_insert(json!({}))).insert(sub.to_owned(), value));
            }
            _ => drop(within.insert(self.name.to_owned(), value)),
        }
    }
}

/// RFC 7643 §2.1: "Attribute names are case insensitive".
fn member<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    let object = document.as_object()?;
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it was made an object just above")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attribute_reads_the_value_it_wrote() {
        let mut body = Map::new();
        for (number, attribute) in ALL.into_iter().enumerate() {
            attribute.write(&mut body, number.into());
        }
        let document = Value::Object(body);
        for (number, attribute) in ALL.into_iter().enumerate() {
            assert_eq!(attribute.read(&document), [&Value::from(number)], "{}", attribute.path());
        }
        assert_eq!(document["phoneNumbers"].as_array().unwrap().len(), 2);
        assert_eq!(document["addresses"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn clearing_removes_one_value_and_no_other() {
        let mut body = Map::new();
        for attribute in ALL {
            attribute.write(&mut body, "x".into());
        }
        for attribute in [TITLE, GIVEN_NAME, PHONE, STREET, DEPARTMENT] {
            attribute.clear(&mut body);
            let document = Value::Object(body.clone());
            let left = ALL.into_iter().filter(|it| !it.read(&document).is_empty()).count();
            assert!(attribute.read(&document).is_empty(), "{}", attribute.path());
            assert_eq!(left, ALL.len() - 1, "{}", attribute.path());
            attribute.write(&mut body, "x".into());
        }
        PHONE.clear(&mut body);
        assert_eq!(body["phoneNumbers"], json!([{ "type": "mobile", "value": "x" }]));
        TITLE.clear(&mut Map::new());
    }

    #[test]
    fn names_are_read_in_any_case_and_null_is_no_value() {
        assert_eq!(GIVEN_NAME.read(&json!({ "Name": { "GIVENNAME": "Ada" } })), [&json!("Ada")]);
        assert_eq!(TITLE.read(&json!({ "title": null })), Vec::<&Value>::new());
        let twice = json!({ "emails": [{ "type": "work", "value": "a" }, { "type": "work", "value": "b" }] });
        assert_eq!(MAIL.read(&twice).len(), 2);
    }

    #[test]
    fn paths_are_as_providers_send_them() {
        let paths = [MAIL, GIVEN_NAME, DEPARTMENT, MANAGER, TITLE].map(Attribute::path);
        assert_eq!(
            paths,
            [
                "emails[type eq \"work\"].value",
                "name.givenName",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
                "title",
            ]
        );
    }
}
