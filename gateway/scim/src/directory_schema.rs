//! What a mapped document must be beyond the schemas of its type: an operator's rules, each on the values at a path.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use crate::access;
use crate::attribute::{Attribute, Type};
use crate::decimal::Decimal;
use crate::error::ScimError;
use crate::fold::comparison_key;
use crate::path::{Path, Target};
use crate::schema::registry::Registry;
use crate::schema::validate::simple_complaint;
use crate::schema::{AttributeRef, ResourceType};
use crate::value::{Members, elements, is_blank, is_unassigned};

#[cfg(test)]
mod tests;

/// Most rules of a directory schema.
pub const MAX_RULES: usize = 100;
/// Most values that a rule allows.
pub const MAX_ALLOWED: usize = 1_000;
/// Most terms of a rule's filter: it is evaluated for each element at every write.
pub const MAX_TERMS: usize = 8;
/// Allowed values that a message names.
const MAX_NAMED: usize = 5;
/// Longest text of a value in a message, in characters.
const MAX_SHOWN_CHARS: usize = 100;

/// A rule as an operator states it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    /// The resource type's name.
    pub resource_type: String,
    /// A path as in PATCH: an attribute, perhaps with a filter on its elements and a sub-attribute.
    pub path: String,
    /// The type of each value; that of the attribute where it is not given.
    pub kind: Option<String>,
    /// Whether there must be a value.
    pub required: bool,
    /// The values that are allowed; all if there are none.
    pub allowed: Vec<Value>,
    /// Whether no two resources may have the same value.
    pub unique: bool,
    /// A number that is new whenever values become unique, so that what was entered of them before does not count.
    pub generation: i64,
    /// Whether the value is the resource's single sign-on subject: then there must be one, and no other resource may have it.
    pub subject: Option<Besides>,
}

/// What the rule of the single sign-on subject says besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Besides {
    /// Whether the operator stated a rule of this path.
    pub stated: bool,
    /// Whether that requires a value.
    pub required: bool,
    /// Whether that wants values to be unique.
    pub unique: bool,
}

/// A directory schema: the rules of each resource type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DirectorySchema {
    types: Vec<Arc<TypeRules>>,
}

/// The rules of one resource type, in the operator's order.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeRules {
    resource_type: String,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    /// The path in canonical spelling.
    name: Arc<str>,
    path: Path,
    leaf: Arc<Attribute>,
    kind: Option<Type>,
    required: bool,
    /// As the operator stated them, and as they are compared.
    allowed: (Vec<Value>, HashSet<String>),
    /// The name under which values that must be unique are entered.
    unique: Option<Arc<str>>,
    is_subject: bool,
}

/// A value that no other resource of the type may have.
#[derive(Clone, Copy, Debug)]
pub struct UniqueValue<'a> {
    /// The name under which it is entered: the generation and the rule's path.
    pub entry: &'a Arc<str>,
    /// The attribute that says how values are compared.
    pub attribute: &'a Attribute,
    /// The value.
    pub value: &'a Value,
}

impl DirectorySchema {
    /// Reads rules against the schemas of mapped documents.
    ///
    /// # Errors
    /// 400 that names the rule: an unknown type or path, a type or a value that the attribute cannot have, too many of them.
    pub fn read(statements: &[Statement], directory: &Registry) -> Result<Self, ScimError> {
        if statements.len() > MAX_RULES {
            return Err(ScimError::new(400, format!("A directory schema has at most {MAX_RULES} rules.")));
        }
        let mut types: Vec<TypeRules> = Vec::new();
        for (index, statement) in statements.iter().enumerate() {
            let refuse = |why: String| ScimError::new(400, format!("Rule {}: {why}", index + 1));
            let resource_type = directory.resource_type(&statement.resource_type);
            let resource_type = resource_type
                .ok_or_else(|| refuse(format!("there is no resource type {}.", statement.resource_type)))?;
            let rule = Rule::read(statement, resource_type).map_err(refuse)?;
            let place = types.iter().position(|known| known.resource_type == resource_type.name);
            let place = place.unwrap_or_else(|| {
                types.push(TypeRules { resource_type: resource_type.name.clone(), rules: Vec::new() });
                types.len() - 1
            });
            let rules = &mut types[place].rules;
            if rules.iter().any(|known| known.name == rule.name) {
                return Err(refuse(format!("{} has a rule already; state all of it in one.", rule.name)));
            }
            rules.push(rule);
        }
        Ok(Self { types: types.into_iter().map(Arc::new).collect() })
    }

    /// The rules of a resource type.
    #[must_use]
    pub fn of(&self, resource_type: &str) -> Option<&Arc<TypeRules>> {
        self.types.iter().find(|known| known.resource_type == resource_type)
    }

    /// The path of a rule in canonical spelling, with its type; none of one that cannot be read.
    #[must_use]
    pub fn canonical_path(statement: &Statement, directory: &Registry) -> Option<String> {
        let resource_type = directory.resource_type(&statement.resource_type)?;
        Some(Path::parse(&statement.path, resource_type).ok()?.to_string())
    }

    /// The rules of every type that has some.
    #[must_use]
    pub fn types(&self) -> &[Arc<TypeRules>] {
        &self.types
    }
}

impl TypeRules {
    /// The resource type's name.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        &self.resource_type
    }

    /// The paths of the rules with what they are about: to make examples that fit. A rule gives its first allowed value, if it names
    /// some.
    pub fn wanted(&self) -> impl Iterator<Item = (&str, bool, Option<&Value>)> {
        self.rules.iter().map(|rule| (&*rule.name, rule.required, rule.allowed.0.first()))
    }

    /// The names under which values are entered that must be unique.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rules.iter().filter_map(|rule| rule.unique.as_ref())
    }

    /// The paths whose values are unique, each with the attribute that says how they are compared.
    pub fn folding(&self) -> impl Iterator<Item = (String, (Type, bool))> {
        let unique = self.rules.iter().filter(|rule| rule.unique.is_some());
        unique.map(|rule| (format!("{} {}", self.resource_type, rule.name), (rule.leaf.kind, rule.leaf.case_exact)))
    }

    /// Whether values of some path are unique.
    #[must_use]
    pub fn has_unique(&self) -> bool {
        self.rules.iter().any(|rule| rule.unique.is_some())
    }

    /// The rule of the single sign-on subject.
    fn subject(&self) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.is_subject)
    }

    /// The path of the single sign-on subject.
    #[must_use]
    pub fn subject_path(&self) -> Option<&str> {
        self.subject().map(|rule| &*rule.name)
    }

    /// The single sign-on subject of a mapped document.
    #[must_use]
    pub fn subject_of<'d>(&self, document: &'d impl Members) -> Option<&'d str> {
        let values = self.subject()?.values(document).ok()?;
        values.first().copied().and_then(Value::as_str)
    }

    /// A single sign-on subject as it is entered.
    #[must_use]
    pub fn subject_entry<'a>(&'a self, value: &'a Value) -> Option<UniqueValue<'a>> {
        let rule = self.subject()?;
        Some(UniqueValue { entry: rule.unique.as_ref()?, attribute: &rule.leaf, value })
    }

    /// The first rule that a mapped document breaks, as its path and a sentence with the rule and the value.
    #[must_use]
    pub fn broken(&self, document: &impl Members) -> Option<(&str, String)> {
        self.rules.iter().find_map(|rule| Some((&*rule.name, rule.complaint(document)?)))
    }

    /// The values of a mapped document that must be unique.
    pub fn unique_values<'a>(&'a self, document: &'a impl Members) -> Vec<UniqueValue<'a>> {
        let unique = self.rules.iter().filter_map(|rule| Some((rule, rule.unique.as_ref()?)));
        let of = |(rule, entry): (&'a Rule, &'a Arc<str>)| {
            let values = rule.values(document).unwrap_or_default().into_iter();
            values.map(move |value| UniqueValue { entry, attribute: &rule.leaf, value })
        };
        unique.flat_map(of).collect()
    }
}

impl Rule {
    fn read(statement: &Statement, resource_type: &ResourceType) -> Result<Self, String> {
        let Statement { path: text, kind, required, allowed, unique, generation, subject, .. } = statement;
        let path = Path::parse(text, resource_type).map_err(|refusal| refusal.detail)?;
        let Target::Attribute(attribute) = &path.target else {
            return Err(format!("{text} is an extension; name one of its attributes."));
        };
        if path.element.as_ref().is_some_and(|element| element.filter().term_count() > MAX_TERMS) {
            return Err(format!("the filter of {text} has more than {MAX_TERMS} terms."));
        }
        let (name, leaf) = (path.to_string(), Arc::clone(attribute.leaf()));
        if !attribute.attribute.is_stored() || resource_type.is_detached(attribute) {
            return Err(format!("mapped documents do not have {name}."));
        }
        let kind = kind.as_deref().map(|word| narrowed(&name, &leaf, word)).transpose()?;
        let names_values = kind.is_some() || *unique || !allowed.is_empty();
        if leaf.is_complex() && names_values {
            return Err(format!("{name} is complex; name one of its sub-attributes."));
        }
        if *unique && leaf.kind == Type::Boolean {
            return Err(format!("{name} has two values, so it cannot be unique."));
        }
        if subject.is_some() {
            can_be_subject(&name, attribute, &path)?;
        }
        if !required && !names_values {
            return Err(format!("it says nothing of {name}: give type, required, allowed or unique."));
        }
        if allowed.len() > MAX_ALLOWED {
            return Err(format!("{name} has more than {MAX_ALLOWED} allowed values."));
        }
        for value in allowed {
            if let Some(complaint) = simple_complaint(kind.unwrap_or(leaf.kind), value) {
                return Err(format!("{name} {complaint}, so {} cannot be allowed.", shown(value)));
            }
        }
        let keys = allowed.iter().map(|value| key(value, &leaf)).collect();
        Ok(Self {
            unique: unique.then(|| format!("{generation} {name}").into()),
            name: name.into(),
            leaf,
            kind,
            required: *required,
            allowed: (allowed.clone(), keys),
            is_subject: subject.is_some(),
            path,
        })
    }

    /// Each value by itself; an error is a filter that would take too long.
    fn values<'d>(&self, document: &'d impl Members) -> Result<Vec<&'d Value>, String> {
        let found = access::values(document, &self.path).map_err(|why| why.to_string())?;
        let each = found.into_iter().flat_map(|value| elements(Some(value)));
        Ok(each.filter(|value| !is_unassigned(value) && !is_blank(value)).collect())
    }

    fn complaint(&self, document: &impl Members) -> Option<String> {
        let name = &self.name;
        let values = match self.values(document) {
            Ok(values) => values,
            Err(why) => return Some(why),
        };
        match values.len() {
            0 if self.is_subject => return Some(format!("{name} is required: it is the single sign-on subject.")),
            0 => return self.required.then(|| format!("{name} is required.")),
            1 => {}
            count if self.is_subject => {
                return Some(format!(
                    "{name} has {count} values, and is the single sign-on subject: there must be one."
                ));
            }
            _ => {}
        }
        let (stated, keys) = &self.allowed;
        values.into_iter().find_map(|value| {
            if let Some(complaint) = self.kind.and_then(|kind| simple_complaint(kind, value)) {
                return Some(format!("{name} {complaint}, and is {}.", shown(value)));
            }
            let is_allowed = keys.is_empty() || keys.contains(&key(value, &self.leaf));
            (!is_allowed).then(|| format!("{name} must be {}, and is {}.", one_of(stated), shown(value)))
        })
    }
}

/// A single sign-on subject is one text.
fn can_be_subject(name: &str, attribute: &AttributeRef, path: &Path) -> Result<(), String> {
    let leaf = attribute.leaf();
    if !matches!(leaf.kind, Type::String | Type::Reference) {
        return Err(format!("{name} has the type {}; a single sign-on subject is a text.", leaf.kind.name()));
    }
    let is_list = attribute.attribute.multi_valued && path.element.is_none();
    if is_list || attribute.sub.as_ref().is_some_and(|sub| sub.multi_valued) {
        return Err(format!("{name} may have several values; select one, as emails[type eq \"work\"].value does."));
    }
    Ok(())
}

/// A type that is the attribute's, or a part of it.
fn narrowed(name: &str, leaf: &Attribute, word: &str) -> Result<Type, String> {
    let kind = Type::from_name(word).filter(|kind| *kind != Type::Complex);
    let kind = kind.ok_or_else(|| {
        format!("{word} is not a type: string, boolean, decimal, integer, dateTime, binary or reference is one.")
    })?;
    let is_part = match leaf.kind {
        Type::String => matches!(kind, Type::String | Type::DateTime | Type::Binary | Type::Reference),
        Type::Decimal => matches!(kind, Type::Decimal | Type::Integer),
        own => own == kind,
    };
    if is_part {
        return Ok(kind);
    }
    Err(format!("{name} has the type {}, so no value of it can be {word}.", leaf.kind.name()))
}

/// Values are compared as those of a filter with `eq`.
fn key(value: &Value, attribute: &Attribute) -> String {
    match value {
        Value::String(text) => comparison_key(text, attribute).into_owned(),
        Value::Number(number) => Decimal::new(number).key(),
        other => other.to_string(),
    }
}

fn one_of(allowed: &[Value]) -> String {
    let named: Vec<String> = allowed.iter().take(MAX_NAMED).map(shown).collect();
    match (named.as_slice(), allowed.len().saturating_sub(MAX_NAMED)) {
        ([one], 0) => one.clone(),
        (_, 0) => format!("one of {}", named.join(", ")),
        (_, more) => format!("one of {} or {more} others", named.join(", ")),
    }
}

/// The path of a rule, by the name under which its values are entered.
#[must_use]
pub fn path_of(entry: &str) -> &str {
    entry.split_once(' ').map_or(entry, |(_, path)| path)
}

/// A value as JSON, shortened.
#[must_use]
pub fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
