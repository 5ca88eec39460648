//! The attributes that a simulation provisions: how each is addressed, read from a document and written into one.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The core schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The core schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The third-party extension that Microsoft's tutorials use; provisioned where the server has it.
pub const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";

/// One attribute of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute {
    /// The schema it is in.
    schema: &'static str,
    name: &'static str,
    /// The type of the element it is in, of a multi-valued attribute.
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

/// `userName`, the first matching attribute.
pub const USER_NAME: Attribute = simple("userName");
/// `externalId`, the second matching attribute.
pub const EXTERNAL_ID: Attribute = simple("externalId");
/// `active`.
pub const ACTIVE: Attribute = simple("active");
/// `displayName`.
pub const DISPLAY_NAME: Attribute = simple("displayName");
/// `name.givenName`.
pub const GIVEN_NAME: Attribute = sub("name", "givenName");
/// `name.familyName`.
pub const FAMILY_NAME: Attribute = sub("name", "familyName");
/// The mail address at work.
pub const MAIL: Attribute = element("emails", "work", "value");
/// The telephone at work.
pub const PHONE: Attribute = element("phoneNumbers", "work", "value");
/// The mobile telephone.
pub const MOBILE: Attribute = element("phoneNumbers", "mobile", "value");
/// `title`.
pub const TITLE: Attribute = simple("title");
/// `nickName`.
pub const NICK_NAME: Attribute = simple("nickName");
/// `preferredLanguage`.
pub const LANGUAGE: Attribute = simple("preferredLanguage");
/// The street of the address at work.
pub const STREET: Attribute = element("addresses", "work", "streetAddress");
/// The town of the address at work.
pub const LOCALITY: Attribute = element("addresses", "work", "locality");
/// The postal code of the address at work.
pub const POSTAL_CODE: Attribute = element("addresses", "work", "postalCode");
/// The country of the address at work.
pub const COUNTRY: Attribute = element("addresses", "work", "country");
/// The employee number.
pub const EMPLOYEE_NUMBER: Attribute = extension(ENTERPRISE, "employeeNumber");
/// The department.
pub const DEPARTMENT: Attribute = extension(ENTERPRISE, "department");
/// The cost centre.
pub const COST_CENTER: Attribute = extension(ENTERPRISE, "costCenter");
/// The division.
pub const DIVISION: Attribute = extension(ENTERPRISE, "division");
/// The id of the manager.
pub const MANAGER: Attribute = Attribute { schema: ENTERPRISE, name: "manager", element: None, sub: Some("value") };
/// The first of the third-party extension.
pub const CUSTOM_1: Attribute = extension(WS1B, "customAttribute1");
/// The second of the third-party extension.
pub const CUSTOM_2: Attribute = extension(WS1B, "customAttribute2");

/// All of them.
pub const ALL: [Attribute; 23] = [
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

/// What an administrator maps without a thought to extensions of third parties, and without references.
#[must_use]
pub fn plain() -> BTreeSet<Attribute> {
    ALL.into_iter().filter(|attribute| *attribute != MANAGER && attribute.schema() != WS1B).collect()
}

impl Attribute {
    /// The schema it is in.
    #[must_use]
    pub fn schema(self) -> &'static str {
        self.schema
    }

    /// The name that the schema lists.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether it is in an element of a multi-valued attribute.
    #[must_use]
    pub fn is_in_element(self) -> bool {
        self.element.is_some()
    }

    /// The path of a PATCH. The manager's is the complex attribute itself.
    #[must_use]
    pub fn path(self) -> String {
        let prefix = if self.schema == USER { String::new() } else { format!("{}:", self.schema) };
        match (self.element, self.sub) {
            (Some(element), Some(sub)) => format!("{}[type eq \"{element}\"].{sub}", self.name),
            (None, Some(sub)) if self != MANAGER => format!("{}.{sub}", self.name),
            _ => format!("{prefix}{}", self.name),
        }
    }

    /// Its values in a document: one at most, unless the document has several elements of the type.
    #[must_use]
    pub fn read(self, document: &Value) -> Vec<&Value> {
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

    /// Takes its value out of a body; an element that holds nothing else goes with it.
    pub fn clear(self, body: &mut Map<String, Value>) {
        let within =
            if self.schema == USER { Some(body) } else { body.get_mut(self.schema).and_then(Value::as_object_mut) };
        let Some(within) = within else { return };
        match (self.element, self.sub) {
            (Some(kind), Some(sub)) => {
                let Some(Value::Array(elements)) = within.get_mut(self.name) else { return };
                for element in elements.iter_mut().filter(|element| element["type"] == kind) {
                    element.as_object_mut().and_then(|element| element.remove(sub));
                }
                let says_something = |element: &Value| {
                    element.as_object().is_some_and(|it| it.keys().any(|key| key != "type" && key != "primary"))
                };
                elements.retain(says_something);
            }
            (None, Some(sub)) => {
                within.get_mut(self.name).and_then(Value::as_object_mut).and_then(|it| it.remove(sub));
            }
            _ => drop(within.remove(self.name)),
        }
    }

    /// Writes a value into the body of a POST.
    pub fn write(self, body: &mut Map<String, Value>, value: Value) {
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
    fn each_attribute_reads_what_it_wrote() {
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
    fn what_was_written_is_taken_out_again_and_nothing_else() {
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
    fn names_are_read_in_any_case_and_nulls_are_nothing() {
        assert_eq!(GIVEN_NAME.read(&json!({ "Name": { "GIVENNAME": "Ada" } })), [&json!("Ada")]);
        assert_eq!(TITLE.read(&json!({ "title": null })), Vec::<&Value>::new());
        let twice = json!({ "emails": [{ "type": "work", "value": "a" }, { "type": "work", "value": "b" }] });
        assert_eq!(MAIL.read(&twice).len(), 2);
    }

    #[test]
    fn paths_are_those_that_providers_send() {
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
