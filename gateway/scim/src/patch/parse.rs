//! Parses the body of a PATCH into steps and resolves its paths and keys in all their forms.

use std::sync::Arc;

use serde_json::Value;

use super::{MAX_STEPS, Number, PATCH_SCHEMA, Patch, Step, Target, Verb};
use crate::attribute::{Attribute, Mutability, Returned};
use crate::error::{ScimError, ScimType, quoted};
use crate::leniency::{Choice, Leniencies, Leniency, Warnings};
use crate::normalise::key::{self, Key};
use crate::normalise::value::{describe, refuse_nul};
use crate::path::{self, Path};
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::value::{is_blank, is_unassigned, take_member};

mod members;

pub(super) fn parse(body: Value, rt: &ResourceType, leniencies: Leniencies) -> Result<Patch, ScimError> {
    refuse_nul(&body)?;
    let Value::Object(mut body) = body else {
        return Err(ScimError::invalid_syntax("The body of a PATCH must be a JSON object with Operations."));
    };
    let mut reader = Reader::new(rt, leniencies, Warnings::default());
    reader.check_schemas(take_member(&mut body, "schemas").as_ref())?;
    for (operation, number) in reader.operations(take_member(&mut body, "Operations"))?.into_iter().zip(1..) {
        reader.number = Some(number);
        reader.operation(operation).map_err(|error| error.in_operation(Some(number)))?;
    }
    Ok(reader.finish())
}

pub(super) fn parse_operation(operation: Value, rt: &ResourceType, leniencies: Leniencies) -> Result<Patch, ScimError> {
    refuse_nul(&operation)?;
    let mut reader = Reader::new(rt, leniencies, Warnings::default());
    reader.operation(operation)?;
    Ok(reader.finish())
}

/// Parses the steps on unknown attributes again under the schemas of `rt`.
pub(super) fn reinterpret(patch: Patch, rt: &ResourceType, leniencies: Leniencies) -> Result<Patch, ScimError> {
    let mut reader = Reader::new(rt, leniencies, patch.warnings);
    for (number, step) in patch.steps {
        reader.number = number;
        match step {
            Step::Unknown { verb, name, value } => {
                // A readOnly attribute is ignored as in a body.
                let name = Name { text: &name, in_path: false };
                let value = if verb == Verb::Remove { value } else { Some(value.unwrap_or_default()) };
                reader.change(name, verb, value).map_err(|error| error.in_operation(number))?;
            }
            other => reader.push(other)?,
        }
    }
    Ok(reader.finish())
}

/// The name in an operation: its `path`, or a key of the value of an operation without a path.
#[derive(Clone, Copy)]
struct Name<'a> {
    text: &'a str,
    in_path: bool,
}

impl Name<'_> {
    fn refusal(&self, detail: impl Into<String>) -> ScimError {
        let keyword = if self.in_path { ScimType::InvalidPath } else { ScimType::InvalidSyntax };
        ScimError::bad_request(keyword, detail)
    }
}

struct Reader<'a> {
    rt: &'a ResourceType,
    leniencies: Leniencies,
    warnings: Warnings,
    /// The number of the operation that is read.
    number: Number,
    steps: Vec<(Number, Step)>,
}

impl<'a> Reader<'a> {
    fn new(rt: &'a ResourceType, leniencies: Leniencies, warnings: Warnings) -> Self {
        Self { rt, leniencies, warnings, number: None, steps: Vec::new() }
    }

    fn finish(self) -> Patch {
        Patch { steps: self.steps, warnings: self.warnings }
    }

    /// Adds a step. Refused before more are read, since each name is looked up.
    fn push(&mut self, step: Step) -> Result<(), ScimError> {
        if self.steps.len() == MAX_STEPS {
            let detail = format!("The request makes more than {MAX_STEPS} changes, the most that are accepted.");
            return Err(ScimError::new(413, detail));
        }
        self.steps.push((self.number, step));
        Ok(())
    }

    /// RFC 7644 §3.5.2: "The body of each request MUST contain the "schemas" attribute with the URI value of
    /// urn:ietf:params:scim:api:messages:2.0:PatchOp". Entra ID omits it with its feature flag on.
    fn check_schemas(&mut self, schemas: Option<&Value>) -> Result<(), ScimError> {
        let is_patch = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_SCHEMA));
        if schemas.and_then(Value::as_array).is_some_and(|urns| urns.iter().any(is_patch)) {
            return Ok(());
        }
        self.leniencies.tolerate(Leniency::BaseSchemaMissing, "schemas", &mut self.warnings, || {
            ScimError::invalid_syntax(format!("schemas must name {PATCH_SCHEMA}."))
        })
    }

    fn operations(&mut self, operations: Option<Value>) -> Result<Vec<Value>, ScimError> {
        let refuse = || ScimError::invalid_syntax("Operations must be an array of at least one operation.");
        match operations {
            Some(Value::Array(operations)) if !operations.is_empty() => Ok(operations),
            Some(one @ Value::Object(_)) => {
                self.leniencies.tolerate(Leniency::ScalarForArray, "Operations", &mut self.warnings, refuse)?;
                Ok(vec![one])
            }
            _ => Err(refuse()),
        }
    }

    fn operation(&mut self, operation: Value) -> Result<(), ScimError> {
        let Value::Object(mut operation) = operation else {
            let detail = format!("Each of the Operations must be an object, not {}.", describe(&operation));
            return Err(ScimError::invalid_syntax(detail));
        };
        let verb = self.verb(take_member(&mut operation, "op").as_ref())?;
        let value = take_member(&mut operation, "value");
        let path = match take_member(&mut operation, "path") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(path)) => self.trim(path)?,
            Some(other) => {
                let detail = format!("path must be a text, not {}.", describe(&other));
                return Err(ScimError::bad_request(ScimType::InvalidPath, detail));
            }
        };
        if verb != Verb::Remove && value.is_none() {
            let at = if path.is_empty() { String::new() } else { format!(" of {}", quoted(&path)) };
            return Err(ScimError::invalid_value(format!("The {}{at} must have a value.", verb.word())));
        }
        if !path.is_empty() {
            return self.change(Name { text: &path, in_path: true }, verb, value);
        }
        // RFC 7644 §3.5.2.2: "If "path" is unspecified, the operation fails with HTTP status code 400 and a
        // "scimType" error code of "noTarget"."
        match (verb, value) {
            (Verb::Remove, _) => {
                Err(ScimError::bad_request(ScimType::NoTarget, "An operation remove must have a path."))
            }
            (_, Some(_)) if self.leniencies.chooses(Choice::PathRequired) => {
                Err(ScimError::bad_request(ScimType::InvalidPath, "Every operation must have a path."))
            }
            (_, Some(Value::Object(attributes))) => {
                attributes.into_iter().try_for_each(|(key, value)| self.change_key(&key, verb, value))
            }
            (_, other) => Err(ScimError::invalid_value(format!(
                "Without a path, the value must be an object with the attributes to change, not {}.",
                describe(&other.unwrap_or_default())
            ))),
        }
    }

    /// RFC 7644 §3.5.2: the value of `op` "MAY be one of "add", "remove", or "replace"".
    fn verb(&mut self, op: Option<&Value>) -> Result<Verb, ScimError> {
        let refuse = || {
            let sent = match op {
                None => "it is missing".to_owned(),
                Some(Value::String(text)) => format!("it is {}", quoted(text)),
                Some(other) => format!("it is {}", describe(other)),
            };
            ScimError::invalid_syntax(format!("op must be add, remove or replace; {sent}."))
        };
        let text = op.and_then(Value::as_str).unwrap_or_default();
        let verb = Verb::find(text).ok_or_else(refuse)?;
        if verb.word() != text {
            self.leniencies.tolerate(Leniency::OperationCase, "op", &mut self.warnings, refuse)?;
        }
        Ok(verb)
    }

    fn trim(&mut self, path: String) -> Result<String, ScimError> {
        let trimmed = path.trim();
        if !path.is_empty() && trimmed.len() == path.len() {
            return Ok(path);
        }
        self.leniencies.tolerate(Leniency::BlankPath, "path", &mut self.warnings, || {
            let detail = format!("path must name an attribute, without spaces around it; it is {}.", quoted(&path));
            ScimError::bad_request(ScimType::InvalidPath, detail)
        })?;
        Ok(trimmed.to_owned())
    }

    /// RFC 7644 §3.5.2.1: without a path, "the "value" parameter contains a set of attributes to be added to the
    /// resource". Clients write its keys in every form of a path.
    fn change_key(&mut self, key: &str, verb: Verb, value: Value) -> Result<(), ScimError> {
        let name = Name { text: key.trim(), in_path: false };
        if self.rt.split_urn(name.text).map_or(name.text.contains(['.', '[']), |q| !q.rest.is_empty()) {
            self.leniencies.tolerate(Leniency::PathlessDottedKeys, name.text, &mut self.warnings, || {
                name.refusal(format!("\"{key}\" must be written as an object within its attribute or schema."))
            })?;
        }
        self.change(name, verb, Some(value))
    }

    fn change(&mut self, name: Name<'_>, verb: Verb, value: Option<Value>) -> Result<(), ScimError> {
        let head = name.text.split(|c: char| c == '[' || c.is_whitespace()).next().unwrap_or_default();
        let found = key::resolve(head, self.rt, &self.leniencies, &mut self.warnings)
            .map_err(|error| name.refusal(error.detail))?;
        match found {
            Key::Extension(schema) => self.schema(Some(&schema), name, verb, value),
            Key::Base if !name.in_path => self.schema(None, name, verb, value),
            Key::Base | Key::Unknown => self.unknown(name, verb, value),
            Key::Attribute(reference) if head.len() == name.text.len() => {
                self.attribute(Target { reference, element: None }, name, verb, value)
            }
            Key::Attribute(_) => match Path::parse_with(name.text, self.rt, &self.leniencies, &mut self.warnings) {
                Ok(Path { target: path::Target::Attribute(reference), element }) => {
                    self.attribute(Target { reference, element }, name, verb, value)
                }
                Ok(Path { target: path::Target::Extension(_), .. }) => self.unknown(name, verb, value),
                Err(error) if error.scim_type == Some(ScimType::InvalidPath) && name.text.contains("].") => {
                    self.unknown(name, verb, value)
                }
                Err(error) => Err(error),
            },
        }
    }

    /// A change by the URN of a schema: of the attributes in an object, or the removal of an extension.
    fn schema(
        &mut self,
        schema: Option<&Arc<Schema>>,
        name: Name<'_>,
        verb: Verb,
        value: Option<Value>,
    ) -> Result<(), ScimError> {
        let value = value.filter(|value| verb != Verb::Remove && !self.clears(value, Leniency::EmptyStringAsNull));
        match (value, schema) {
            (Some(Value::Object(attributes)), _) => {
                for (key, value) in attributes {
                    let full = format!("{}:{key}", name.text);
                    let name = Name { text: &full, in_path: false };
                    match self.rt.resolve_in(schema, key.trim()) {
                        Some(reference) => {
                            self.attribute(Target { reference, element: None }, name, verb, Some(value))?;
                        }
                        None => self.unknown(name, verb, Some(value))?,
                    }
                }
                Ok(())
            }
            (None, Some(schema)) if verb != Verb::Add => self.remove_extension(schema),
            (None, _) => Ok(()),
            (Some(_), _) => {
                Err(ScimError::invalid_value(format!("{} must be an object with the schema's attributes.", name.text)))
            }
        }
    }

    fn remove_extension(&mut self, schema: &Arc<Schema>) -> Result<(), ScimError> {
        if self.rt.extension(&schema.id).is_some_and(|extension| extension.required) {
            return Err(ScimError::mutability(format!("{} is required and cannot be removed.", schema.id)));
        }
        self.push(Step::ExtensionRemoved(Arc::clone(schema)))
    }

    /// A change of an unknown attribute, which is kept outside the document under the name as written.
    fn unknown(&mut self, name: Name<'_>, verb: Verb, value: Option<Value>) -> Result<(), ScimError> {
        if !is_well_formed(name.text) {
            return Err(name.refusal(format!("\"{}\" is not an attribute path.", name.text)));
        }
        let refuse = |detail| name.refusal(detail);
        key::tolerate_unknown(name.text, self.rt, &self.leniencies, &mut self.warnings, refuse)?;
        let value = match verb {
            Verb::Remove => self.unknown_value_list(name, value)?,
            Verb::Add | Verb::Replace => value.filter(|value| !self.clears(value, Leniency::EmptyStringClears)),
        };
        self.push(Step::Unknown { verb, name: name.text.to_owned(), value })
    }

    /// The values listed by a removal without a filter. The meaning of a single value depends on the future schema.
    fn unknown_value_list(&mut self, name: Name<'_>, value: Option<Value>) -> Result<Option<Value>, ScimError> {
        let listed = value.filter(|value| !is_blank(value) && !name.text.contains('['));
        if listed.as_ref().is_some_and(Value::is_array) {
            tolerate_value_list(self.leniencies, name.text, &mut self.warnings)?;
        }
        Ok(listed)
    }

    fn attribute(&mut self, target: Target, name: Name<'_>, verb: Verb, value: Option<Value>) -> Result<(), ScimError> {
        let reference = &target.reference;
        let parts = [Some(&reference.attribute), reference.sub.as_ref()];
        let any = |test: fn(&Attribute) -> bool| parts.into_iter().flatten().any(|part| test(part));
        if self.rt.is_detached(reference) {
            return self.members(&target, verb, value);
        }
        if reference.extension.is_none() && reference.attribute.name == "schemas" {
            return self.schemas(name, verb, value.as_ref());
        }
        if any(|part| part.returned == Returned::Never) {
            // Accepted but not stored: the gateway stores no passwords.
            return Ok(());
        }
        if any(|part| part.mutability == Mutability::ReadOnly) {
            return self.read_only(reference, name);
        }
        self.push(Step::Attribute { verb, target, value })
    }

    /// RFC 7644 §3.5.2: "If the operation's target is "readOnly" [the server] SHALL return 400 with "mutability"". In an
    /// object it is always ignored as in a PUT, because clients send back what they read (`id`, `meta`).
    fn read_only(&mut self, reference: &AttributeRef, name: Name<'_>) -> Result<(), ScimError> {
        let full = reference.name();
        if !name.in_path {
            self.warnings.add(Leniency::ReadOnlyIgnored, full);
            return Ok(());
        }
        self.leniencies.tolerate(Leniency::ReadOnlyIgnored, &full, &mut self.warnings, || {
            ScimError::mutability(format!("{full} is readOnly; only the server changes it."))
        })
    }

    /// `schemas` follows from the data, so writing URNs of this type changes nothing.
    fn schemas(&mut self, name: Name<'_>, verb: Verb, value: Option<&Value>) -> Result<(), ScimError> {
        let known = |urn: &Value| {
            urn.as_str().is_some_and(|urn| self.rt.split_urn(urn).is_some_and(|found| found.rest.is_empty()))
        };
        let fits = match value {
            Some(Value::Array(urns)) => urns.iter().all(known),
            Some(urn) => known(urn),
            None => false,
        };
        if fits && verb != Verb::Remove && name.in_path {
            return Ok(());
        }
        if !name.in_path {
            self.warnings.add(Leniency::ReadOnlyIgnored, "schemas");
            return Ok(());
        }
        self.leniencies.tolerate(Leniency::ReadOnlyIgnored, "schemas", &mut self.warnings, || {
            ScimError::mutability("schemas follows from the attributes; change those of the extension.")
        })
    }

    /// Whether a value leaves its target unassigned.
    fn clears(&self, value: &Value, empty_string: Leniency) -> bool {
        let is_empty_text = value.as_str() == Some("") && self.leniencies.allows(empty_string);
        is_empty_text || (is_unassigned(value) && !value.is_object())
    }
}

/// RFC 7644 §3.5.2.2 defines no value for remove: the whole attribute is removed. Entra ID means only the listed values.
/// Without the leniency such an operation is refused, because it would empty a group to remove one member.
pub(super) fn tolerate_value_list(
    leniencies: Leniencies,
    attribute: &str,
    warnings: &mut Warnings,
) -> Result<(), ScimError> {
    leniencies.tolerate(Leniency::MemberRemovalByValue, attribute, warnings, || {
        ScimError::invalid_syntax(format!(
            "An operation remove has no value; write the path {attribute}[value eq \"…\"] to remove some only."
        ))
    })
}

/// Whether a name could be an attribute path: the characters of names and URNs, with an optional filter.
fn is_well_formed(text: &str) -> bool {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "$-_.:/#%".contains(c))
            && !name.ends_with(['.', ':'])
            && !name.contains("..")
    };
    let Some((head, rest)) = text.split_once('[') else { return plain(text) };
    let Some((_, tail)) = rest.rsplit_once(']') else { return false };
    plain(head) && (tail.is_empty() || tail.strip_prefix('.').is_some_and(plain))
}
