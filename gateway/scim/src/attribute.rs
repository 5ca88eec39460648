//! One attribute definition and its characteristics (RFC 7643 §2.2, §7).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::error::ScimError;

/// RFC 7643 §2.3 data types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Unicode text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number with a fraction.
    Decimal,
    /// A whole number.
    Integer,
    /// An RFC 3339 / xsd:dateTime text.
    DateTime,
    /// Base64 text.
    Binary,
    /// A URI, external or of a SCIM resource.
    Reference,
    /// A set of sub-attributes.
    Complex,
}

impl Type {
    /// The keyword of RFC 7643 §7.
    #[must_use]
    pub fn name(self) -> &'static str {
        keyword_of(self, &TYPES)
    }

    /// The type of a keyword, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        TYPES.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }
}

/// RFC 7643 §7 `mutability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// Only the server writes it.
    ReadOnly,
    /// Clients may write it at any time.
    ReadWrite,
    /// Clients may write it once.
    Immutable,
    /// Clients may write it but not read it.
    WriteOnly,
}

/// RFC 7643 §7 `returned`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Returned {
    /// Always returned.
    Always,
    /// Never returned, and not accepted in a filter.
    Never,
    /// Returned unless excluded.
    Default,
    /// Returned only if requested by name.
    Request,
}

/// RFC 7643 §7 `uniqueness`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uniqueness {
    /// Duplicates are allowed.
    None,
    /// Unique among the tenant's resources of the type.
    Server,
    /// Globally unique; enforced as `Server`.
    Global,
}

/// One attribute or sub-attribute definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The canonical spelling of the name.
    pub name: String,
    /// The data type.
    pub kind: Type,
    /// Whether the value is an array.
    pub multi_valued: bool,
    /// The description.
    pub description: String,
    /// Whether a resource must have it.
    pub required: bool,
    /// Suggested values; others are allowed (RFC 7643 §7).
    pub canonical_values: Vec<String>,
    /// Whether text is compared by case.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// Whether duplicates are allowed.
    pub uniqueness: Uniqueness,
    /// The targets of a reference: resource types, `external` or `uri`.
    pub reference_types: Vec<String>,
    /// The sub-attributes of a complex attribute; empty otherwise.
    pub sub_attributes: Vec<Arc<Attribute>>,
}

impl Attribute {
    /// Whether `name` is this attribute's name (RFC 7643 §2.1: names are case-insensitive).
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether a client's value of it is stored. readOnly values are the server's; what is never returned is not kept,
    /// because the gateway stores no passwords.
    pub(crate) fn is_stored(&self) -> bool {
        self.mutability != Mutability::ReadOnly && self.returned != Returned::Never
    }

    /// Whether a client must not learn the value, be it by a filter or a sort order. What nobody may write has no value.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        match self.mutability {
            Mutability::WriteOnly => true,
            Mutability::ReadOnly => false,
            Mutability::ReadWrite | Mutability::Immutable => self.returned == Returned::Never,
        }
    }

    /// Whether values of it are stored, and a client may learn them by a filter.
    #[must_use]
    pub fn has_searchable_values(&self) -> bool {
        self.is_stored() && !self.is_secret()
    }

    /// The sub-attribute called `name`, in any case.
    #[must_use]
    pub fn sub_attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.sub_attributes.iter().find(|sub| sub.is_named(name))
    }

    /// Whether the value consists of sub-attributes.
    #[must_use]
    pub fn is_complex(&self) -> bool {
        self.kind == Type::Complex
    }

    /// Reads a definition from a schema document. Missing characteristics take the defaults of RFC 7643 §2.2. An error is
    /// 400 `invalidValue`.
    pub fn from_json(value: &Value) -> Result<Self, ScimError> {
        let object = value
            .as_object()
            .ok_or_else(|| ScimError::invalid_value("An attribute definition must be a JSON object."))?;
        let name = text(object, "name").unwrap_or_default().to_owned();
        check_name(&name)?;
        let kind = keyword(object, &name, "type", &TYPES)?.unwrap_or(Type::String);
        let sub_attributes = sub_attributes(object, &name, kind)?;
        Ok(Self {
            kind,
            multi_valued: flag(object, &name, "multiValued")?,
            description: text(object, "description").unwrap_or_default().to_owned(),
            required: flag(object, &name, "required")?,
            canonical_values: texts(object, "canonicalValues"),
            case_exact: flag(object, &name, "caseExact")?,
            mutability: keyword(object, &name, "mutability", &MUTABILITIES)?.unwrap_or(Mutability::ReadWrite),
            returned: keyword(object, &name, "returned", &RETURNS)?.unwrap_or(Returned::Default),
            uniqueness: keyword(object, &name, "uniqueness", &UNIQUENESSES)?.unwrap_or(Uniqueness::None),
            reference_types: texts(object, "referenceTypes"),
            sub_attributes,
            name,
        })
    }

    /// The definition with every characteristic, as in `/Schemas`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut out = json!({
            "name": self.name,
            "type": keyword_of(self.kind, &TYPES),
            "multiValued": self.multi_valued,
            "description": self.description,
            "required": self.required,
            "caseExact": self.case_exact,
            "mutability": keyword_of(self.mutability, &MUTABILITIES),
            "returned": keyword_of(self.returned, &RETURNS),
            "uniqueness": keyword_of(self.uniqueness, &UNIQUENESSES),
        });
        if !self.canonical_values.is_empty() {
            out["canonicalValues"] = json!(self.canonical_values);
        }
        if !self.reference_types.is_empty() {
            out["referenceTypes"] = json!(self.reference_types);
        }
        if self.is_complex() {
            out["subAttributes"] = self.sub_attributes.iter().map(|sub| sub.to_json()).collect();
        }
        out
    }
}

const TYPES: [(&str, Type); 8] = [
    ("string", Type::String),
    ("boolean", Type::Boolean),
    ("decimal", Type::Decimal),
    ("integer", Type::Integer),
    ("dateTime", Type::DateTime),
    ("binary", Type::Binary),
    ("reference", Type::Reference),
    ("complex", Type::Complex),
];

const MUTABILITIES: [(&str, Mutability); 4] = [
    ("readOnly", Mutability::ReadOnly),
    ("readWrite", Mutability::ReadWrite),
    ("immutable", Mutability::Immutable),
    ("writeOnly", Mutability::WriteOnly),
];

const RETURNS: [(&str, Returned); 4] = [
    ("always", Returned::Always),
    ("never", Returned::Never),
    ("default", Returned::Default),
    ("request", Returned::Request),
];

const UNIQUENESSES: [(&str, Uniqueness); 3] =
    [("none", Uniqueness::None), ("server", Uniqueness::Server), ("global", Uniqueness::Global)];

/// RFC 7643 §2.1: ATTRNAME = ALPHA *(nameChar), nameChar = "$" / "-" / "_" / DIGIT / ALPHA; `$ref` is the one
/// defined name that starts otherwise.
fn check_name(name: &str) -> Result<(), ScimError> {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '$');
    if first && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '$' | '-' | '_')) {
        return Ok(());
    }
    Err(ScimError::invalid_value(format!(
        "\"{name}\" is not an attribute name: it must start with a letter and go on with letters, digits, $, - or _."
    )))
}

/// RFC 7643 erratum 8415: sub-attributes may not be complex themselves.
fn sub_attributes(object: &Map<String, Value>, name: &str, kind: Type) -> Result<Vec<Arc<Attribute>>, ScimError> {
    let listed = match object.get("subAttributes") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(listed)) => listed.as_slice(),
        Some(_) => return Err(ScimError::invalid_value(format!("{name}: subAttributes must be an array."))),
    };
    if kind != Type::Complex && !listed.is_empty() {
        return Err(ScimError::invalid_value(format!("{name}: only a complex attribute has subAttributes.")));
    }
    let mut subs: Vec<Arc<Attribute>> = Vec::with_capacity(listed.len());
    for definition in listed {
        let sub = Attribute::from_json(definition)?;
        if sub.is_complex() {
            return Err(ScimError::invalid_value(format!("{name}.{}: a sub-attribute cannot be complex.", sub.name)));
        }
        if subs.iter().any(|other| other.is_named(&sub.name)) {
            return Err(ScimError::invalid_value(format!("{name}.{} is defined twice.", sub.name)));
        }
        subs.push(Arc::new(sub));
    }
    Ok(subs)
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

fn texts(object: &Map<String, Value>, key: &str) -> Vec<String> {
    let listed = object.get(key).and_then(Value::as_array);
    listed.map(|values| values.iter().filter_map(Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
}

fn flag(object: &Map<String, Value>, name: &str, key: &str) -> Result<bool, ScimError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(ScimError::invalid_value(format!("{name}: {key} must be true or false."))),
    }
}

fn keyword<T: Copy>(
    object: &Map<String, Value>,
    name: &str,
    key: &str,
    table: &[(&str, T)],
) -> Result<Option<T>, ScimError> {
    let Some(text) = text(object, key) else { return Ok(None) };
    let found = table.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(text));
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let keywords: Vec<&str> = table.iter().map(|(keyword, _)| *keyword).collect();
        ScimError::invalid_value(format!("{name}: {key} is \"{text}\"; it must be one of {}.", keywords.join(", ")))
    })
}

fn keyword_of<T: PartialEq + Copy>(value: T, table: &[(&'static str, T)]) -> &'static str {
    table.iter().find(|(_, listed)| *listed == value).map_or("", |(keyword, _)| keyword)
}
